package wire

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// fakeSession records the calls of a guard. Its goroutines end before Spawn returns.
type fakeSession struct {
	device types.JID
	closed bool
	synced int
	panics bool
}

func (s *fakeSession) Device() types.JID { return s.device }

func (s *fakeSession) Spawn(fn func()) bool {
	if !s.closed {
		fn()
	}
	return !s.closed
}

func (s *fakeSession) SyncAppState(context.Context, *whatsmeow.Client, *waBinary.Node) {
	s.synced++
	if s.panics {
		panic("strange app state")
	}
}

// guarded is a client with a guard, without a connection.
type guarded struct {
	*Guard
	session  *fakeSession
	cli      *whatsmeow.Client
	handlers map[string]stanzaHandler
	log      testkit.Buffer
	tags     []string // stanzas that reached whatsmeow
	events   chan any // events of whatsmeow
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{session: &fakeSession{}, cli: whatsmeow.NewClient(&store.Device{}, nil), handlers: map[string]stanzaHandler{}, events: make(chan any, 16)}
	log := slog.New(slog.NewTextHandler(&g.log, nil))
	g.Guard = NewGuard(g.session, Limits{Bytes: 1 << 20, Depth: 32}, func() *slog.Logger { return log })
	g.cli.AddEventHandler(func(evt any) { g.events <- evt })
	// The handlers below the guard are replaced, so that tests see which stanzas reach whatsmeow.
	reached := func(tag string, _ stanzaHandler) stanzaHandler {
		return func(_ context.Context, node *waBinary.Node) {
			if node.Attrs["test"] == "panic" {
				panic("strange stanza")
			}
			g.tags = append(g.tags, tag)
		}
	}
	if err := wrapStanzaHandlers(g.cli, reached); err != nil {
		t.Fatal(err)
	}
	if err := g.Install(g.cli); err != nil {
		t.Fatal(err)
	}
	err := wrapStanzaHandlers(g.cli, func(tag string, next stanzaHandler) stanzaHandler {
		g.handlers[tag] = next
		return next
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *guarded) handle(node waBinary.Node) { g.handlers[node.Tag](context.Background(), &node) }

// reached returns the tags of the stanzas that reached whatsmeow since the last call.
func (g *guarded) reached() string {
	defer func() { g.tags = nil }()
	return strings.Join(g.tags, " ")
}

// event returns the next event of whatsmeow, some of which come from its goroutines.
func (g *guarded) event(t *testing.T) any {
	t.Helper()
	select {
	case evt := <-g.events:
		return evt
	case <-time.After(20 * time.Second):
		t.Fatal("no event came;", g.log.String())
		return nil
	}
}

func TestPanicsDropOneStanza(t *testing.T) {
	g := newGuarded(t)
	for _, tag := range []string{"message", "receipt", "notification", "iq", "failure", "stream:error"} {
		g.handle(waBinary.Node{Tag: tag, Attrs: waBinary.Attrs{"test": "panic"}})
		if !strings.Contains(g.log.String(), "stanza "+tag) {
			t.Errorf("the panic in %s is not logged", tag)
		}
		g.handle(waBinary.Node{Tag: tag})
		if got := g.reached(); got != tag {
			t.Errorf("after the panic in %s, whatsmeow handled %q", tag, got)
		}
	}
}

func TestNotifications(t *testing.T) {
	g := newGuarded(t)
	notify := func(kind string) { g.handle(waBinary.Node{Tag: "notification", Attrs: waBinary.Attrs{"type": kind}}) }
	notify("server_sync")
	if g.session.synced != 1 || g.reached() != "" {
		t.Error("a notification of app state is the session's")
	}
	g.session.panics = true
	notify("server_sync")
	if !strings.Contains(g.log.String(), "notification server_sync") {
		t.Error("the panic of a background notification is not logged")
	}
	g.session.closed = true
	notify("server_sync")
	if g.session.synced != 2 {
		t.Error("a closed bridge handles notifications")
	}
	notify("w:gp2")
	if got := g.reached(); got != "notification" {
		t.Errorf("whatsmeow handled %q", got)
	}
	notify("passkey_prologue_request")
	if got := g.reached(); got != "notification" {
		t.Errorf("a pairing in progress: whatsmeow handled %q", got)
	}
	g.session.device = types.NewJID("15550000001", types.DefaultUserServer)
	for kind := range pairingNotifications {
		notify(kind)
	}
	if got := g.reached(); got != "" {
		t.Errorf("a paired session: whatsmeow handled %q", got)
	}
}

func TestPairingResultIsChecked(t *testing.T) {
	g := newGuarded(t)
	jid := types.JID{User: "15550000001", Server: types.DefaultUserServer, Device: 3}
	result := func(id any, device any) waBinary.Node {
		attrs := waBinary.Attrs{"from": types.ServerJID}
		if id != nil {
			attrs["id"] = id
		}
		return waBinary.Node{Tag: "iq", Attrs: attrs, Content: []waBinary.Node{{Tag: "pair-success", Content: []waBinary.Node{{Tag: "device", Attrs: waBinary.Attrs{"jid": device}}}}}}
	}
	g.handle(result("1", jid))
	g.handle(waBinary.Node{Tag: "iq", Attrs: waBinary.Attrs{"from": types.ServerJID}})
	if got := g.reached(); got != "iq iq" {
		t.Errorf("whatsmeow handled %q", got)
	}
	for name, bad := range map[string]waBinary.Node{
		"no id": result(nil, jid), "no device": result("1", ""), "a phone": result("1", jid.ToNonAD()),
		"a LID": result("1", types.JID{User: "1", Server: types.HiddenUserServer, Device: 3}), "no user": result("1", types.JID{Server: types.DefaultUserServer, Device: 3}),
	} {
		g.handle(bad)
		if failed, ok := g.event(t).(*events.PairError); !ok || failed.Error == nil || g.reached() != "" {
			t.Errorf("%s: %v", name, failed)
		}
	}
	g.session.device = jid
	g.handle(result("1", jid))
	if got := g.reached(); got != "" || len(g.events) > 0 {
		t.Errorf("a paired session: %q, %d events", got, len(g.events))
	}
}

func TestEndOfAConnection(t *testing.T) {
	g := newGuarded(t)
	failure := waBinary.Node{Tag: "failure", Attrs: waBinary.Attrs{"reason": "503", "message": "later"}}
	g.RememberEnd(marshal(t, failure))
	g.handle(failure)
	if got := g.reached(); got != "failure" || g.takeEnd() != nil {
		t.Errorf("whatsmeow handled %q; a handled stanza is remembered", got)
	}
	if got := g.TakeReason(); got != "refused: 503: service unavailable" || g.TakeReason() != "" {
		t.Errorf("reason %q", got)
	}
	g.HandleMissedEnd(t.Context(), g.cli)
	if len(g.events) > 0 {
		t.Error("nothing was missed, and there is an event")
	}

	g.RememberEnd(marshal(t, waBinary.Node{Tag: "message"}))
	g.RememberEnd(marshal(t, waBinary.Node{Tag: "failure", Attrs: waBinary.Attrs{"reason": "400"}}))
	g.HandleMissedEnd(t.Context(), g.cli)
	if failed, ok := g.event(t).(*events.ConnectFailure); !ok || failed.Reason != 400 || g.TakeReason() == "" {
		t.Errorf("missed failure: %v", failed)
	}
	g.RememberEnd(marshal(t, waBinary.Node{Tag: "stream:error", Content: []waBinary.Node{{Tag: "conflict", Attrs: waBinary.Attrs{"type": "replaced"}}}}))
	g.HandleMissedEnd(t.Context(), g.cli)
	if evt := g.event(t); evt.(*events.StreamReplaced) == nil {
		t.Errorf("missed conflict: %v", evt)
	}
	g.RememberEnd(marshal(t, failure))
	g.noteEnd(t.Context(), &failure)
	g.Forget()
	if g.takeEnd() != nil || g.TakeReason() != "" {
		t.Error("the end of the previous connection is not forgotten")
	}
}

func TestEnds(t *testing.T) {
	for want, node := range map[string]waBinary.Node{
		"refused: 405: client is out of date": {Tag: "failure", Attrs: waBinary.Attrs{"reason": "405"}},
		"refused: 400: bad request":           {Tag: "failure", Attrs: waBinary.Attrs{"reason": "400"}},
		"stream error 515":                    {Tag: "stream:error", Attrs: waBinary.Attrs{"code": "515"}},
		"":                                    {Tag: "stream:error", Attrs: waBinary.Attrs{"code": "x"}},
	} {
		if got := endOf(&node).Reason(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	g := newGuarded(t)
	ctx := g.noteEnd(t.Context(), &waBinary.Node{Tag: "failure", Attrs: waBinary.Attrs{"reason": "413", "message": "cat"}})
	var asked *MessengerLoginError
	if err := RefuseMessengerLogin(ctx); !errors.As(err, &asked) || asked.End != (End{Code: 413, Login: true, Message: "cat"}) || !strings.Contains(err.Error(), "413") {
		t.Errorf("got %v", err)
	}
	if err := RefuseMessengerLogin(t.Context()); !errors.As(err, &asked) || asked.End != (End{}) {
		t.Errorf("without an end: %v", err)
	}
}

// TestUnknownFieldsAreErrors checks that a version of whatsmeow without these fields is reported.
func TestUnknownFieldsAreErrors(t *testing.T) {
	cli := whatsmeow.NewClient(&store.Device{}, nil)
	if _, err := field[*http.Client](cli, "websocketHTTP"); err != nil {
		t.Error(err)
	}
	if _, err := field[*http.Client](cli, "noSuchField"); err == nil {
		t.Error("a missing field has an address")
	}
	if _, err := field[string](cli, "websocketHTTP"); err == nil {
		t.Error("a field of another type has an address")
	}
	if err := NewGuard(&fakeSession{}, Limits{}, nil).InstallFrames(cli); err != nil {
		t.Errorf("without a connection: %v", err)
	}
}
