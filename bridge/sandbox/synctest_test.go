package sandbox

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"
)

// inBubble runs a test with a fake clock: network, database and client live inside and end inside.
func inBubble(t *testing.T, test func(t *testing.T, n *Network, c *whatsmeow.Client, got func() []any)) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Options{})
		in, err := n.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		container, err := sqlstore.New(ctx, "sqlite3", "file::memory:?_foreign_keys=on", waLog.Noop)
		if err != nil {
			t.Fatal(err)
		}
		box := newInbox[any](10_000)
		c := whatsmeow.NewClient(container.NewDevice(), waLog.Noop)
		c.BackgroundEventCtx = ctx
		c.AddEventHandler(func(evt any) { box.add(evt) })
		Attach(c, in.Dial)
		test(t, n, c, box.list)
		c.Disconnect()
		n.Close()
		cancel()
		time.Sleep(2 * time.Minute) // fake time: whatsmeow's history loop ends a minute after its last work
		_ = container.Close()
	})
}

func countOf[T any](list []any) int {
	count := 0
	for _, evt := range list {
		if _, ok := evt.(T); ok {
			count++
		}
	}
	return count
}

func TestKeepAliveForHours(t *testing.T) {
	inBubble(t, func(t *testing.T, n *Network, c *whatsmeow.Client, got func() []any) {
		p, err := n.AddAccount(AccountOptions{Number: "15550001", PushName: "Alice"})
		if err != nil {
			t.Fatal(err)
		}
		if err = c.Connect(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, evt := range got() {
			if qr, ok := evt.(*events.QR); ok {
				if err = p.ScanQR(context.Background(), qr.Codes[0]); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(3 * time.Hour)
		if countOf[*events.KeepAliveTimeout](got()) != 0 || countOf[*events.Connected](got()) != 1 || !c.IsLoggedIn() {
			t.Errorf("after three quiet hours: %d connects", countOf[*events.Connected](got()))
		}
		// The keepalive detects a dead connection, and the client reconnects.
		if _, err = n.Inject(Fault{Kind: FaultStall, Session: "15550001"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if countOf[*events.KeepAliveTimeout](got()) == 0 || countOf[*events.Connected](got()) != 2 || !c.IsLoggedIn() {
			t.Errorf("after a stall: %d timeouts, %d connects", countOf[*events.KeepAliveTimeout](got()), countOf[*events.Connected](got()))
		}
	})
}

func TestQRCodesRunOut(t *testing.T) {
	inBubble(t, func(t *testing.T, n *Network, c *whatsmeow.Client, _ func() []any) {
		codes, err := c.GetQRChannel(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if err = c.Connect(); err != nil {
			t.Fatal(err)
		}
		start, shown := time.Now(), 0
		for item := range codes {
			if item.Event == whatsmeow.QRChannelEventCode {
				shown++
			} else if item != whatsmeow.QRChannelTimeout {
				t.Errorf("channel says %+v", item)
			}
		}
		if took := time.Since(start); shown != qrRefs || took != 160*time.Second {
			t.Errorf("%d codes in %s", shown, took)
		}
	})
}
