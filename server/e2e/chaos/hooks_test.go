package chaos

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// hooks is a receiver of webhooks: one address for all sessions, each under a path of its own. It can fail in
// every way in which receivers fail.
type hooks struct {
	addr   string
	server *http.Server
	served chan struct{}

	mu       sync.Mutex
	mood     receiverMood
	moods    map[string]receiverMood // of one path, instead
	freed    chan struct{}           // closed to release hanging requests
	took     map[string][]delivery
	names    *e2etest.DeliveredNames
	refusals int
}

// delivery is an event that a receiver answered with 200.
type delivery struct {
	id      string
	session string
	offset  uint64
	replay  bool
	lag     time.Duration // since its commit; the id has its time in milliseconds
}

// receiverMood is the way in which a receiver answers.
type receiverMood int

const (
	well    receiverMood = iota
	failing              // 500
	busy                 // 429, in a second
	hanging              // no answer
)

func newHooks(t *testing.T) *hooks {
	t.Helper()
	h := &hooks{addr: testkit.FreeAddress(t), took: map[string][]delivery{}, names: e2etest.CheckDelivered(t, "webhooks"), moods: map[string]receiverMood{}, freed: make(chan struct{})}
	t.Cleanup(func() { h.setMood(hanging); h.setMood(well); h.kill() })
	return h
}

// start listens, for the first time or after kill.
func (h *hooks) start(t *testing.T) {
	t.Helper()
	var listener net.Listener
	testkit.Within(t, 10*time.Second, "the receiver's address is free", func() bool {
		var err error
		listener, err = net.Listen("tcp", h.addr)
		return err == nil
	})
	server, served := &http.Server{Handler: h}, make(chan struct{})
	h.server, h.served = server, served
	go func() { defer close(served); _ = server.Serve(listener) }()
}

// kill cuts every connection.
func (h *hooks) kill() {
	if h.server != nil {
		_ = h.server.Close()
		<-h.served
		h.server = nil
	}
}

// setMood changes the mood and cuts hanging requests.
func (h *hooks) setMood(m receiverMood) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mood == hanging {
		close(h.freed)
		h.freed = make(chan struct{})
	}
	h.mood = m
}

// setMoodAt changes the mood of one path.
func (h *hooks) setMoodAt(name string, m receiverMood) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.moods[name] = m
}

func (h *hooks) url(session string) string { return "http://" + h.addr + "/" + session }

// ServeHTTP implements http.Handler.
func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // cut
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	h.mu.Lock()
	m, freed := h.mood, h.freed
	if own, has := h.moods[name]; has {
		m = own
	}
	if m != well {
		h.refusals++
	}
	h.mu.Unlock()
	switch m {
	case failing:
		w.WriteHeader(http.StatusInternalServerError)
	case busy:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	case hanging:
		select {
		case <-r.Context().Done():
		case <-freed:
		}
		panic(http.ErrAbortHandler)
	case well:
		var e struct {
			ID, Session string
			Offset      uint64
		}
		err := json.Unmarshal(body, &e)
		id, notID := ulid.Parse(e.ID)
		if err != nil || notID != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		h.names.Add(name, body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.took[name] = append(h.took[name], delivery{e.ID, e.Session, e.Offset, r.Header.Get("X-Waystation-Replay") != "", time.Since(id.Timestamp())})
	}
}

func (h *hooks) taken(name string) []delivery {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]delivery(nil), h.took[name]...)
}

// bySession returns the events of one path by session.
func (h *hooks) bySession(name string) map[string][]delivery {
	out := map[string][]delivery{}
	for _, one := range h.taken(name) {
		out[one.session] = append(out[one.session], one)
	}
	return out
}

// distinct returns the number of distinct events.
func (h *hooks) distinct(name string) int { return distinct(h.taken(name)) }

func distinct(got []delivery) int {
	seen := map[string]bool{}
	for _, one := range got {
		seen[one.id] = true
	}
	return len(seen)
}

func (h *hooks) inOrder(t *testing.T, name string, want []e2etest.Event) (repeats int) {
	t.Helper()
	return inOrder(t, name, h.taken(name), want)
}

// inOrder checks that every event arrived at least once and, without repeats and replays, in the order of offsets. It
// returns the number of repeats.
func inOrder(t *testing.T, name string, got []delivery, want []e2etest.Event) (repeats int) {
	t.Helper()
	next := 0
	for _, one := range got {
		switch {
		case next < len(want) && one.id == want[next].ID && one.offset == want[next].Offset:
			next++
		case one.offset <= uint64(next):
			repeats++
		default:
			t.Errorf("%s: offset %d came when %d was due", name, one.offset, next+1)
			return repeats
		}
	}
	if next < len(want) {
		t.Errorf("%s: %d of %d events came", name, next, len(want))
	}
	return repeats
}

// pairWithHook is pairQuietly for a session with a webhook that gets its first event.
func pairWithHook(t *testing.T, server, network *e2etest.Process, session, number, url string) {
	t.Helper()
	e2etest.MustCall(t, network.Addr, "sandbox.createAccount", object{"number": number, "push_name": session}, nil)
	e2etest.MustCall(t, server.Addr, "session.create", object{"session_id": session, "connect": true, "webhook": object{"url": url}}, nil)
	testkit.Within(t, 20*time.Second, "the QR code is there and scanned", func() bool {
		return e2etest.CallMethod(server.Addr, "sandbox.scanQrCode", object{"account": number, "session": session}, nil) == nil
	})
	testkit.Within(t, 20*time.Second, session+" is connected", func() bool { return e2etest.IsConnected(server, session) })
}

func hookSession(i int) string { return fmt.Sprintf("hook%02d", i) }
func hookNumber(i int) string  { return fmt.Sprintf("1555040%04d", i) }
