package socket

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/transports/journal"
)

// Codes for a close frame without a code, and for a missing close frame (RFC 6455, 7.1.5).
const (
	closedNoCode  = 1005
	closedWithout = 1006
)

// scripted is the client of a script, from the upgrade on. It speaks WebSocket frame by frame, so that a script can
// break its rules. Its own steps:
//
//	==> dial TOKEN          a new connection, with that token in the upgrade; - = none
//	==> append s1 Message 3 so many events in the log of a session
//	==> wait 10s            time goes by, in a bubble alone
//	==> mute                pings are not answered any more
//	==> pong hi             a pong with that payload is the next frame
//	==> pings 5000          so many pings, the last of which is answered
type scripted struct {
	w    *world
	net  net.Conn
	in   *bufio.Reader
	mute bool
}

var (
	_ rpctest.Wire = (*scripted)(nil)
	_ rpctest.Doer = (*scripted)(nil)
)

func (c *scripted) dial(token string) error {
	c.hangUp()
	header := http.Header{}
	if token != "-" {
		header.Set("Authorization", "Bearer "+token)
	}
	client, _, err := c.w.tryDial(header, "")
	if err == nil {
		c.net, c.in, c.mute = client.net, bufio.NewReader(client.net), false
	}
	return err
}

func (c *scripted) hangUp() {
	if c.net != nil {
		_ = c.net.Close()
	}
}

// Do implements rpctest.Doer.
func (c *scripted) Do(words []string) error {
	switch words[0] {
	case "dial":
		return c.dial(words[1])
	case "append":
		n, err := strconv.Atoi(words[3])
		c.w.append(words[1], words[2], n)
		return err
	case "wait":
		d, err := time.ParseDuration(words[1])
		time.Sleep(d)
		synctest.Wait()
		return err
	case "mute":
		c.mute = true
		return nil
	case "pong":
		opcode, payload, err := c.frame()
		if err != nil || opcode != opPong || string(payload) != words[1] {
			return fmt.Errorf("got frame %x %q, %w", opcode, payload, err)
		}
		return nil
	case "pings":
		return c.pings(words[1])
	}
	return fmt.Errorf("no step %q", words[0])
}

// pings sends pings as fast as it can until the last is answered; earlier ones may stay unanswered.
func (c *scripted) pings(number string) error {
	n, err := strconv.Atoi(number)
	sent := make(chan error, 1)
	go func() {
		var err error
		for i := 1; i <= n && err == nil; i++ {
			err = c.SendRaw(maskedFrame(0x80|opPing, []byte(strconv.Itoa(i))))
		}
		sent <- err
	}()
	for payload := []byte(nil); err == nil && string(payload) != number; {
		_, payload, err = c.frame()
	}
	return errors.Join(err, <-sent)
}

// SendRaw implements rpctest.Wire.
func (c *scripted) SendRaw(b []byte) error {
	_ = c.net.SetWriteDeadline(time.Now().Add(waitLimit))
	_, err := c.net.Write(b)
	return err
}

// Send implements rpctest.Conn.
func (c *scripted) Send(b []byte) error { return c.SendRaw(maskedFrame(0x80|opText, b)) }

// maskedFrame is a frame of a client, with a mask that changes nothing.
func maskedFrame(first byte, payload []byte) []byte {
	b := appendFrameHead(nil, 0, len(payload))
	b[0] = first
	b[1] |= 0x80
	return append(append(b, 0, 0, 0, 0), payload...)
}

func (c *scripted) frame() (opcode byte, payload []byte, err error) {
	_ = c.net.SetReadDeadline(time.Now().Add(6 * waitLimit))
	head := make([]byte, 2, 8)
	if _, err = io.ReadFull(c.in, head); err != nil {
		return 0, nil, err
	}
	size := uint64(head[1])
	if more := map[uint64]int{126: 2, 127: 8}[size]; more > 0 {
		var long [8]byte
		if _, err = io.ReadFull(c.in, long[8-more:]); err != nil {
			return 0, nil, err
		}
		size = binary.BigEndian.Uint64(long[:])
	}
	payload = make([]byte, size)
	_, err = io.ReadFull(c.in, payload)
	return head[0] & 0x0f, payload, err
}

// Receive implements rpctest.Conn.
func (c *scripted) Receive() ([]byte, int, error) {
	for {
		opcode, payload, err := c.frame()
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return nil, 0, err
		case err != nil:
			return nil, closedWithout, nil //nolint:nilerr // the test wants to know how the connection ended
		case opcode == opText:
			return payload, 0, nil
		case opcode == opClose:
			c.hangUp()
			if len(payload) < 2 {
				return nil, closedNoCode, nil
			}
			return nil, int(binary.BigEndian.Uint16(payload)), nil
		case opcode == opPing && !c.mute:
			if err := c.SendRaw(maskedFrame(0x80|opPong, payload)); err != nil {
				return nil, 0, err
			}
		}
	}
}

// Quiet implements rpctest.Conn.
func (c *scripted) Quiet() error { return quiet(c) }

// Each script runs beside a witness, which receives all events of a session of its own meanwhile, and leaves no state
// behind.
func TestSocketScripts(t *testing.T) {
	play := func(t *testing.T, s *rpctest.Script, w *world) {
		witness := newWitness(t, w)
		c := &scripted{w: w}
		if err := c.dial("admin"); err != nil {
			t.Fatal(err)
		}
		defer c.hangUp()
		s.Run(t, c)
		c.hangUp()
		witness.end(t, w)
	}
	for _, s := range rpctest.Load(t, "testdata") {
		t.Run(s.Name, func(t *testing.T) {
			if s.Runs("ws") {
				t.Run("ws", func(t *testing.T) { play(t, s, newWorld(t, Config{}, journal.Config{})) })
			}
			if s.Runs("bubble") {
				t.Run("bubble", func(t *testing.T) {
					inBubble(t, Config{}, func(t *testing.T, w *world) { play(t, s, w) })
				})
			}
		})
	}
}

// witness is a client that must not be affected by others.
type witness struct {
	client *client
	stop   context.CancelFunc
	events chan int
}

func newWitness(t *testing.T, w *world) *witness {
	w.directory.add("witness")
	ctx, stop := context.WithCancel(context.Background())
	x := &witness{client: w.dial("session:witness"), stop: stop, events: make(chan int, 1)}
	x.client.hello(object{})
	pause := time.Millisecond
	if w.jumps {
		pause = 100 * time.Millisecond
	}
	go func() {
		n := 0
		defer func() { x.events <- n }()
		for ; ctx.Err() == nil; n++ {
			w.append("witness", "Message", 1)
			b, code, err := x.client.Receive()
			if err != nil || code != 0 {
				t.Errorf("the witness was closed with %d, %v, after %d events, %s", code, err, n, b)
				return
			}
			if want := fmt.Sprintf(`"offset":%d,`, n+1); !strings.Contains(string(b), want) {
				t.Errorf("the witness wants %s, got %s", want, b)
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
	}()
	return x
}

// end waits until the other connections are removed.
func (x *witness) end(t *testing.T, w *world) {
	t.Helper()
	x.stop()
	if n := <-x.events; n == 0 {
		t.Error("the witness got nothing")
	}
	if err := pollUntil(waitLimit, "others are forgotten", func() bool { return w.endpoint.Connections() == 1 }); err != nil {
		t.Error(err)
	}
	_ = x.client.ws.CloseNow()
	if err := pollUntil(waitLimit, "nothing is left", func() bool { return w.endpoint.empty() }); err != nil {
		t.Error(err)
	}
}

// empty reports whether no state of any connection is left.
func (e *Endpoint) empty() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.conns)+len(e.bound)+len(e.adopters)+len(e.topics)+e.upgrading == 0
}
