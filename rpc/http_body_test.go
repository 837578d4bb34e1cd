package rpc_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/budget"
	"github.com/waystation/waystation/rpc/rpctest"
)

// serveHTTP starts a server that knows the token good and takes callers without one, whose address is the header X-From.
func serveHTTP(t *testing.T, opts rpc.PeerOptions) (addr string) {
	t.Helper()
	reg := rpc.NewRegistry(rpc.Options{})
	rpctest.Register(reg)
	srv := httptest.NewServer(rpc.HTTPHandler(reg, func(r *http.Request) (rpc.Principal, error) {
		switch r.Header.Get("Authorization") {
		case "Bearer good":
			return admin, nil
		case "":
			return rpc.Principal{Kind: rpc.ScopePublic, Address: "address:" + r.Header.Get("X-From")}, nil
		}
		return rpc.Principal{}, errors.New("unknown")
	}, opts))
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

const (
	postHead = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	echo     = `{"jsonrpc":"2.0","id":1,"method":"test.echo"}`
)

// exchange sends a request as it is and returns the answer.
func exchange(t *testing.T, addr, request string, halfClose bool) (status int, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, request) // a refused body may be cut
	if halfClose {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// A body that does not arrive whole is answered with an error object and a status that says so; no call is made.
func TestBrokenBodiesAreAnswered(t *testing.T) {
	addr := serveHTTP(t, rpc.PeerOptions{HTTP: rpc.HTTPOptions{Grace: 300 * time.Millisecond}})
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n", n) }
	const chunked = "Transfer-Encoding: chunked\r\n\r\n"
	chunk := func(size string) string { return postHead + chunked + size + "\r\n" + echo + "\r\n0\r\n\r\n" }
	whole := fmt.Sprintf("%x", len(echo))
	for name, c := range map[string]struct {
		request string
		closes  bool
		status  int
		code    string
	}{
		"whole":                      {postHead + length(len(echo)) + echo, false, 200, `"result"`},
		"whole in chunks":            {chunk(whole), false, 200, `"result"`},
		"cut":                        {postHead + length(len(echo)) + echo[:20], true, 400, "-32700"},
		"cut to valid JSON":          {postHead + length(len(echo)+10) + echo, true, 400, "-32700"},
		"cut before the first":       {postHead + length(len(echo)), true, 400, "-32700"},
		"cut within a chunk":         {postHead + chunked + "ff\r\n" + echo, true, 400, "-32700"},
		"no last chunk":              {postHead + chunked + whole + "\r\n" + echo + "\r\n", true, 400, "-32700"},
		"chunk size is no number":    {chunk("xyz"), false, 400, "-32700"},
		"chunk size is negative":     {chunk("-5"), false, 400, "-32700"},
		"chunk size is too large":    {chunk("fffffffffffffffff"), false, 400, "-32700"},
		"chunk is longer than said":  {chunk("5"), false, 400, "-32700"},
		"chunk is shorter than said": {chunk("ff"), true, 400, "-32700"},
		"stalls":                     {postHead + length(len(echo)) + echo[:20], false, 408, "-32006"},
		"stalls at valid JSON":       {postHead + length(len(echo)+10) + echo, false, 408, "-32006"},
		"stalls before the first":    {postHead + length(len(echo)), false, 408, "-32006"},
		"stalls within chunks":       {postHead + chunked + "ff\r\n" + echo, false, 408, "-32006"},
	} {
		status, body := exchange(t, addr, c.request, c.closes)
		if status != c.status || !strings.Contains(body, c.code) || !strings.Contains(body, `"jsonrpc":"2.0"`) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

// Without a credential a body is small, and a wrong credential gets none read at all.
func TestBodyLimitFollowsTheCredential(t *testing.T) {
	addr := serveHTTP(t, rpc.PeerOptions{MaxFrame: 100_000, HTTP: rpc.HTTPOptions{PublicBody: 1000}})
	call := func(size int) string {
		return echo[:len(echo)-1] + strings.Repeat(" ", size-len(echo)) + "}"
	}
	for _, c := range []struct {
		token  string
		size   int
		status int
	}{
		{"", 1000, 200},
		{"", 1001, 413},
		{"", 100_000, 413},
		{"good", 1001, 200},
		{"good", 100_000, 200},
		{"good", 100_001, 413},
		{"bad", 100, 401},
		{"bad", 100_000, 401},
	} {
		head := postHead
		if c.token != "" {
			head += "Authorization: Bearer " + c.token + "\r\n"
		}
		for form, request := range map[string]string{
			"length":  head + fmt.Sprintf("Content-Length: %d\r\n\r\n", c.size) + call(c.size),
			"chunked": head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", c.size) + call(c.size) + "\r\n0\r\n\r\n",
		} {
			if status, body := exchange(t, addr, request, false); status != c.status {
				t.Errorf("%s, %d bytes, token %q: %d %.200s", form, c.size, c.token, status, body)
			}
		}
	}
}

// Incomplete bodies use at most the share of their caller; others are served meanwhile.
func TestHalfSentBodiesAreBounded(t *testing.T) {
	bodies := budget.New(1<<20, 0)
	addr := serveHTTP(t, rpc.PeerOptions{MaxFrame: 4 << 20, HTTP: rpc.HTTPOptions{Bodies: bodies, Wait: 500 * time.Millisecond, PublicBody: 64 << 10}})
	for name, head := range map[string]string{
		"one token": postHead + "Authorization: Bearer good\r\nContent-Length: 4194304\r\n\r\n",
		"no token":  postHead + "X-From: 192.0.2.1\r\nContent-Length: 65536\r\n\r\n",
	} {
		var open []net.Conn
		for range 40 {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, conn)
			go func() { _, _ = conn.Write(append([]byte(head), bytes.Repeat([]byte(" "), 60_000)...)) }()
		}
		for deadline := time.Now().Add(20 * time.Second); bodies.Held() < bodies.Share()/2 && time.Now().Before(deadline); {
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(500 * time.Millisecond) // more may come
		if held := bodies.Held(); held > bodies.Share() || held < bodies.Share()/2 {
			t.Errorf("%s: %d bytes are counted, one share is %d", name, held, bodies.Share())
		}
		other := postHead + "X-From: 192.0.2.2\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(echo)) + echo
		if status, body := exchange(t, addr, other, false); status != 200 {
			t.Errorf("%s: another caller gets %d %s", name, status, body)
		}
		for _, conn := range open {
			_ = conn.Close()
		}
		for deadline := time.Now().Add(10 * time.Second); bodies.Held() > 0 && time.Now().Before(deadline); {
			time.Sleep(5 * time.Millisecond)
		}
		if bodies.Held() != 0 {
			t.Fatalf("%s: %d bytes are left", name, bodies.Held())
		}
	}
}

// Replies that are not read take the share of their caller and no more.
func TestUnreadHTTPRepliesAreBounded(t *testing.T) {
	replies := budget.New(4<<20, 0)
	addr := serveHTTP(t, rpc.PeerOptions{Rate: 1e6, Burst: 1e6, HTTP: rpc.HTTPOptions{Replies: replies, StallTimeout: time.Minute}})
	call := `{"jsonrpc":"2.0","id":1,"method":"test.size","params":{"bytes":900000}}`
	request := fmt.Sprintf("Content-Length: %d\r\n\r\n", len(call)) + call
	warm := postHead + "X-From: 192.0.2.3\r\n" + request
	if status, _ := exchange(t, addr, warm, false); status != 200 {
		t.Fatal(status)
	}
	for range 60 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		_, _ = io.WriteString(conn, strings.Repeat(postHead+"X-From: 192.0.2.1\r\n"+request, 4)) // more than the system buffers
	}
	time.Sleep(time.Second)
	if held := replies.HeldBy("address:192.0.2.1"); held > replies.Share()+1<<20 {
		t.Errorf("%d bytes are counted", held)
	}
	if status, body := exchange(t, addr, postHead+"X-From: 192.0.2.2\r\n"+request, false); status != 200 {
		t.Errorf("another caller gets %d %.100s", status, body)
	}
}

// The rate of callers without a credential is kept by address.
func TestRateOfCallersWithoutCredential(t *testing.T) {
	addr := serveHTTP(t, rpc.PeerOptions{Burst: 3, Rate: 0.001})
	for i := range 8 {
		for from, want := range map[string]bool{"192.0.2.1": i < 3, "192.0.2.2": i < 3} {
			_, body := exchange(t, addr, postHead+"X-From: "+from+"\r\n"+fmt.Sprintf("Content-Length: %d\r\n\r\n", len(echo))+echo, false)
			if got := strings.Contains(body, `"result"`); got != want {
				t.Errorf("call %d from %s: %s", i+1, from, body)
			}
		}
	}
}
