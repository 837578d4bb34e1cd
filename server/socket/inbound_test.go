package socket

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/budget"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// startFrame sends the head of a masked text frame and the first bytes of its payload.
func startFrame(t *testing.T, conn net.Conn, size, sent int) {
	t.Helper()
	b := binary.BigEndian.AppendUint64([]byte{0x80 | opText, 0x80 | 127}, uint64(size))
	b = append(b, 0, 0, 0, 0)
	b = append(b, strings.Repeat(" ", sent)...)
	_ = conn.SetWriteDeadline(time.Now().Add(waitLimit))
	_, _ = conn.Write(b) // a rejected frame may be cut
}

// Frames of which the rest never comes take the share of their credential, or of their address before there is one, and no
// more. Others are served meanwhile.
func TestHalfSentFramesAreBounded(t *testing.T) {
	testkit.SkipIfShort(t)
	for name, token := range map[string]string{"before conn.hello": "", "credential in the upgrade": "session:s1"} {
		t.Run(name, func(t *testing.T) {
			frames := budget.New(1<<20, 0)
			w := newWorld(t, Config{Frames: frames, FrameGrace: 2 * time.Second, HelloTimeout: time.Minute}, journal.Config{})
			before := heapNow()
			for range 60 {
				c := w.dial(token)
				if token != "" {
					c.hello(object{"filters": []any{}})
				}
				go startFrame(t, c.net, 60_000, 50_000)
			}
			held := settled(frames)
			if held > frames.Share() || held < frames.Share()/2 {
				t.Errorf("%d bytes are counted, one share is %d", held, frames.Share())
			}
			if grown := int64(heapNow()) - int64(before); grown > 4<<20 {
				t.Errorf("the heap has grown by %d bytes", grown)
			}
			other := w.dial("session:s2")
			other.hello(object{"filters": []any{}})
			other.call("test.echo", object{"value": strings.Repeat("x", 100_000)}, nil)
			deadline := time.Now().Add(2 * waitLimit)
			for frames.Held() > 0 && time.Now().Before(deadline) { // all are ended for lack of progress
				time.Sleep(20 * time.Millisecond)
			}
			if frames.Held() > 0 {
				t.Errorf("%d bytes are left", frames.Held())
			}
		})
	}
}

// Before the credential is known, frames are small.
func TestFrameLimitFollowsTheCredential(t *testing.T) {
	w := newWorld(t, Config{MaxFrame: 200_000, MaxHelloFrame: 10_000}, journal.Config{})
	frame := func(token string, size int) []byte {
		hello := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"conn.hello","params":{"protocol":1,"token":%q}}`, token)
		return []byte(hello + strings.Repeat(" ", size-len(hello)))
	}
	for _, c := range []struct {
		upgrade string
		size    int
		code    int
	}{
		{"", 10_000, 0}, {"", 10_001, rpc.CodeTooLarge}, {"", 200_000, rpc.CodeTooLarge}, {"admin", 200_000, 0}, {"admin", 200_001, rpc.CodeTooLarge},
	} {
		conn := w.dial(c.upgrade)
		if err := conn.Send(frame("admin", c.size)); err != nil {
			t.Fatal(err)
		}
		m := conn.read()
		if code := 0; m.Error != nil && m.Error.Code != c.code || m.Error == nil && c.code != code {
			t.Errorf("%q, %d bytes: %+v", c.upgrade, c.size, m.Error)
		}
		if c.code == 0 { // afterwards the larger limit holds
			conn.call("test.echo", object{"value": strings.Repeat("x", 150_000)}, nil)
		}
	}
}

// A frame that trickles in is ended, one that keeps the rate is not.
func TestFrameMustKeepTheRate(t *testing.T) {
	w := newWorld(t, Config{FrameGrace: time.Second, MinRate: 1000}, journal.Config{})
	for name, c := range map[string]struct{ piece, closed int }{"trickle": {1, CloseStalled}, "steady": {2000, 0}} {
		conn := w.dial("admin")
		conn.hello(object{"filters": []any{}})
		const size = 60_000 // at 40 times the rate this takes longer than FrameGrace, also on a machine where each sleep lasts much longer
		startFrame(t, conn.net, size, 0)
		go func() {
			for sent := 0; sent < size; sent += c.piece {
				if _, err := conn.net.Write([]byte(strings.Repeat(" ", c.piece))); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		}()
		b, code, err := conn.Receive()
		if err != nil || code != c.closed {
			t.Errorf("%s: closed with %d: %v, %s", name, code, err, b)
		}
		_ = conn.ws.CloseNow()
	}
}

// The longest text of a message fits into a call, however its characters are written.
func TestLongestTextFits(t *testing.T) {
	const longest = 65536
	w := newWorld(t, Config{}, journal.Config{})
	c := w.dial("admin")
	limits := c.hello(object{"filters": []any{}}).Limits
	for name, char := range map[string]string{
		"ASCII": "a", "two bytes": "é", "three bytes": "好", "four bytes": "😀", "escaped": `\u00e9`, "escaped in pairs": `\ud83d\ude00`, "quotes": `\"`,
	} {
		frame := []byte(`{"jsonrpc":"2.0","id":1,"method":"test.echo","params":{"value":"` + strings.Repeat(char, longest) + `"}}`)
		if len(frame) > limits.FrameBytes {
			t.Errorf("%s: %d bytes are more than the limit in conn.hello", name, len(frame))
		}
		if err := c.Send(frame); err != nil {
			t.Fatal(err)
		}
		if m := c.read(); m.Error != nil {
			t.Errorf("%s: %+v", name, m.Error)
		}
	}
}

// Text that is not UTF-8 closes with 1007, in whatever form it comes (RFC 6455, 8.1).
func TestTextThatIsNotUTF8(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	for name, text := range map[string]string{
		"a byte":          "\xff",
		"in a string":     `{"jsonrpc":"2.0","id":1,"method":"test.echo","params":{"value":"` + "\xc3\x28" + `"}}`,
		"cut at the end":  `{"jsonrpc":"2.0","id":1,"method":"test.echo"}` + "\xf0\x9f\x98",
		"overlong":        "\xc0\x80",
		"half a pair":     "\xed\xa0\x80",
		"beyond Unicode":  "\xf4\x90\x80\x80",
		"in a large text": strings.Repeat("a", 100_000) + "\xfe",
		"in a batch":      `[{"jsonrpc":"2.0","id":1,"method":"test.echo","params":{"value":"` + "\x80" + `"}}]`,
	} {
		for _, greeted := range []bool{false, true} {
			c := w.dial("admin")
			if greeted {
				c.hello(object{"filters": []any{}})
			}
			if err := c.ws.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
				t.Fatal(err)
			}
			if b, code, err := c.Receive(); code != CloseInvalidText {
				t.Errorf("%s, greeted %v: closed with %d: %v, %.100s", name, greeted, code, err, b)
			}
		}
	}
	c := w.dial("admin")
	c.hello(object{"filters": []any{}})
	c.call("test.echo", object{"value": "é好😀\u0000"}, nil)
}
