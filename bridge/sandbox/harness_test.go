package sandbox

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"
	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
)

// waitLimit bounds every wait of the suite, far above the time that any step needs.
const waitLimit = 20 * time.Second

func TestMain(m *testing.M) {
	Activate()
	goleak.VerifyTestMain(m,
		// whatsmeow keeps its history loop for a minute after the last sync, and database/sql its opener until the handle is closed.
		goleak.IgnoreAnyFunction("go.mau.fi/whatsmeow.(*Client).handleHistorySyncNotificationLoop"),
		// whatsmeow's reader blocks for ever on a frame that arrived while the client disconnected.
		goleak.IgnoreAnyFunction("go.mau.fi/whatsmeow/socket.(*FrameSocket).frameComplete"))
}

// world is a network with a listener in memory.
type world struct {
	t   *testing.T
	net *Network
	in  *Listener
}

func newWorld(t *testing.T, options Options) *world {
	t.Helper()
	n := New(options)
	in, err := n.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.Close()
		for _, unknown := range n.UnknownIQs() {
			t.Errorf("unknown request %s: %s", unknown.Key, unknown.Stanza)
		}
	})
	return &world{t: t, net: n, in: in}
}

func (w *world) account(number, name string) *Phone {
	w.t.Helper()
	p, err := w.net.AddAccount(AccountOptions{Number: number, PushName: name})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) ctx() context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), waitLimit)
	w.t.Cleanup(cancel)
	return ctx
}

// client is a whatsmeow client with a record of its events.
type client struct {
	*whatsmeow.Client
	t      *testing.T
	events *inbox[any]
	stop   func()
}

func (w *world) client() *client {
	w.t.Helper()
	dsn := fmt.Sprintf("file:%s/wa.db?_foreign_keys=on&_journal_mode=WAL&_busy_timeout=10000&_txlock=immediate&_synchronous=NORMAL", w.t.TempDir())
	container, err := sqlstore.New(w.t.Context(), "sqlite3", dsn, waLog.Noop)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.clientOn(container)
}

func (w *world) clientOn(container *sqlstore.Container) *client {
	log := waLog.Noop
	if os.Getenv("SANDBOX_TRACE") != "" {
		log = waLog.Stdout("client", "DEBUG", false)
	}
	box := newInbox[any](100_000)
	ctx, cancel := context.WithCancel(context.Background())
	c := &client{Client: whatsmeow.NewClient(container.NewDevice(), log), t: w.t, events: &box}
	c.EnableDecryptedEventBuffer = true
	c.BackgroundEventCtx = ctx
	c.AddEventHandler(func(evt any) { box.add(evt) })
	Attach(c.Client, w.in.Dial)
	c.stop = func() {
		c.Disconnect()
		cancel()
		_ = container.Close()
	}
	w.t.Cleanup(c.stop)
	return c
}

// await waits for an event of a type that matches.
func await[T any](c *client, match func(T) bool) T {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), waitLimit)
	defer cancel()
	found, err := c.events.await(ctx, func(evt any) bool {
		typed, ok := evt.(T)
		return ok && (match == nil || match(typed))
	})
	if err != nil {
		var want T
		c.t.Fatalf("no %T: %v; got %s", want, err, c.seen())
	}
	return found.(T)
}

func (c *client) seen() string {
	var names []string
	for _, evt := range c.events.list() {
		names = append(names, fmt.Sprintf("%T", evt))
	}
	return strings.Join(names, " ")
}

// pair connects a new client and links it by QR code.
func (w *world) pair(p *Phone) *client {
	w.t.Helper()
	c := w.client()
	w.link(c, p)
	return c
}

func (w *world) link(c *client, p *Phone) {
	w.t.Helper()
	if err := c.Connect(); err != nil {
		w.t.Fatal(err)
	}
	codes := await[*events.QR](c, nil).Codes
	if err := p.ScanQR(w.ctx(), codes[0]); err != nil {
		w.t.Fatal(err)
	}
	await[*events.PairSuccess](c, nil)
	await[*events.Connected](c, nil)
	settled(c) // whatsmeow reads its store without a lock while it does this
}

func text1(s string) *waE2E.Message { return &waE2E.Message{Conversation: proto.String(s)} }

func says(s string) func(*events.Message) bool {
	return func(e *events.Message) bool { return e.Message.GetConversation() == s }
}

func heard(s string) func(Received) bool {
	return func(r Received) bool { return r.Message.GetConversation() == s }
}

func (c *client) send(to types.JID, m *waE2E.Message) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), waitLimit)
	defer cancel()
	resp, err := c.SendMessage(ctx, to, m)
	if err != nil {
		c.t.Fatalf("send: %v", err)
	}
	return resp.ID
}

func isNode(tag, kind string) func(waBinary.Node) bool {
	return func(n waBinary.Node) bool { return n.Tag == tag && text(&n, "type") == kind }
}
