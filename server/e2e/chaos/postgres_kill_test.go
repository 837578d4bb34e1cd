package chaos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// startDurablePostgres starts a PostgreSQL of the test's own and checks that its commits reach the disk.
func startDurablePostgres(t *testing.T) *dbtest.Server {
	t.Helper()
	postgres, err := dbtest.StartPostgres()
	if err != nil {
		if testing.Short() {
			t.Skipf("no PostgreSQL: %v", err)
		}
		t.Fatal(err)
	}
	t.Cleanup(postgres.Close)
	db, err := sql.Open("pgx", postgres.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		var value string
		if err := db.QueryRowContext(t.Context(), "SHOW "+setting).Scan(&value); err != nil || value != "on" {
			t.Fatalf("%s is %q, %v", setting, value, err)
		}
	}
	return postgres
}

// PostgreSQL is killed with SIGKILL, as the kernel does when memory runs out, while messages come in and go out: each
// incoming message is in the journal once and reaches a named consumer that resumes, and each send that is repeated under
// its key until it is answered is delivered once.
func TestKilledPostgresLosesNoMessage(t *testing.T) {
	const session, own, peer = "pgkill", "15550500001", "15550500002"
	const workers = 3
	const messagesPerKill = 300 // at most, however long the database needs
	postgres := startDurablePostgres(t)
	network, root := e2etest.StartSandbox(t)
	server := e2etest.StartServer(t, testkit.FreeAddress(t), network, root, t.TempDir(), postgres.URL("postgres"), "-calls-per-second", "10000", "-call-burst", "10000")
	e2etest.PairSession(t, server, network, session, own)
	e2etest.MustCall(t, network.Addr, "sandbox.createAccount", object{"number": peer, "push_name": "Peer"}, nil)
	reader := consume(t, server, "reader", session)

	traffic, stop := context.WithCancel(t.Context())
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var answered, unanswered, received, phase atomic.Int64
	var ids sync.Map // of messages, by number
	var clients sync.WaitGroup
	clients.Go(func() {
		for i := 0; traffic.Err() == nil; i++ {
			for int64(i) >= (phase.Load()+1)*messagesPerKill && traffic.Err() == nil {
				<-time.After(10 * time.Millisecond)
			}
			if err := e2etest.CallMethod(network.Addr, "sandbox.send", object{"account": peer, "to": own, "content": object{"type": "text", "text": fmt.Sprintf("m-%d", i)}}, nil); err != nil {
				t.Error(err)
				return
			}
			received.Store(int64(i + 1))
			<-time.After(10 * time.Millisecond)
		}
	})
	for w := range workers {
		clients.Go(func() {
			for i := w; traffic.Err() == nil; i += workers {
				for {
					id, err := sendOnce(server.Addr, session, peer, i)
					if err == nil {
						ids.Store(i, id)
						answered.Add(1)
						break
					}
					var refused *e2etest.RPCError
					if errors.As(err, &refused) && (refused.Data.Reason == "conflict" || refused.Data.Reason == "idempotency_mismatch") || ctx.Err() != nil {
						t.Errorf("message %d: %v", i, err)
						return
					}
					unanswered.Add(1)
					<-time.After(20 * time.Millisecond)
				}
				<-time.After(5 * time.Millisecond)
			}
		})
	}
	kills := 2
	if testkit.FullSize() {
		kills = 6
	}
	for k := range kills {
		phase.Store(int64(k))
		sent, came := answered.Load(), received.Load()
		testkit.Within(t, 90*time.Second, "there is traffic", func() bool { return answered.Load() > sent+20 && received.Load() > came+50 })
		if err := postgres.Kill(k%2 == 0); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Duration(k) * 200 * time.Millisecond) // how long the database is away
		if err := postgres.Start(); err != nil {
			t.Fatal(err)
		}
	}
	sent := answered.Load()
	testkit.Within(t, 90*time.Second, "sends are answered after the last kill", func() bool { return answered.Load() > sent+20 })
	stop()
	clients.Wait()

	messages := int(received.Load())
	reader.checkJournal(t, server, session, messages, 3*time.Minute)
	ids.Range(func(number, id any) bool {
		i := number.(int)
		var inbox struct {
			Messages []struct {
				MessageID string `json:"message_id"`
			} `json:"messages"`
		}
		testkit.Within(t, 60*time.Second, "the peer has "+textOf(i), func() bool {
			e2etest.MustCall(t, network.Addr, "sandbox.listMessages", object{"account": peer, "text": textOf(i)}, &inbox)
			return len(inbox.Messages) > 0
		})
		if len(inbox.Messages) != 1 || inbox.Messages[0].MessageID != id {
			t.Errorf("message %d was answered as %s, and the peer has %v", i, id, inbox.Messages)
		}
		return true
	})
	t.Logf("%d messages came, %d sends were answered, %d were repeated, the consumer connected %d times", messages, answered.Load(), unanswered.Load(), reader.hellos)
	e2etest.CheckNetwork(t, network)
}
