package socket

import (
	"bytes"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/journal"
)

// masked is a frame with an empty mask.
func masked(first byte, payload string) []byte {
	b := []byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}
	return append(b, payload...)
}

// Control frames and small fragments have a rate, at any position in the stream.
func TestControlFramesHaveARate(t *testing.T) {
	hello := `{"jsonrpc":"2.0","id":1,"method":"test.echo"}`
	for name, c := range map[string]struct {
		before, flood []byte
		counts        bool
	}{
		"pings":                       {nil, masked(0x89, ""), true},
		"pings with payload":          {nil, masked(0x89, "0123456789"), true},
		"pongs":                       {nil, masked(0x8A, ""), true},
		"empty fragments":             {masked(0x01, hello[:5]), masked(0x00, ""), true},
		"fragments of a byte":         {masked(0x01, hello[:5]), masked(0x00, " "), true},
		"pings within a message":      {masked(0x01, hello[:5]), masked(0x89, ""), true},
		"pings behind half a message": {masked(0x01, ""), masked(0x89, "x"), true},
		"messages in one frame each":  {nil, masked(0x81, hello), false},
	} {
		w := newWorld(t, Config{ControlRate: 10, Rate: 1e6, Burst: 1e6}, journal.Config{})
		conn := w.dial("admin")
		conn.hello(object{"filters": []any{}})
		go func() {
			_, _ = conn.net.Write(c.before)
			for range 20 {
				if _, err := conn.net.Write(bytes.Repeat(c.flood, 100)); err != nil {
					return
				}
			}
		}()
		code := 0
		var err error
		for range 2100 {
			if _, code, err = conn.Receive(); code != 0 || err != nil {
				break
			}
			if !c.counts {
				code = -1
				break
			}
		}
		if want := map[bool]int{true: CloseRate, false: -1}[c.counts]; code != want {
			t.Errorf("%s: closed with %d, %v", name, code, err)
		}
		_ = conn.ws.CloseNow()
	}
}

// Usual clients stay below: pings now and then, and messages in fragments of a few KB.
func TestUsualControlFrames(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	conn := w.dial("admin")
	conn.hello(object{"filters": []any{}})
	for range 300 {
		_, _ = conn.net.Write(masked(0x89, ""))
	}
	conn.call("test.echo", object{"value": 1}, nil)
}

// The head parser finds the frames for any split of the input.
func TestHeadReader(t *testing.T) {
	stream := bytes.Join([][]byte{
		masked(0x81, "hello"), masked(0x89, "ping"),
		{0x81, 126, 0x01, 0x00},
		bytes.Repeat([]byte{0x89}, 256),
		{0x02, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0, 0},
		make([]byte, 4+65536), masked(0x00, "x"), masked(0x80, ""), masked(0x8A, ""),
	}, nil)
	for _, piece := range []int{1, 2, 3, 7, 128, 100_000} {
		h := headReader{rate: 0.05, tokens: 3, last: time.Now()}
		for rest := stream; len(rest) > 0; {
			n := min(piece, len(rest))
			if !h.allows(rest[:n]) {
				t.Errorf("pieces of %d: more than a ping, a fragment and a pong are counted", piece)
				break
			}
			rest = rest[n:]
		}
		if h.tokens > 0.5 || h.skip != 0 || h.have != 0 {
			t.Errorf("pieces of %d: %+v", piece, h)
		}
	}
}
