package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// benchConn is a connection of a minimal client: it writes prepared bytes and reads the replies, so that the measurement
// in this process is that of the server.
type benchConn struct {
	t       *testing.T
	conn    net.Conn
	in      *bufio.Reader
	request []byte
	reply   func(*benchConn) ([]byte, error) // reads one reply
	buf     []byte
}

func connectWire(t *testing.T, s *testServer) *benchConn {
	t.Helper()
	conn, err := net.Dial("tcp", s.app.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &benchConn{t: t, conn: conn, in: bufio.NewReaderSize(conn, 64<<10), buf: make([]byte, 256<<10)}
}

// overHTTP repeats one request on one connection.
func overHTTP(t *testing.T, s *testServer, method, path, header, body string) *benchConn {
	w := connectWire(t, s)
	w.request = fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", method, path, header, len(body), body)
	w.reply = readHTTP
	return w
}

// readHTTP reads and discards a reply of known length.
func readHTTP(w *benchConn) ([]byte, error) {
	length, first := -1, true
	for {
		line, err := w.in.ReadSlice('\n')
		switch {
		case err != nil:
			return nil, err
		case first && !strings.HasPrefix(bytesText(line), "HTTP/1.1 200"):
			return nil, fmt.Errorf("status %q", line)
		case len(line) <= 2 && length < 0:
			return nil, fmt.Errorf("a reply of unknown length")
		case len(line) <= 2:
			_, err = io.ReadFull(w.in, w.buf[:length])
			return w.buf[:length], err
		}
		first = false
		const name = "content-length: "
		if len(line) > len(name) && strings.EqualFold(bytesText(line[:len(name)]), name) {
			length = 0
			for _, c := range line[len(name):] {
				if c >= '0' && c <= '9' {
					length = length*10 + int(c-'0')
				}
			}
		}
	}
}

func bytesText(b []byte) string { return string(b) } // the compiler makes no copy in comparisons

// overSocket repeats one call on a WebSocket.
func overSocket(t *testing.T, s *testServer, token string, call []byte) *benchConn {
	w := connectWire(t, s)
	fmt.Fprintf(w.conn, "GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: waystation.v1\r\nAuthorization: Bearer %s\r\n\r\n", token)
	response, err := http.ReadResponse(w.in, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", response, err)
	}
	_ = response.Body.Close()
	w.reply = readFrame
	w.request = maskedFrame([]byte(`{"jsonrpc":"2.0","id":0,"method":"conn.hello","params":{"protocol":1,"filters":[]}}`))
	w.once()
	w.request = maskedFrame(call)
	return w
}

// maskedFrame is a text frame of a client; a mask of zeros changes nothing.
func maskedFrame(payload []byte) []byte {
	frame := []byte{0x81, 0x80 | 126}
	frame = binary.BigEndian.AppendUint16(frame, uint16(len(payload)))
	return append(append(frame, 0, 0, 0, 0), payload...)
}

// readFrame reads frames until one is a reply; events and pings are skipped.
func readFrame(w *benchConn) ([]byte, error) {
	for {
		if _, err := io.ReadFull(w.in, w.buf[:2]); err != nil {
			return nil, err
		}
		size := uint64(w.buf[1])
		if more := map[uint64]int{126: 2, 127: 8}[size]; more > 0 {
			if _, err := io.ReadFull(w.in, w.buf[:more]); err != nil {
				return nil, err
			}
			size = 0
			for _, b := range w.buf[:more] {
				size = size<<8 | uint64(b)
			}
		}
		payload := w.buf[:size]
		if _, err := io.ReadFull(w.in, payload); err != nil {
			return nil, err
		}
		if strings.Contains(bytesText(payload[:min(len(payload), 40)]), `"id"`) {
			return payload, nil
		}
	}
}

func (w *benchConn) once() []byte {
	w.t.Helper()
	_ = w.conn.SetDeadline(time.Now().Add(patience))
	if _, err := w.conn.Write(w.request); err != nil {
		w.t.Fatal(err)
	}
	reply, err := w.reply(w)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply
}

// cost is the cost of one call.
type cost struct {
	cpu           time.Duration
	allocs, bytes float64
}

func (w *benchConn) measure(calls int) cost {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := cpuTime(w.t)
	for range calls {
		w.once()
	}
	used := cpuTime(w.t) - began
	runtime.ReadMemStats(&after)
	n := float64(calls)
	return cost{used / time.Duration(calls), float64(after.Mallocs-before.Mallocs) / n, float64(after.TotalAlloc-before.TotalAlloc) / n}
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func medianCost(list []cost) cost {
	pick := func(of func(cost) float64) float64 {
		values := make([]float64, len(list))
		for i, c := range list {
			values[i] = of(c)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return cost{
		time.Duration(pick(func(c cost) float64 { return float64(c.cpu) })), pick(func(c cost) float64 { return c.allocs }),
		pick(func(c cost) float64 { return c.bytes }),
	}
}

// The cost of a REST call over the same call as JSON-RPC, over HTTP and on the socket: one connection each, calls one
// after the other, the three ways alternating. CPU is that of this process, whose client is the same few system calls
// each time.
func TestRESTBesideJSONRPC(t *testing.T) {
	testkit.SkipIfShort(t)
	load := testkit.FullSize()
	s := startServer(t, "-log-level", "info", "-calls-per-second", "1000000", "-call-burst", "1000000", "-session", "none")
	const peer = "15550100002"
	token := s.pair("shop", "15550100001")
	s.call("sandbox.createAccount", object{"number": peer})
	members := []string{peer}
	for i := range 30 {
		number := fmt.Sprintf("155501002%02d", i)
		s.call("sandbox.createAccount", object{"number": number})
		members = append(members, number)
	}
	s.call("group.create", object{"session": "shop", "name": "Crew", "participants": members})

	for _, op := range []struct {
		name, verb, path, body string
		method                 string
		params                 object
		calls                  int
		allocs                 float64 // most allocations of REST over those of JSON-RPC over HTTP
	}{
		{"wwebjs status", "GET", "/wwebjs/session/status/shop", "", "session.getStatus", object{}, 4000, 0.9},
		{"wwebjs about", "POST", "/wwebjs/client/setStatus/shop", `{"status":"at sea"}`, "profile.setAbout", object{"about": "at sea"}, 1000, 1.1},
		{"status", "GET", "/wuzapi/session/status", "", "session.getStatus", object{}, 4000, 0.9},
		{"typing", "POST", "/wuzapi/chat/presence", `{"Phone":"` + peer + `","State":"paused"}`, "presence.setChatState", object{"chat": peer, "state": "paused"}, 2000, 1.1},
		{"group of 32", "GET", "/wuzapi/group/list", "", "group.list", object{"refresh": true}, 300, 1.15},
		{"send text", "POST", "/wuzapi/chat/send/text", `{"Phone":"` + peer + `","Body":"Hello"}`, "message.sendText", object{"to": peer, "text": "Hello"}, 300, 1.15},
	} {
		t.Run(op.name, func(t *testing.T) {
			call, err := json.Marshal(object{"jsonrpc": "2.0", "id": 1, "method": op.method, "params": op.params})
			if err != nil {
				t.Fatal(err)
			}
			ways := []struct {
				name string
				*benchConn
			}{
				{"JSON-RPC over HTTP", overHTTP(t, s, "POST", "/v1/rpc", "Authorization: Bearer "+token, string(call))},
				{"JSON-RPC, socket", overSocket(t, s, token, call)},
				{"REST", overHTTP(t, s, op.verb, op.path, "Token: "+token+"\r\nx-api-key: "+token, op.body)},
			}
			for _, way := range ways {
				if reply := string(way.once()); strings.Contains(reply, `"error"`) {
					t.Fatalf("%s: %s", way.name, reply)
				}
			}
			rounds, calls := 3, 50
			if load {
				rounds, calls = 7, op.calls
			}
			measured := make([][]cost, len(ways))
			for range rounds {
				for i, way := range ways {
					measured[i] = append(measured[i], way.measure(calls))
				}
			}
			base := medianCost(measured[0])
			for i, way := range ways {
				c := medianCost(measured[i])
				t.Logf("%-18s %8.1f us CPU (%.2f)  %7.1f allocations (%.2f)  %8.0f B (%.2f)", way.name, float64(c.cpu.Nanoseconds())/1000,
					float64(c.cpu)/float64(base.cpu), c.allocs, c.allocs/base.allocs, c.bytes, c.bytes/base.bytes)
			}
			if c := medianCost(measured[2]); c.allocs > op.allocs*base.allocs {
				t.Errorf("REST allocates %.1f times, JSON-RPC over HTTP %.1f times", c.allocs, base.allocs)
			}
		})
	}
}
