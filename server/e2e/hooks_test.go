package e2e

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
)

// hooks is a receiver of webhooks: one address for all sessions, each under a path of its own. It can be made to fail in
// every way a receiver fails.
type hooks struct {
	addr   string
	server *http.Server
	served chan struct{}

	mu       sync.Mutex
	mood     mood
	moods    map[string]mood // of one path, instead
	freed    chan struct{}   // closed when nothing hangs any more
	took     map[string][]taken
	names    *deliveredNames
	refusals int
}

// taken is an event that a receiver answered 200 to.
type taken struct {
	id      string
	session string
	offset  uint64
	replay  bool
	lag     time.Duration // since it was logged, which its id says in milliseconds
}

// mood is how a receiver answers.
type mood int

const (
	well    mood = iota
	failing      // 500
	busy         // 429, in a second
	hanging      // no answer
)

func newHooks(t *testing.T) *hooks {
	t.Helper()
	h := &hooks{addr: freeAddress(t), took: map[string][]taken{}, names: checkDelivered(t, "webhooks"), moods: map[string]mood{}, freed: make(chan struct{})}
	t.Cleanup(func() { h.be(hanging); h.be(well); h.kill() })
	return h
}

// start listens, again after a kill.
func (h *hooks) start(t *testing.T) {
	t.Helper()
	var listener net.Listener
	eventually(t, 10*time.Second, "the receiver's address is free", func() bool {
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

// be changes the mood; what hung until now is cut.
func (h *hooks) be(m mood) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mood == hanging {
		close(h.freed)
		h.freed = make(chan struct{})
	}
	h.mood = m
}

// beAt changes the mood of one path.
func (h *hooks) beAt(name string, m mood) {
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
		h.names.add(name, body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.took[name] = append(h.took[name], taken{e.ID, e.Session, e.Offset, r.Header.Get("X-Waystation-Replay") != "", time.Since(id.Timestamp())})
	}
}

func (h *hooks) taken(name string) []taken {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]taken(nil), h.took[name]...)
}

// bySession is what one path took, apart for each session.
func (h *hooks) bySession(name string) map[string][]taken {
	out := map[string][]taken{}
	for _, one := range h.taken(name) {
		out[one.session] = append(out[one.session], one)
	}
	return out
}

// distinct is how many different events came.
func (h *hooks) distinct(name string) int { return distinct(h.taken(name)) }

func distinct(got []taken) int {
	seen := map[string]bool{}
	for _, one := range got {
		seen[one.id] = true
	}
	return len(seen)
}

func (h *hooks) inOrder(t *testing.T, name string, want []event) (repeats int) {
	t.Helper()
	return inOrder(t, name, h.taken(name), want)
}

// inOrder checks that every event came at least once and, leaving out repeats and replays, in the order of offsets, and
// returns how many repeats there were.
func inOrder(t *testing.T, name string, got []taken, want []event) (repeats int) {
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

// pairWithHook is pairQuietly for a session that has a webhook from its first event on.
func pairWithHook(t *testing.T, server, network *process, session, number, url string) {
	t.Helper()
	must(t, network.addr, "sandbox.createAccount", object{"number": number, "push_name": session}, nil)
	must(t, server.addr, "session.create", object{"session_id": session, "connect": true, "webhook": object{"url": url}}, nil)
	eventually(t, 20*time.Second, "the QR code is there and scanned", func() bool {
		return call(server.addr, "sandbox.scanQrCode", object{"account": number, "session": session}, nil) == nil
	})
	eventually(t, 20*time.Second, session+" is connected", func() bool { return connected(server, session) })
}

func hookSession(i int) string { return fmt.Sprintf("hook%02d", i) }
func hookNumber(i int) string  { return fmt.Sprintf("1555040%04d", i) }
