package bridge_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// newWorldWith is newWorld with a changed configuration.
func newWorldWith(t *testing.T, change func(*bridge.Config)) *world {
	t.Helper()
	w := newWorld(t)
	w.stop()
	change(&w.config)
	w.start()
	return w
}

// dialing makes clients of a world open their connections by dial.
func (w *world) dialing(dial sandbox.DialFunc) {
	w.attach = func(cli *whatsmeow.Client) { sandbox.Attach(cli, dial) }
}

func (w *world) failsWith(s *bridge.Session, reason string) {
	w.t.Helper()
	if st, err := s.Wait(w.ctx(), func(st bridge.Status) bool { return st.Reason == reason }); err != nil {
		w.t.Fatalf("the session is %s (%s), not failed with %s", st.State, st.Reason, reason)
	}
}

// TestConnectTimeoutHolds checks that a connection whose server never answers is ended, and the session tries again.
func TestConnectTimeoutHolds(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, func(c *bridge.Config) { c.ConnectTimeout = 50 * time.Millisecond })
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	w.dialing(sandbox.Dialer(silent.Addr().String()))
	s := w.create("ada")
	_ = s.Connect(w.ctx())
	w.failsWith(s, "connect_failed")
	if err := s.Disconnect(w.ctx()); err != nil {
		t.Fatal(err)
	}
	w.dialing(w.wire.Dial)
	w.config.ConnectTimeout = 20 * time.Second // a busy machine may need longer than that of the test
	w.restart()
	w.link(w.session("ada"), w.account("15550900001", "Ada"))
}

// TestLoginTimeoutHolds checks that an open connection without a login is ended.
func TestLoginTimeoutHolds(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, func(c *bridge.Config) { c.LoginTimeout = 5 * time.Second })
	w.paired("ada", w.account("15550900001", "Ada"))
	id, err := w.net.Inject(sandbox.Fault{Kind: sandbox.FaultSlow, Session: "15550900001", Delay: time.Hour, Times: -1})
	if err != nil {
		t.Fatal(err)
	}
	w.config.LoginTimeout = 100 * time.Millisecond
	w.restart()
	s := w.session("ada")
	w.failsWith(s, "login_timeout")
	w.net.ClearFault(id)
	w.reaches(s, bridge.StateConnected)
}

// TestReconnectBackoffHolds checks that the pause between attempts begins with BackoffMin and stays below BackoffMax: doubled with each attempt, 5 ms would be
// more than a minute for the last of them.
func TestReconnectBackoffHolds(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, func(c *bridge.Config) { c.BackoffMin, c.BackoffMax = 5*time.Millisecond, 20*time.Millisecond })
	w.paired("ada", w.account("15550900001", "Ada"))
	var attempts atomic.Int64
	w.dialing(func(context.Context, string, string) (net.Conn, error) {
		attempts.Add(1)
		return nil, net.ErrClosed
	})
	w.restart()
	testkit.Eventually(t, "16 attempts", func() bool { return attempts.Load() >= 16 })
	w.stop()
	attempts.Store(0)
	w.config.BackoffMin, w.config.BackoffMax = time.Hour, 2*time.Hour
	w.restart()
	testkit.Eventually(t, "an attempt", func() bool { return attempts.Load() > 0 })
	st, err := w.session("ada").Wait(w.ctx(), func(st bridge.Status) bool { return st.Reason == "connect_failed" && !st.RetryAt.IsZero() })
	if err != nil || time.Until(st.RetryAt) < 10*time.Minute || time.Until(st.RetryAt) > 2*time.Hour {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestKeepAliveLimitHolds checks that a connection is closed when pings have failed for longer than the limit, and not before.
func TestKeepAliveLimitHolds(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, func(c *bridge.Config) { c.KeepAliveLimit, c.BackoffMin, c.BackoffMax = time.Hour, time.Hour, time.Hour })
	s := w.paired("ada", w.account("15550900001", "Ada"))
	r := w.reader("ada")
	for _, since := range []time.Duration{30 * time.Minute, 2 * time.Hour} {
		if !s.Handle(&events.KeepAliveTimeout{ErrorCount: 3, LastSuccess: time.Now().Add(-since)}) {
			t.Fatal("the event was not recorded")
		}
		r.of("KeepAliveTimeout")
		if since > time.Hour {
			w.failsWith(s, "keepalive_timeout")
		} else if st := s.Status(); st.State != bridge.StateConnected {
			t.Errorf("pings failed for %v: %s (%s)", since, st.State, st.Reason)
		}
	}
}

// TestEventDataLimitHolds checks that the data of an event is reduced to the limit: its raw part first, then its text.
func TestEventDataLimitHolds(t *testing.T) {
	t.Parallel()
	const limit = 4096
	w := newWorldWith(t, func(c *bridge.Config) { c.EventDataLimit = limit })
	ada, bob := w.account("15550900001", "Ada"), w.account("15550900002", "Bob")
	w.paired("ada", ada)
	r := w.reader("ada")
	for size, whole := range map[int]bool{2000: true, 20_000: false} {
		id, err := bob.Send(w.ctx(), ada.JID(), sandbox.Text(strings.Repeat("x", size)))
		if err != nil {
			t.Fatal(err)
		}
		e := r.until("message", func(e event) bool { return e.Type == "Message" && e.data["message_id"] == id })
		text, _ := e.data["text"].(string)
		if len(e.Data) > limit || e.data["raw_truncated"] != true || (len(text) == size) != whole || (e.data["truncated"] == true) == whole {
			t.Errorf("a text of %d bytes became %d bytes of data with a text of %d", size, len(e.Data), len(text))
		}
	}
}

// TestHistoryWorkersHold checks the number of blobs that are downloaded at a time. Downloads hang until as many run as may.
func TestHistoryWorkersHold(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 2} {
		w := newWorldWith(t, func(c *bridge.Config) { c.HistoryWorkers = workers })
		var running, most atomic.Int64
		release := make(chan struct{})
		w.dialing(func(ctx context.Context, network, address string) (net.Conn, error) {
			if strings.HasPrefix(address, "mmg.") {
				most.Store(max(most.Load(), running.Add(1)))
				defer running.Add(-1)
				select {
				case <-release:
				case <-ctx.Done():
				}
			}
			return w.wire.Dial(ctx, network, address)
		})
		other := w.account("15550900003", "Other").JID()
		for name, number := range map[string]string{"ada": "15550900001", "bob": "15550900002"} {
			phone := w.account(number, name)
			if _, err := phone.AddHistory(other, sandbox.HistoryChat{
				Messages: []sandbox.HistoryMessage{{Time: time.Now().Add(-time.Hour), Content: sandbox.Text("old")}},
			}); err != nil {
				t.Fatal(err)
			}
			w.paired(name, phone)
		}
		testkit.Eventually(t, "notices of both sessions", func() bool {
			var sessions int
			err := w.db.QueryRow(w.ctx(), "SELECT COUNT(DISTINCT session) FROM bridge_history").Scan(&sessions)
			return err == nil && sessions == 2
		})
		testkit.Eventually(t, "the downloads", func() bool { return most.Load() == int64(workers) })
		close(release)
		for _, session := range []string{"ada", "bob"} {
			w.reader(session).until("its history", func(e event) bool { return e.Type == "HistorySync" && e.data["sync_type"] == "RECENT" })
		}
		if most.Load() != int64(workers) {
			t.Errorf("%d downloads at a time, want %d", most.Load(), workers)
		}
	}
}
