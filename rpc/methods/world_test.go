package methods_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/namecheck"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/rpc/methods/shared"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
)

// patience bounds every wait of these tests, far above the time that any step needs.
const patience = 20 * time.Second

// world is a simulated WhatsApp with a bridge and the methods.
type world struct {
	t       *testing.T
	network *sandbox.Network
	db      *dbutil.Database
	journal *journal.Journal
	bridge  *bridge.Bridge
	calls   *rpc.Registry
	replies *lossyReplies
	names   *namecheck.Checker // of every event and reply
}

// openJournal makes a database with a journal; the caller closes both.
func openJournal(t *testing.T) (*dbutil.Database, *journal.Journal) {
	t.Helper()
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log, err := journal.Open(t.Context(), db, journal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return db, log
}

func newWorld(t *testing.T, change ...func(*bridge.Options)) *world {
	t.Helper()
	network := sandbox.New(sandbox.Options{})
	listener, err := network.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	db, log := openJournal(t)
	names := namecheck.New()
	options := bridge.Options{DB: db, Key: make([]byte, 32), Journal: &namecheck.Journal{Log: log, Checker: names}, Attach: func(client *whatsmeow.Client) { sandbox.Attach(client, listener.Dial) }, Simulation: listener.Addr().String()}
	for _, c := range change {
		c(&options)
	}
	b, err := bridge.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	replies := &lossyReplies{}
	w := &world{t: t, names: names, network: network, db: db, journal: log, bridge: b, calls: rpc.NewRegistry(rpc.Options{Replies: replies}), replies: replies}
	deps := methods.Deps{Bridge: b}
	w.calls.MapError = shared.MapError
	methods.RegisterGroup(w.calls, deps)
	methods.RegisterCommunity(w.calls, deps)
	methods.RegisterBusiness(w.calls, deps)
	methods.RegisterBot(w.calls, deps)
	methods.RegisterContact(w.calls, deps)
	methods.RegisterProfile(w.calls, deps)
	methods.RegisterPrivacy(w.calls, deps)
	methods.RegisterDevice(w.calls, deps)
	methods.RegisterCall(w.calls, deps)
	methods.RegisterStatus(w.calls, deps)
	methods.RegisterMessage(w.calls, deps)
	methods.RegisterNewsletter(w.calls, deps)
	methods.RegisterChat(w.calls, deps)
	methods.RegisterLabel(w.calls, deps)
	methods.RegisterSync(w.calls, deps)
	methods.RegisterMedia(w.calls, deps)
	methods.RegisterPresence(w.calls, deps)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Errorf("close the bridge: %v", err)
		}
		if err := log.Close(); err != nil {
			t.Errorf("close the journal: %v", err)
		}
		network.Close()
		_ = listener.Close()
		_ = db.Close()
		problems, _ := names.TakeProblems("")
		for _, problem := range problems {
			t.Error(problem)
		}
		for _, unknown := range network.UnknownIQs() {
			t.Errorf("the network does not know %s: %s", unknown.Key, unknown.Stanza)
		}
		for _, violation := range network.Violations() {
			t.Errorf("the network refused: %+v", violation)
		}
	})
	return w
}

func (w *world) ctx() context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	w.t.Cleanup(cancel)
	return ctx
}

// member is a person: an account with its phone, and a session linked to it.
type member struct {
	w       *world
	phone   *sandbox.Phone
	session string
}

func (m *member) pn() string  { return m.phone.JID().String() }
func (m *member) lid() string { return m.phone.LID().String() }

// join adds an account with a connected session of the same name.
func (w *world) join(name, number string) *member {
	w.t.Helper()
	phone, err := w.network.AddAccount(sandbox.AccountOptions{Number: number, PushName: name})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.link(name, phone)
}

// link pairs one more session with a phone.
func (w *world) link(session string, phone *sandbox.Phone) *member {
	w.t.Helper()
	s, err := w.bridge.Create(w.ctx(), bridge.CreateParams{ID: session})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := s.Connect(w.ctx()); err != nil {
		w.t.Fatal(err)
	}
	status := w.until(s, bridge.StatePairing)
	if err := phone.ScanQR(w.ctx(), status.Code.Text); err != nil {
		w.t.Fatal(err)
	}
	w.until(s, bridge.StateConnected)
	return &member{w: w, phone: phone, session: session}
}

func (w *world) until(s *bridge.Session, state bridge.State) bridge.Status {
	w.t.Helper()
	status, err := s.Wait(w.ctx(), func(st bridge.Status) bool {
		return st.State == state && (state != bridge.StateConnected || st.LoggedIn)
	})
	if err != nil {
		w.t.Fatalf("session %s is %s (%s), not %s: %v", s.ID(), status.State, status.Reason, state, err)
	}
	return status
}

// restart reconnects a session.
func (w *world) restart(id string) {
	w.t.Helper()
	s, err := w.bridge.Session(id)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := s.Restart(w.ctx()); err != nil {
		w.t.Fatal(err)
	}
	w.until(s, bridge.StateConnected)
}

// result is a reply, decoded as by a client without Go types.
type result map[string]any

func (r result) object(field string) result {
	object, _ := r[field].(map[string]any)
	return object
}

func (r result) list(field string) []result {
	var list []result
	items, _ := r[field].([]any)
	for _, item := range items {
		object, _ := item.(map[string]any)
		list = append(list, object)
	}
	return list
}

func (r result) texts(field string) []string {
	var list []string
	items, _ := r[field].([]any)
	for _, item := range items {
		text, _ := item.(string)
		list = append(list, text)
	}
	return list
}

type params map[string]any

func (m *member) try(method string, p params) (result, *rpc.Error) {
	m.w.t.Helper()
	raw, err := json.Marshal(p)
	if err != nil {
		m.w.t.Fatal(err)
	}
	call := &rpc.Call{Principal: rpc.Principal{Kind: rpc.ScopeSession, ID: m.session, Session: m.session}}
	answer, failed := m.w.calls.Call(m.w.ctx(), call, method, raw)
	if failed != nil {
		return nil, failed
	}
	m.w.names.Reply(m.session, method, answer)
	var r result
	if err := json.Unmarshal(answer, &r); err != nil {
		m.w.t.Fatalf("%s answered %s: %v", method, answer, err)
	}
	return r, nil
}

// call makes a call that must succeed.
func (m *member) call(method string, p params) result {
	m.w.t.Helper()
	r, failed := m.try(method, p)
	if failed != nil {
		m.w.t.Fatalf("%s as %s: %v %v", method, m.session, failed, failed.Details)
	}
	return r
}

// refused makes a call that must fail with code.
func (m *member) refused(code int, method string, p params) *rpc.Error {
	m.w.t.Helper()
	r, failed := m.try(method, p)
	if failed == nil {
		m.w.t.Fatalf("%s as %s succeeded: %v", method, m.session, r)
	}
	if failed.Code != code {
		m.w.t.Fatalf("%s as %s: %v, want code %d", method, m.session, failed, code)
	}
	return failed
}

// eventually repeats a call until its result is right, for effects that arrive asynchronously.
func (m *member) eventually(what, method string, p params, right func(result) bool) result {
	m.w.t.Helper()
	ctx := m.w.ctx()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		r, failed := m.try(method, p)
		if failed == nil && right(r) {
			return r
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			m.w.t.Fatalf("%s never came: %v %v", what, r, failed)
		}
	}
}

// awaitGroupChange waits until the phone received the notification of a group change whose child has the tag.
func (m *member) awaitGroupChange(group, tag string, match func(child *waBinary.Node) bool) {
	m.w.t.Helper()
	_, err := m.phone.AwaitStanza(m.w.ctx(), func(node waBinary.Node) bool {
		if node.Tag != "notification" || node.AttrGetter().String("from") != group && node.AttrGetter().JID("from").String() != group {
			return false
		}
		for _, child := range node.GetChildren() {
			if child.Tag == tag && (match == nil || match(&child)) {
				return true
			}
		}
		return false
	})
	if err != nil {
		m.w.t.Fatalf("%s never heard of %s in %s: %v", m.session, tag, group, err)
	}
}

func (w *world) jid(text string) types.JID {
	w.t.Helper()
	jid, err := types.ParseJID(text)
	if err != nil {
		w.t.Fatal(err)
	}
	return jid
}
