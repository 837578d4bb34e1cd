package socket

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/waystation/waystation/transports/journal"
)

// documented are the close codes for invalid input of a client.
var documented = []int{
	closedNoCode, 1000, CloseProtocol, CloseRate, CloseBadFrame, CloseHelloMissing, CloseAuth, CloseTokenExpired,
	CloseProtocolVersion, CloseForbidden, CloseProtocolErrors, CloseSuperseded,
}

// FuzzFrames: after any text frame, before conn.hello or after it, a connection answers the next call or is closed
// with a documented code; all its output is JSON, and none of its state remains. Text that is not UTF-8 closes it with 1007.
func FuzzFrames(f *testing.F) {
	for _, frame := range []string{
		``, `{`, `[]`, `[1,2]`, `{"jsonrpc":"2.0","id":1,"method":"test.echo","params":{"value":[[]]}}`,
		`{"jsonrpc":"2.0","id":1,"method":"conn.hello","params":{"protocol":1,"resume":{"s1":{"epoch":"x","offset":9}},"filters":[{"chats":["a@b"]}]}}`,
		`{"jsonrpc":"2.0","id":1,"method":"events.subscribe","params":{"filters":[{"sessions":["*"],"types":["Message"]}]}}`,
		`{"jsonrpc":"2.0","method":"events.seek","params":{"session":"s1","offset":0}}`,
		`[{"jsonrpc":"2.0","id":1,"method":"events.ack","params":{"session":"s1","offset":1}},{"jsonrpc":"2.0","method":"test.panic"}]`,
		`{"jsonrpc":"2.0","id":"a","method":"conn.cancel","params":{"id":"a"}}`, `{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}`,
	} {
		f.Add([]byte(frame), true)
		f.Add([]byte(frame), false)
	}
	w, end := newPipeWorld(f, Config{}, journal.Config{})
	f.Cleanup(end)
	w.append("s1", "Message", 3)
	f.Fuzz(func(t *testing.T, frame []byte, greeted bool) {
		w.t = t
		c := &scripted{w: w}
		if err := c.dial("admin"); err != nil {
			t.Fatal(err)
		}
		defer c.hangUp()
		calls := []string{string(frame), `{"jsonrpc":"2.0","id":"probe","method":"test.echo"}`}
		if greeted {
			calls = slices.Insert(calls, 0, `{"jsonrpc":"2.0","id":"hello","method":"conn.hello","params":{"protocol":1,"from":"oldest"}}`)
		}
		go func() {
			for _, call := range calls {
				_ = c.Send([]byte(call)) // fails when the server has closed the connection before
			}
		}()
		for answered := false; !answered; {
			b, code, err := c.Receive()
			good := code == 0 && json.Valid(b) || slices.Contains(documented, code) || code == CloseInvalidText && !utf8.Valid(frame)
			if err != nil || !good {
				t.Fatalf("%q: closed with %d, %v, %s", frame, code, err, b)
			}
			probed := code == 0 && strings.Contains(string(b), `"id":"probe"`)
			if probed && !utf8.Valid(frame) {
				t.Fatalf("%q: the next call was answered: %s", frame, b)
			}
			answered = code != 0 || probed
		}
		c.hangUp()
		nothingStays(t, w)
	})
}

// FuzzWire: arbitrary bytes below the WebSocket only end their own connection.
func FuzzWire(f *testing.F) {
	f.Add([]byte{})
	f.Add(maskedFrame(0x81, []byte(`{"jsonrpc":"2.0","id":1,"method":"conn.hello","params":{"protocol":1}}`)))
	f.Add(append(maskedFrame(0x01, []byte(`{"a":`)), append(maskedFrame(0x89, []byte("x")), maskedFrame(0x80, []byte(`1}`))...)...))
	f.Add(maskedFrame(0x88, []byte{3, 0xe8}))
	f.Add([]byte{0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	w, end := newPipeWorld(f, Config{}, journal.Config{})
	f.Cleanup(end)
	f.Fuzz(func(t *testing.T, b []byte) {
		w.t = t
		c := &scripted{w: w}
		if err := c.dial("admin"); err != nil {
			t.Fatal(err)
		}
		read := make(chan struct{})
		go func(in *bufio.Reader) {
			defer close(read)
			_, _ = io.Copy(io.Discard, in) // until the connection ends, from either side
		}(c.in)
		_ = c.net.SetWriteDeadline(time.Now().Add(waitLimit))
		_, _ = c.net.Write(b) // fails when the server has closed the connection before
		c.hangUp()
		<-read
		nothingStays(t, w)
	})
}

func nothingStays(t *testing.T, w *world) {
	t.Helper()
	if err := pollUntil(waitLimit, "nothing is left", w.endpoint.empty); err != nil {
		t.Fatal(err)
	}
}
