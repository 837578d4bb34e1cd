package inbound

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/inbound/projection"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/naming"
	"github.com/waystation/waystation/bridge/people"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/testkit/golden"
)

//go:generate go test -count=1 -run Events . -update

// The tests of this package pass events of whatsmeow to a session without a connection.

var (
	ada, adaLID, bob, own = conntest.Ada, conntest.AdaLID, conntest.Bob, conntest.Own
	carolLID              = types.NewJID("100000000000004", types.HiddenUserServer)
	team                  = types.NewJID("120363000000000001", types.GroupServer)
	channel               = types.NewJID("120363000000000002", types.NewsletterServer)

	// at is the time of all events.
	at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

// world is a session with its stores and a journal in memory.
type world struct {
	*conntest.Conn
	t        *testing.T
	settings Settings
	events   *Service
	cli      *whatsmeow.Client
	own      *dbutil.Database

	mu       sync.Mutex
	records  []journal.Record
	signals  []journal.Signal
	calls    []string // calls of methods of the session
	refusals int      // the next calls of Append that fail
	group    *groups.Group
	reachout naming.Fields
	staysOut bool
	noSpawn  bool // goroutines are counted and not run
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, Conn: conntest.NewConn(t)}
	var err error
	if w.own, err = database.Migrate(t.Context(), w.DB, "bridge", os.DirFS("../migrations")); err != nil {
		t.Fatal(err)
	}
	w.cli = whatsmeow.NewClient(w.Keys, nil)
	w.events = NewService(w, "session", conntest.Owner, &Shared{
		Journal: w, Keys: people.NewKeys(w.own), Directory: w.Pairs, Messages: w.Messages, Projection: projection.NewWriter(w.Messages, nil),
		DataLimit: 1 << 20, KeepAliveLimit: time.Minute,
	}, func() *slog.Logger { return conntest.NewLog() })
	return w
}

var errRefused = errors.New("the journal refuses")

// Append implements Journal: it runs the projections in one transaction and drops records with a known key.
func (w *world) Append(ctx context.Context, session string, records ...journal.Record) ([]journal.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refusals > 0 {
		w.refusals--
		return nil, errRefused
	}
	if session != "session" {
		w.t.Errorf("a record of session %q", session)
	}
	results := make([]journal.Result, len(records))
	var added []journal.Record
	err := database.Transact(ctx, w.own, func(ctx context.Context) error {
		added = added[:0]
		for i, r := range records {
			same := func(o journal.Record) bool { return r.Key != "" && o.Key == r.Key }
			if slices.ContainsFunc(w.records, same) || slices.ContainsFunc(added, same) {
				results[i].Duplicate = true
				continue
			}
			added = append(added, r)
			if r.Project != nil {
				if err := r.Project(ctx); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil {
		w.records = append(w.records, added...)
	}
	return results, err
}

// Signal implements Journal.
func (w *world) Signal(s journal.Signal) { w.signals = append(w.signals, s) }

func (w *world) called(format string, args ...any) {
	w.calls = append(w.calls, fmt.Sprintf(format, args...))
}

// Spawn runs fn at once.
func (w *world) Spawn(fn func()) bool {
	if w.noSpawn {
		return w.Conn.Spawn(fn)
	}
	fn()
	return true
}

func (w *world) EventSettings() Settings { return w.settings }

func (w *world) StaysOut(_ context.Context, outlet string) (bool, error) {
	w.called("stays out of %s?", outlet)
	return w.staysOut, nil
}

func (w *world) SendNotice(_ context.Context, to, text, id string) error {
	w.called("send %q to %s as %s", text, to, id)
	return nil
}

func (w *world) StoredGroup(context.Context, types.JID) (*groups.Group, error) { return w.group, nil }

func (w *world) StorePushName(name string) { w.called("push name %q", name) }

func (w *world) DropSilentConnection(cli *whatsmeow.Client) {
	w.called("drop the connection, known client: %t", cli == w.cli)
}

func (w *world) SetReachout(evt *events.NotifyAccountReachoutTimelock) (naming.Fields, func()) {
	w.called("timelock %t", evt.IsActive)
	return w.reachout, func() { w.called("timelock recorded") }
}

func (w *world) RecoverAppState(_ context.Context, _ *whatsmeow.Client, answer *waE2E.PeerDataOperationRequestResponseMessage) error {
	w.called("recover app state from %s", answer.GetStanzaID())
	return nil
}

func (w *world) AddHistory(_ context.Context, id, request string, notice []byte) error {
	w.called("store history notice %s of %d bytes, request %q", id, len(notice), request)
	return nil
}

func (w *world) RefuseHistory(_ context.Context, request, reason string) error {
	w.called("history request %s is refused: %s", request, reason)
	return nil
}

// PlanAnswer notes messages of the text answer.
func (w *world) PlanAnswer(_ context.Context, _ *types.MessageInfo, data *message.EventData) func(context.Context) error {
	if data.Text == nil || *data.Text != "answer" {
		return nil
	}
	return func(context.Context) error {
		w.called("note that %s needs an answer", data.MessageID)
		return nil
	}
}

func (w *world) PlanWelcome(_ context.Context, evt *events.GroupInfo) func(context.Context) error {
	if evt.JID != team || len(evt.Join) != 1 || evt.Join[0] != bob {
		return nil
	}
	return func(context.Context) error {
		w.called("note that a member is new")
		return nil
	}
}

func (w *world) WakeAutomation() { w.called("wake the automation") }

func (w *world) FetchHistory(cli *whatsmeow.Client) {
	w.called("fetch history, known client: %t", cli == w.cli)
}

// record passes an event to the session and returns what it emitted since the last call, as text.
func (w *world) record(evt any) string {
	w.t.Helper()
	if err := w.events.Record(w.cli, evt); err != nil {
		w.t.Fatalf("%T: %v", evt, err)
	}
	return w.take()
}

// take returns the records, signals and calls since the last call, as text.
func (w *world) take() string {
	w.t.Helper()
	var out strings.Builder
	for _, r := range w.records {
		w.render(&out, r.Type, r.Time, r.Chats, r.Data, "key", r.Key, "origin", r.Origin)
	}
	for _, s := range w.signals {
		w.render(&out, s.Type, s.Time, s.Chats, s.Data, "volatile", "true")
	}
	for _, call := range w.calls {
		fmt.Fprintf(&out, "call: %s\n", call)
	}
	w.records, w.signals, w.calls = nil, nil, nil
	return out.String()
}

// render writes an event as one line per part, with the members of its data in alphabetical order, those that are null last.
func (w *world) render(out *strings.Builder, name string, when time.Time, chats []string, data json.RawMessage, parts ...string) {
	w.t.Helper()
	fmt.Fprintf(out, "%s\n", name)
	if when.Equal(at) {
		fmt.Fprintf(out, "  at: the time of the event\n")
	}
	if len(chats) > 0 {
		fmt.Fprintf(out, "  chats: %s\n", strings.Join(chats, " "))
	}
	for i := 0; i < len(parts); i += 2 {
		if parts[i+1] != "" && parts[i+1] != journal.OriginWhatsApp {
			fmt.Fprintf(out, "  %s: %s\n", parts[i], parts[i+1])
		}
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	var empty []string
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if string(members[key]) == "null" {
			empty = append(empty, key)
			continue
		}
		fmt.Fprintf(out, "    %s = %s\n", key, members[key])
	}
	if len(empty) > 0 {
		fmt.Fprintf(out, "    null: %s\n", strings.Join(empty, " "))
	}
}

// emitted is an event, a volatile event or a call of the session, as in the files of expected results.
type emitted struct {
	Type     string          `json:"type,omitempty"`
	AtEvent  bool            `json:"at_time_of_event,omitempty"`
	Chats    []string        `json:"chats,omitempty"`
	Key      string          `json:"key,omitempty"`
	Origin   string          `json:"origin,omitempty"` // unless WhatsApp's
	Volatile bool            `json:"volatile,omitempty"`
	Data     json.RawMessage `json:"data,omitempty"`
	Call     string          `json:"call,omitempty"`
}

// emits passes an event to the session and returns what it leads to.
func (w *world) emits(evt any) []emitted {
	w.t.Helper()
	if err := w.events.Record(w.cli, evt); err != nil {
		w.t.Fatalf("%T: %v", evt, err)
	}
	list := []emitted{}
	for _, r := range w.records {
		e := emitted{Type: r.Type, AtEvent: r.Time.Equal(at), Chats: r.Chats, Key: r.Key, Data: r.Data}
		if r.Origin != journal.OriginWhatsApp {
			e.Origin = r.Origin
		}
		list = append(list, e)
	}
	for _, s := range w.signals {
		list = append(list, emitted{Type: s.Type, AtEvent: s.Time.Equal(at), Chats: s.Chats, Volatile: true, Data: s.Data})
	}
	for _, call := range w.calls {
		list = append(list, emitted{Call: call})
	}
	w.records, w.signals, w.calls = nil, nil, nil
	return list
}

// sample is an event of whatsmeow. What it leads to is in testdata/<name of the test>.json.
type sample struct {
	name  string
	event any
}

// checkFamily passes each event to a session of its own. It fails if a function of the family has no sample.
func checkFamily(t *testing.T, members family, samples []sample, prepare ...func(w *world)) {
	t.Helper()
	expected := golden.Open(t, t.Name())
	seen := map[string]bool{}
	for _, s := range samples {
		seen[fmt.Sprintf("%T", s.event)] = true
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, fn := range prepare {
				fn(w)
			}
			expected.Check(t, s.name, w.emits(s.event))
		})
	}
	for _, m := range members {
		if !seen[m.event.String()] {
			t.Errorf("no sample of %s", m.event)
		}
	}
}

// checkText compares rendered events with the expected ones, line by line without indentation.
func checkText(t *testing.T, got, want string) {
	t.Helper()
	lines := func(text string) (out []string) {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" {
				out = append(out, line)
			}
		}
		return out
	}
	have, expected := lines(got), lines(want)
	if slices.Equal(have, expected) {
		return
	}
	for _, line := range expected {
		if !slices.Contains(have, line) {
			t.Errorf("missing: %s", line)
		}
	}
	for _, line := range have {
		if !slices.Contains(expected, line) {
			t.Errorf("not expected: %s", line)
		}
	}
	if !t.Failed() {
		t.Errorf("other order than expected:\n%s", got)
	}
}
