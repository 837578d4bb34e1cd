package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// TestRepeatedSendsGoOutOnce repeats sends under their idempotency keys until they are answered, while the server is killed repeatedly: each
// message is sent under one id, and a repeat of an answered send returns the same answer.
func TestRepeatedSendsGoOutOnce(t *testing.T) {
	dbtest.OnEach(t, func(t *testing.T, database string) { killWhileSending(t, database, 80, 4) })
}

func killWhileSending(t *testing.T, database string, messages, kills int) {
	const session, own, peer = "repeat", "15550100001", "15550100002"
	network, root := e2etest.StartSandbox(t)
	dataDir, addr := t.TempDir(), testkit.FreeAddress(t)
	server := e2etest.StartServer(t, addr, network, root, dataDir, database)
	e2etest.PairSession(t, server, network, session, own)
	e2etest.MustCall(t, network.Addr, "sandbox.createAccount", object{"number": peer, "push_name": "Peer"}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()

	var answered, repeated atomic.Int64
	ids := make([]string, messages)
	var clients sync.WaitGroup
	const workers = 4
	for w := range workers {
		clients.Go(func() {
			for i := w; i < messages; i += workers {
				for {
					id, err := sendOnce(addr, session, peer, i)
					if err == nil {
						ids[i] = id
						answered.Add(1)
						break
					}
					if ctx.Err() != nil {
						t.Errorf("message %d was never answered: %v", i, err)
						break
					}
					var refused *e2etest.RPCError
					if errors.As(err, &refused) && (refused.Data.Reason == "conflict" || refused.Data.Reason == "idempotency_mismatch") {
						t.Error(err)
					}
					repeated.Add(1)
					<-time.After(20 * time.Millisecond)
				}
			}
		})
	}
	for k := range kills {
		after := int64(messages*k/(kills+1) + rand.IntN(messages/(kills+1)))
		testkit.Within(t, time.Minute, "some sends are answered", func() bool { return answered.Load() >= after })
		server.Kill()
		server = e2etest.StartServer(t, addr, network, root, dataDir, database)
	}
	clients.Wait()

	for i, id := range ids {
		var got struct {
			Messages []struct {
				MessageID string `json:"message_id"`
			} `json:"messages"`
		}
		testkit.Within(t, 20*time.Second, fmt.Sprintf("the peer has message %d", i), func() bool {
			e2etest.MustCall(t, network.Addr, "sandbox.listMessages", object{"account": peer, "text": textOf(i)}, &got)
			return len(got.Messages) > 0
		})
		for _, m := range got.Messages {
			if m.MessageID != id {
				t.Errorf("message %d came as %s, and was answered as %s", i, m.MessageID, id)
			}
		}
		if again, err := sendOnce(addr, session, peer, i); err != nil || again != id {
			t.Errorf("message %d again: %s, %v, want %s", i, again, err, id)
		}
	}
	t.Logf("%d messages, %d kills, %d repeats", messages, kills, repeated.Load())
	e2etest.CheckNetwork(t, network)
}

func textOf(i int) string { return fmt.Sprintf("r-%d", i) }

func sendOnce(addr, session, to string, i int) (id string, err error) {
	var sent struct {
		MessageID string `json:"message_id"`
	}
	err = e2etest.CallMethod(addr, "message.sendText", object{
		"session": session, "to": to, "text": textOf(i), "_meta": object{"idempotency_key": fmt.Sprintf("key-%d", i)},
	}, &sent)
	return sent.MessageID, err
}
