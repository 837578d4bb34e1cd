package bridge_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/kit/testkit"
)

const (
	// wantThroughput is the minimum rate of events in the journal relative to the rate of bare clients, when both sync
	// their commits.
	wantThroughput = 0.8
	// minUnsynced is the minimum relative to bare clients that do not sync. Measured are 75 to 82 % on two cores, where
	// a message costs 1.25 ms of CPU instead of 1.0, both including the sender and the network. Half of the difference
	// is the commit with its sync.
	minUnsynced = 0.6
)

// TestThroughputBesideBareClients sends messages from the same bare whatsmeow clients to other bare clients and to
// sessions, in turns. The difference is the cost of the journal, the buffer of decrypted events and the message store.
//
// The bare clients of each group share a WAL database. One database is synced with every commit, which is SQLite's
// default and therefore that of whatsmeow's documentation; the other is not, and may lose acknowledged messages if the
// machine stops. Sessions never lose them.
//
// Other load on the machine can slow down one side alone: a missed limit is measured again, twice.
func TestThroughputBesideBareClients(t *testing.T) {
	testkit.MeasuresSpeed(t)
	const tries = 3
	for _, c := range []struct {
		sessions, messages, rounds int
		judged                     bool // the rate of one session depends on the disk, which varies
	}{
		{sessions: 1, messages: 1000, rounds: 3},
		{sessions: 16, messages: 300, rounds: testkit.ChooseSize(3, 5), judged: true},
	} {
		t.Run(fmt.Sprintf("%d", c.sessions), func(t *testing.T) {
			var synced, unsynced float64
			for n := range tries {
				t.Run(fmt.Sprint("try ", n+1), func(t *testing.T) { synced, unsynced = compareThroughput(t, c.sessions, c.messages, c.rounds) })
				if t.Failed() || !c.judged || synced >= wantThroughput && unsynced >= minUnsynced {
					return
				}
			}
			t.Errorf("%.0f%% of the rate of bare clients that sync, %.0f%% at least; %.0f%% of those that do not, %.0f%% at least; tried %d times",
				100*synced, 100*wantThroughput, 100*unsynced, 100*minUnsynced, tries)
		})
	}
}

func compareThroughput(t *testing.T, sessions, messages, rounds int) (beSynced, beUnsynced float64) {
	w := newWorld(t)
	synced, unsynced := bareContainer(t, "FULL"), bareContainer(t, "NORMAL")
	lines := make([]*line, sessions)
	for i := range lines {
		lines[i] = newLine(t, w, synced, unsynced, i)
	}
	var own, ofSynced, ofUnsynced []float64
	for round := range rounds {
		a := rateOf(t, lines, round, messages, "bare, synced", func(l *line) receiver { return &l.synced })
		b := rateOf(t, lines, round, messages, "bare, unsynced", func(l *line) receiver { return &l.unsynced })
		o := rateOf(t, lines, round, messages, "journal", func(l *line) receiver { return &l.own })
		own, ofSynced, ofUnsynced = append(own, o), append(ofSynced, o/a), append(ofUnsynced, o/b)
	}
	t.Logf("%d sessions, medians of %d rounds: %.0f/s in the journal, %.0f%% of bare clients that sync, %.0f%% of those that do not",
		sessions, rounds, median(own), 100*median(ofSynced), 100*median(ofUnsynced))
	return median(ofSynced), median(ofUnsynced)
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

// line is a client that sends to two bare clients and to a session.
type line struct {
	sender           *whatsmeow.Client
	synced, unsynced bareReceiver
	own              ownReceiver
}

// receiver is an account whose received messages are counted.
type receiver interface {
	address() types.JID
	await(ctx context.Context, prefix string) error
}

type bareReceiver struct {
	phone *sandbox.Phone
	texts chan string
}

type ownReceiver struct {
	phone   *sandbox.Phone
	journal *reader
}

func newLine(t *testing.T, w *world, synced, unsynced *sqlstore.Container, i int) *line {
	t.Helper()
	bare := func(number string, receivers *sqlstore.Container) bareReceiver {
		b := bareReceiver{phone: w.account(fmt.Sprintf("%s%03d", number, i), "Bare"), texts: make(chan string, 4096)}
		startBare(t, w, receivers, b.phone, b.texts)
		return b
	}
	l := &line{synced: bare("491555200", synced), unsynced: bare("491555400", unsynced)}
	peer := w.account(fmt.Sprintf("491555100%03d", i), "Peer")
	l.sender = startBare(t, w, bareContainer(t, "NORMAL"), peer, nil)
	l.own.phone = w.account(fmt.Sprintf("491555300%03d", i), "Own")
	id := fmt.Sprint("own", i)
	w.paired(id, l.own.phone)
	l.own.journal = w.reader(id)
	return l
}

// rateOf returns messages per second from the first send to the last arrival.
func rateOf(t *testing.T, lines []*line, round, messages int, what string, at func(*line) receiver) float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	began, cpu := time.Now(), cpuTime(t)
	var all sync.WaitGroup
	for _, l := range lines {
		all.Go(func() {
			for i := range messages {
				if _, err := l.sender.SendMessage(ctx, at(l).address(), sandbox.Text(fmt.Sprintf("%d/%d", round, i))); err != nil {
					t.Error(err)
					return
				}
			}
		})
		all.Go(func() {
			for n := range messages {
				if err := at(l).await(ctx, fmt.Sprintf("%d/", round)); err != nil {
					t.Errorf("%d of %d messages: %v", n, messages, err)
					return
				}
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	n := float64(len(lines) * messages)
	t.Logf("%s: %.0f/s, %.0f us CPU a message", what, n/time.Since(began).Seconds(), float64((cpuTime(t)-cpu).Microseconds())/n)
	return n / time.Since(began).Seconds()
}

// cpuTime returns the CPU time of the process, including the simulated phones and the network.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func (b *bareReceiver) address() types.JID { return b.phone.JID() }

func (b *bareReceiver) await(ctx context.Context, prefix string) error {
	for {
		select {
		case text := <-b.texts:
			if strings.HasPrefix(text, prefix) {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (o *ownReceiver) address() types.JID { return o.phone.JID() }

// await reads only offsets and types, so that it costs no more than the bare receiver's await.
func (o *ownReceiver) await(ctx context.Context, _ string) error {
	for {
		batch, err := o.journal.w.log.Read(ctx, o.journal.session, o.journal.after, 1, 0)
		if err != nil {
			return err
		}
		if len(batch) == 1 {
			if o.journal.after = batch[0].Offset; batch[0].Type == "Message" {
				return nil
			}
			continue
		}
		select {
		case <-o.journal.woken:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// bareContainer returns a WAL database. The bare receivers share one, as sessions do; each sender has its own, so that
// senders do not limit the rate.
func bareContainer(t *testing.T, synchronous string) *sqlstore.Container {
	t.Helper()
	container, err := sqlstore.New(t.Context(), "sqlite3", "file:"+filepath.Join(t.TempDir(), "bare.db")+
		"?_foreign_keys=on&_journal_mode=WAL&_busy_timeout=10000&_txlock=immediate&_synchronous="+synchronous, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = container.Close() })
	return container
}

// startBare pairs a whatsmeow client as in whatsmeow's documentation.
func startBare(t *testing.T, w *world, container *sqlstore.Container, phone *sandbox.Phone, texts chan<- string) *whatsmeow.Client {
	t.Helper()
	cli := whatsmeow.NewClient(container.NewDevice(), nil)
	cli.ManualHistorySyncDownload = true // the history goroutine would outlive the client by a minute
	sandbox.Attach(cli, w.wire.Dial)
	connected := make(chan struct{}, 4)
	cli.AddEventHandler(func(evt any) {
		switch e := evt.(type) {
		case *events.Connected:
			connected <- struct{}{}
		case *events.Message:
			if texts != nil {
				texts <- e.Message.GetConversation()
			}
		}
	})
	codes, err := cli.GetQRChannel(w.ctx())
	if err != nil {
		t.Fatal(err)
	}
	if err = cli.Connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cli.Disconnect)
	if err = phone.ScanQR(w.ctx(), (<-codes).Code); err != nil {
		t.Fatal(err)
	}
	select {
	case <-connected:
	case <-w.ctx().Done():
		t.Fatal("the bare client does not connect")
	}
	return cli
}
