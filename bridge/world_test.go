package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/namecheck"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
)

// patience bounds every wait of these tests; working code needs a fraction of it.
const patience = 20 * time.Second

// world is a simulated WhatsApp with a bridge on it.
type world struct {
	t       testing.TB
	net     *sandbox.Network
	wire    *sandbox.Listener
	url     string
	db      *dbutil.Database
	log     *journal.Journal
	faults  *faultyJournal
	bridge  *bridge.Bridge
	config  bridge.Config
	storage bridge.MediaStorage // nil = none
	names   *namecheck.Checker  // checks the names in every event
	stopped bool
	attach  func(*whatsmeow.Client) // nil = the network of wire
	acks    atomic.Int64            // observed acknowledgements
	hostile bool                    // the network provokes errors of clients, so that protocol violations are not reported
}

func newWorld(t testing.TB) *world { return newWorldOn(t, filepath.Join(t.TempDir(), "test.db")) }

func newWorldOn(t testing.TB, url string) *world {
	t.Helper()
	w := &world{t: t, url: url, net: sandbox.New(sandbox.Options{}), names: namecheck.New()}
	w.config = bridge.Config{BackoffMin: time.Millisecond, BackoffMax: 50 * time.Millisecond, RedeliveryPause: 10 * time.Millisecond}
	var err error
	if w.wire, err = w.net.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	w.start()
	t.Cleanup(func() {
		w.stop()
		w.net.Close()
		_ = w.wire.Close()
		if w.hostile {
			return
		}
		problems, _ := w.names.TakeProblems("")
		for _, problem := range problems {
			t.Error(problem)
		}
		for _, v := range w.net.Violations() {
			switch {
			case strings.Contains(v.Stanza, `category="peer"`): // a phone greets a companion that was unlinked meanwhile
				continue
			case strings.HasPrefix(v.Reason, "request before login"): // whatsmeow continues with app state on a new socket
				continue
			}
			t.Errorf("the network refused: %s: %s", v.Reason, v.Stanza)
		}
		for _, u := range w.net.UnknownIQs() {
			t.Errorf("the network does not know %s", u.Key)
		}
	})
	return w
}

func (w *world) start() {
	w.t.Helper()
	var err error
	if w.db, err = database.Open(w.t.Context(), w.url, database.Options{}); err != nil {
		w.t.Fatal(err)
	}
	if w.log, err = journal.Open(w.t.Context(), w.db, journal.Config{}); err != nil {
		w.t.Fatal(err)
	}
	w.faults = &faultyJournal{Journal: &namecheck.Journal{Log: w.log, Checker: w.names}}
	w.bridge, err = bridge.Open(w.t.Context(), bridge.Options{
		DB: w.db, Key: make([]byte, 32), Journal: w.faults, Config: w.config, Storage: w.storage, Log: slog.New(w.logs()),
		Attach: w.attachClient, ObserveAck: func(took time.Duration) {
			if took > 0 {
				w.acks.Add(1)
			}
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.stopped = false
}

func (w *world) stop() {
	w.t.Helper()
	if w.stopped {
		return
	}
	w.stopped = true
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.bridge.Close(ctx); err != nil {
		w.t.Errorf("close the bridge: %v", err)
	}
	if ctx.Err() != nil {
		w.t.Error("the bridge did not close in time")
	}
	if err := w.log.Close(); err != nil {
		w.t.Errorf("close the journal: %v", err)
	}
	_ = w.db.Close()
}

// restart replaces the bridge like a new process on the same database.
func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.start()
	if err := w.bridge.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) ctx() context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	w.t.Cleanup(cancel)
	return ctx
}

func (w *world) account(number, name string) *sandbox.Phone {
	w.t.Helper()
	phone, err := w.net.AddAccount(sandbox.AccountOptions{Number: number, PushName: name})
	if err != nil {
		w.t.Fatal(err)
	}
	return phone
}

func (w *world) create(id string) *bridge.Session {
	w.t.Helper()
	s, err := w.bridge.Create(w.ctx(), bridge.CreateParams{ID: id})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) session(id string) *bridge.Session {
	w.t.Helper()
	s, err := w.bridge.Session(id)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// paired creates a session and links it to a phone by QR code.
func (w *world) paired(id string, phone *sandbox.Phone) *bridge.Session {
	w.t.Helper()
	s := w.create(id)
	w.link(s, phone)
	return s
}

func (w *world) link(s *bridge.Session, phone *sandbox.Phone) {
	w.t.Helper()
	if err := s.Connect(w.ctx()); err != nil {
		w.t.Fatal(err)
	}
	w.reaches(s, bridge.StatePairing)
	if err := phone.ScanQR(w.ctx(), s.QR().Text); err != nil {
		w.t.Fatal(err)
	}
	w.reaches(s, bridge.StateConnected)
}

func (w *world) reaches(s *bridge.Session, state bridge.State) bridge.Status {
	w.t.Helper()
	st, err := s.Wait(w.ctx(), func(st bridge.Status) bool { return st.State == state })
	if err != nil {
		for _, e := range w.all(s.ID()) {
			w.t.Logf("%s %s", e.Type, e.Data)
		}
		w.t.Fatalf("the session stays %s (%s) instead of %s", st.State, st.Reason, state)
	}
	return st
}

// event is a journal event with its data decoded.
type event struct {
	*journal.Event
	data map[string]any
}

// reader follows a session's journal.
type reader struct {
	w       *world
	session string
	after   uint64
	woken   chan struct{}
	stop    func()
	patient time.Duration // timeout of until; 0 = patience
}

func (w *world) reader(session string) *reader {
	r := &reader{w: w, session: session, woken: make(chan struct{}, 1)}
	r.stop = w.log.Watch(session, r)
	w.t.Cleanup(r.stop)
	return r
}

func (r *reader) Wake(string) {
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

func (*reader) Signal(*journal.Signal) {}

// until reads up to the first event that matches and returns it; it skips earlier events.
func (r *reader) until(what string, match func(event) bool) event {
	r.w.t.Helper()
	patient := r.patient
	if patient == 0 {
		patient = patience
	}
	ctx, cancel := context.WithTimeout(r.w.t.Context(), patient)
	defer cancel()
	for {
		batch, err := r.w.log.Read(ctx, r.session, r.after, 64, 1<<20)
		if err != nil {
			r.w.t.Fatalf("read the journal: %v", err)
		}
		for _, e := range batch {
			r.after = e.Offset
			if found := decode(r.w.t, e); match(found) {
				return found
			}
		}
		if len(batch) > 0 {
			continue
		}
		select {
		case <-r.woken:
		case <-ctx.Done():
			r.w.t.Fatalf("no %s in the journal; it holds %v", what, r.w.types(r.session))
		}
	}
}

func (r *reader) of(kind string) event {
	r.w.t.Helper()
	return r.until(kind, func(e event) bool { return e.Type == kind })
}

func (r *reader) text(text string) event {
	r.w.t.Helper()
	return r.until("message "+text, func(e event) bool { return e.Type == "Message" && e.data["text"] == text })
}

func decode(t testing.TB, e *journal.Event) event {
	t.Helper()
	out := event{Event: e}
	if err := json.Unmarshal(e.Data, &out.data); err != nil {
		t.Fatalf("data of %s: %v", e.Type, err)
	}
	return out
}

// all returns every event of a session and checks that offsets are gapless.
func (w *world) all(session string) []event { return w.since(session, 0) }

// since is all without the events up to an offset.
func (w *world) since(session string, after uint64) []event {
	w.t.Helper()
	var out []event
	for {
		batch, err := w.log.Read(w.ctx(), session, after, 256, 16<<20)
		if err != nil {
			w.t.Fatalf("read the journal: %v", err)
		}
		if len(batch) == 0 {
			return out
		}
		for _, e := range batch {
			if e.Offset != after+1 {
				w.t.Fatalf("offset %d follows %d", e.Offset, after)
			}
			after = e.Offset
			out = append(out, decode(w.t, e))
		}
	}
}

func (w *world) types(session string) []string {
	var out []string
	for _, e := range w.all(session) {
		out = append(out, e.Type)
	}
	return out
}

func (w *world) count(session, text string) int {
	n := 0
	for _, e := range w.all(session) {
		if e.Type == "Message" && e.data["text"] == text {
			n++
		}
	}
	return n
}

// faultyJournal fails appends on request.
type faultyJournal struct {
	bridge.Journal
	mu     sync.Mutex
	before func(session string, records []journal.Record) error
	purge  error // of the next Purge
}

var errDiskFull = errors.New("disk full")

func (j *faultyJournal) Append(ctx context.Context, session string, records ...journal.Record) ([]journal.Result, error) {
	j.mu.Lock()
	before := j.before
	j.mu.Unlock()
	if before != nil {
		if err := before(session, records); err != nil {
			return nil, err
		}
	}
	return j.Journal.Append(ctx, session, records...)
}

func (j *faultyJournal) Purge(ctx context.Context, session string) error {
	j.mu.Lock()
	err := j.purge
	j.purge = nil
	j.mu.Unlock()
	if err != nil {
		return err
	}
	return j.Journal.Purge(ctx, session)
}

func (j *faultyJournal) set(before func(session string, records []journal.Record) error) {
	j.mu.Lock()
	j.before = before
	j.mu.Unlock()
}

// logs returns the destination of the bridge's log: discarded, or standard error with TEST_BRIDGE_LOG set.
func (w *world) logs() slog.Handler {
	if os.Getenv("TEST_BRIDGE_LOG") == "" {
		return slog.DiscardHandler
	}
	return slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})
}

func (w *world) attachClient(cli *whatsmeow.Client) {
	if w.attach != nil {
		w.attach(cli)
		return
	}
	sandbox.Attach(cli, w.wire.Dial)
}
