package bridge_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
)

// TestTemporaryRefusalsAreRetryable checks that a message rejected with a temporary code may be sent again, and one
// rejected with a permanent code may not.
func TestTemporaryRefusalsAreRetryable(t *testing.T) {
	w := newWorld(t)
	s := w.paired("ada", w.account("15550003001", "Ada"))
	w.account("15550003002", "Bob")
	for code, want := range map[int]bool{408: true, 429: true, 500: true, 502: true, 503: true, 504: true, 400: false, 403: false, 420: false, 463: false, 479: false, 501: false} {
		if _, err := w.net.Inject(sandbox.Fault{Kind: sandbox.FaultRefuseSend, Session: "15550003001", Code: code}); err != nil {
			t.Fatal(err)
		}
		_, err := send(w, s, "15550003002", "hello", outbound.SendOptions{})
		var refused *wa.Error
		if !errors.As(err, &refused) || refused.WACode != code || refused.Retryable != want {
			t.Errorf("code %d: %+v", code, err)
		}
	}
}

// TestSendsCutOffByLogoutNameTheState checks that sends interrupted by a logout return an error that the session is not
// connected, with the reason.
func TestSendsCutOffByLogoutNameTheState(t *testing.T) {
	w := newWorld(t)
	w.hostile = true // sends continue after the unlinking
	s := w.paired("ada", w.account("15550003001", "Ada"))
	w.account("15550003002", "Bob")
	var sends sync.WaitGroup
	for range 20 {
		sends.Go(func() {
			for w.t.Context().Err() == nil {
				err := s.Call(func() error { _, err := send(w, s, "15550003002", "hello", outbound.SendOptions{}); return err })
				if err == nil {
					continue
				}
				var e *wa.Error
				if !errors.As(err, &e) {
					t.Errorf("error without a type: %v", err)
				} else if e.OutcomeUnknown {
					continue // a message sent before
				} else if e.Reason != wa.ReasonNotConnected || !strings.Contains(e.Message, "created") {
					t.Errorf("%s: %s", e.Reason, e.Message)
				}
				return
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	if err := s.Logout(w.ctx()); err != nil {
		t.Fatal(err)
	}
	sends.Wait()
}

// mutedConn passes the HTTP upgrade and no data after it.
type mutedConn struct {
	net.Conn
	muted   *atomic.Bool
	reads   int
	closing chan struct{}
	once    sync.Once
}

func (c *mutedConn) Read(p []byte) (int, error) {
	if c.reads++; c.reads > 1 && c.muted.Load() {
		<-c.closing
		return 0, net.ErrClosed
	}
	return c.Conn.Read(p)
}

func (c *mutedConn) Close() error {
	c.once.Do(func() { close(c.closing) })
	return c.Conn.Close()
}

// handshakeWait is shorter than whatsmeow's wait for the answer in a handshake, 20 s.
const handshakeWait = 15 * time.Second

// TestCommandsDoNotWaitForAHandshake checks that a command on a session does not wait for a handshake that WhatsApp
// does not answer.
func TestCommandsDoNotWaitForAHandshake(t *testing.T) {
	w := newWorld(t)
	var muted atomic.Bool
	w.attach = func(cli *whatsmeow.Client) {
		sandbox.Attach(cli, func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := w.wire.Dial(ctx, network, address)
			if err != nil || !muted.Load() {
				return conn, err
			}
			return &mutedConn{Conn: conn, muted: &muted, closing: make(chan struct{})}, nil
		})
	}
	w.restart()
	s := w.paired("ada", w.account("15550003001", "Ada"))
	for name, command := range map[string]func() error{
		"disconnect": func() error { return s.Disconnect(w.ctx()) },
		"restart":    func() error { return s.Restart(w.ctx()) },
	} {
		muted.Store(false)
		if err := s.Connect(w.ctx()); err != nil {
			t.Fatal(err)
		}
		w.reaches(s, bridge.StateConnected)
		muted.Store(true)
		if _, err := w.net.Cut("15550003001"); err != nil {
			t.Fatal(err)
		}
		w.reaches(s, bridge.StateConnecting)
		time.Sleep(200 * time.Millisecond) // in the handshake
		began := time.Now()
		if err := command(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took > handshakeWait {
			t.Errorf("%s took %v", name, took)
		}
	}
	began := time.Now()
	w.stop()
	if took := time.Since(began); took > handshakeWait {
		t.Errorf("closing the bridge took %v", took)
	}
}

// TestCallTurnsPanicsOfWhatsmeowIntoErrors checks that a call fails with a typed error if whatsmeow panics on an
// incomplete answer, and that a panic of the bridge is passed on.
func TestCallTurnsPanicsOfWhatsmeowIntoErrors(t *testing.T) {
	v := newVictim(newWorld(t))
	id := v.fault(func(reply waBinary.Node) waBinary.Node {
		for _, m := range answers(reply) {
			if strings.Contains(m.change, "profile without child name") {
				return m.node
			}
		}
		return reply
	})
	err := v.s.Call(func() error { _, err := v.s.BotProfiles(v.w.ctx()); return err })
	v.w.net.ClearFault(id)
	if wa.ReasonOf(err) != wa.ReasonWhatsApp {
		t.Errorf("incomplete answer: %v", err)
	}
	v.check("it")
	defer func() {
		if recover() != "own" {
			t.Error("a panic of our own was swallowed")
		}
	}()
	_ = v.s.Call(func() error { panic("own") })
}
