package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/waystation/waystation/server/address"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// plainServer serves with limits and returns a function that opens a connection and sends a request over it, if any.
func plainServer(t *testing.T, most, perAddress int, proxies *address.Proxies) (open func(request string) net.Conn, p *plainConns) {
	t.Helper()
	p = newPlainConns(most, perAddress, proxies)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	srv.Config.ConnState = p.Changed
	srv.Start()
	t.Cleanup(srv.Close)
	return func(request string) net.Conn {
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_, _ = io.WriteString(c, request)
		return c
	}, p
}

const plainGet = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

func answered(c net.Conn) bool {
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	return err == nil && resp.StatusCode == http.StatusOK
}

// awaitRunning waits until so many connections have a request.
func awaitRunning(t *testing.T, p *plainConns, n int) {
	t.Helper()
	testkit.Eventually(t, fmt.Sprint(n, " running requests"), func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.open)-p.idle.Len() == n
	})
}

// Waiting connections of any kind do not keep new callers out; those with a request stay.
func TestWaitingConnectionsLeaveRoom(t *testing.T) {
	for name, request := range map[string]string{
		"idle after a request": plainGet,
		"nothing sent":         "",
		"half a header":        "GET / HTTP/1.1\r\nHost: loc",
	} {
		open, p := plainServer(t, 10, 1000, nil)
		busy := open("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n")
		awaitRunning(t, p, 1)
		for range 30 {
			if c := open(request); request == plainGet && !answered(c) {
				t.Fatalf("%s: not answered", name)
			}
		}
		for range 5 {
			if !answered(open(plainGet)) {
				t.Errorf("%s: a new caller is not answered", name)
			}
		}
		_, _ = io.WriteString(busy, "x")
		if !answered(busy) {
			t.Errorf("%s: a running request was cut", name)
		}
		p.mu.Lock()
		if len(p.open) > 10 || p.idle.Len() > 10 {
			t.Errorf("%s: %d connections are open", name, len(p.open))
		}
		p.mu.Unlock()
	}
}

// One address has its limit; running requests of others do not count, trusted proxies have none.
func TestConnectionsOfOneAddress(t *testing.T) {
	proxies, err := address.NewProxies([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		proxies *address.Proxies
		open    int
	}{"a client": {nil, 4}, "a trusted proxy": {proxies, 9}} {
		open, p := plainServer(t, 100, 4, c.proxies)
		const running = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n"
		var conns []net.Conn
		for i := range 9 {
			conn := open(running)
			conns = append(conns, conn)
			_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			if i < c.open {
				awaitRunning(t, p, i+1)
			} else if _, err := conn.Read(make([]byte, 1)); err == nil { // waits until the server has closed it
				t.Errorf("%s: connection %d is answered before its request is complete", name, i)
			}
		}
		served := 0
		for _, conn := range conns {
			_, _ = io.WriteString(conn, "x")
			if answered(conn) {
				served++
			}
		}
		if served != c.open {
			t.Errorf("%s: %d of 9 requests were served", name, served)
		}
	}
}
