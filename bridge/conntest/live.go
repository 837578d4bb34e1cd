package conntest

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/sandbox"
)

// patience bounds each wait of Connect and LiveConn; working code needs a fraction of it.
const patience = 30 * time.Second

// LiveConn is a session whose client is connected to a simulated WhatsApp. Its account is Own; Ada and Bob are other people there.
type LiveConn struct {
	*Conn
	Net                          *sandbox.Network
	OwnPhone, AdaPhone, BobPhone *sandbox.Phone

	t       testing.TB
	spawned sync.WaitGroup
}

// Connect returns a session with a connected client. The test fails if the network does not know one of its requests.
func Connect(t testing.TB) *LiveConn {
	t.Helper()
	sandbox.Activate()
	conn, devices := openConn(t)
	c := &LiveConn{Conn: conn, Net: sandbox.New(sandbox.Options{}), t: t}
	wire, err := c.Net.Pipe()
	mustSucceed(t, err)
	c.OwnPhone, c.AdaPhone, c.BobPhone = c.addAccount(Own, "Own"), c.addAccount(Ada, "Ada"), c.addAccount(Bob, "Bob")
	client := whatsmeow.NewClient(devices.NewDevice(), nil)
	sandbox.Attach(client, wire.Dial)
	codes, connected, synced := make(chan string, 1), make(chan struct{}), make(chan struct{})
	once, left := sync.Once{}, len(appstate.AllPatchNames)
	client.AddEventHandler(func(evt any) {
		switch evt := evt.(type) {
		case *events.QR:
			select {
			case codes <- evt.Codes[0]:
			default:
			}
		case *events.Connected:
			once.Do(func() { close(connected) })
		case *events.AppStateSyncComplete:
			if left--; left == 0 {
				close(synced)
			}
		}
	})
	background, cancel := context.WithCancel(context.Background())
	client.BackgroundEventCtx = background
	t.Cleanup(func() {
		client.Disconnect()
		cancel()
		c.spawned.Wait()
		c.Net.Close()
		_ = wire.Close()
		for _, unknown := range c.Net.UnknownIQs() {
			t.Errorf("the network does not know the request %s", unknown.Key)
		}
	})
	mustSucceed(t, client.Connect())
	mustSucceed(t, c.OwnPhone.ScanQR(c.Deadline(), receiveInTime(t, "the QR code", codes)))
	receiveInTime(t, "the connection", connected)
	receiveInTime(t, "the synchronised settings", synced)
	c.Keys, c.client = client.Store, client
	return c
}

func (c *LiveConn) addAccount(jid types.JID, name string) *sandbox.Phone {
	c.t.Helper()
	phone, err := c.Net.AddAccount(sandbox.AccountOptions{Number: jid.User, PushName: name})
	mustSucceed(c.t, err)
	return phone
}

// Deadline returns a context that ends when the test has waited far longer than working code needs.
func (c *LiveConn) Deadline() context.Context {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	c.t.Cleanup(cancel)
	return ctx
}

// RefuseRequests makes the network refuse all requests with a code of WhatsApp until the returned function is called.
func (c *LiveConn) RefuseRequests(code int) (end func()) {
	c.t.Helper()
	return c.injectFault(sandbox.Fault{Kind: sandbox.FaultRefuseRequest, Code: code})
}

// ChangeReplies makes the network send other replies to requests until the returned function is called.
func (c *LiveConn) ChangeReplies(reply func(waBinary.Node) waBinary.Node) (end func()) {
	c.t.Helper()
	return c.injectFault(sandbox.Fault{Kind: sandbox.FaultReply, Reply: reply})
}

func (c *LiveConn) injectFault(fault sandbox.Fault) (end func()) {
	c.t.Helper()
	fault.Session, fault.Times = Own.User, -1
	id, err := c.Net.Inject(fault)
	mustSucceed(c.t, err)
	return func() { c.Net.ClearFault(id) }
}

// Spawn counts its calls and runs fn in a goroutine that ends before the test does.
func (c *LiveConn) Spawn(fn func()) bool {
	if !c.Conn.Spawn(nil) {
		return false
	}
	c.spawned.Go(fn)
	return true
}

func receiveInTime[T any](t testing.TB, what string, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
	}
	return value
}
