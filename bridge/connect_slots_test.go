package bridge_test

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"go.mau.fi/whatsmeow"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
)

// TestConnectConcurrencyHolds counts concurrent dials: at most Config.ConnectConcurrency sessions dial at a time,
// whether calls or the start of the bridge connect them. Each other session dials when an earlier login has settled,
// and all connect.
func TestConnectConcurrencyHolds(t *testing.T) {
	const most, sessions = 2, 6
	w := newWorld(t)
	for i := range sessions {
		w.paired(fmt.Sprint("s", i), w.account(fmt.Sprintf("1555000410%d", i), "Ada"))
	}
	var running, highest atomic.Int32
	dialled, release := make(chan struct{}, 10*sessions), make(chan struct{})
	w.attach = func(cli *whatsmeow.Client) {
		sandbox.Attach(cli, w.wire.Dial)
		cli.SetWebsocketHTTPClient(sandbox.NewHTTPClient(func(ctx context.Context, network, address string) (net.Conn, error) {
			n := running.Add(1)
			defer running.Add(-1)
			for h := highest.Load(); n > h && !highest.CompareAndSwap(h, n); h = highest.Load() {
			}
			dialled <- struct{}{}
			select {
			case <-release:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			return w.wire.Dial(ctx, network, address)
		}))
	}
	for name, connect := range map[string]func(){
		"start": func() {
			if err := w.bridge.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
		"calls": func() {
			for _, s := range w.bridge.Sessions() {
				if err := s.Connect(w.ctx()); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		w.stop()
		w.config.ConnectConcurrency = most
		w.start()
		highest.Store(0)
		connect()
		for range most {
			<-dialled
		}
		for range sessions - most {
			release <- struct{}{} // a login settles, and the next session dials
			<-dialled
		}
		for range most {
			release <- struct{}{}
		}
		for i := range sessions {
			s, err := w.bridge.Session(fmt.Sprint("s", i))
			if err != nil {
				t.Fatal(err)
			}
			w.reaches(s, bridge.StateConnected)
		}
		if highest.Load() != most {
			t.Errorf("%s: %d sessions dialled at a time, want %d", name, highest.Load(), most)
		}
	}
}
