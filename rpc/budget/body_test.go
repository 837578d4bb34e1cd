package budget

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// serveBody starts a server that reads bodies with o. It returns its address and the errors of Read.
func serveBody(t *testing.T, o Body) (addr string, results chan error) {
	t.Helper()
	results = make(chan error, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, release, err := o.Read(w, r)
		defer release()
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
		} else {
			_, _ = io.WriteString(w, fmt.Sprint(len(body)))
		}
		results <- err
	}))
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String(), results
}

func dial(t *testing.T, addr, head string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, head); err != nil {
		t.Fatal(err)
	}
	return c
}

const post = "POST / HTTP/1.1\r\nHost: localhost\r\n"

func TestBodies(t *testing.T) {
	b := New(1<<20, 1<<20)
	addr, results := serveBody(t, Body{Budget: b, Principal: "p", Limit: 10000, Grace: 300 * time.Millisecond})
	for name, c := range map[string]struct {
		request string
		hangUp  bool
		want    error
	}{
		"whole":                   {post + "Content-Length: 5\r\n\r\nhello", false, nil},
		"none":                    {post + "\r\n", false, nil},
		"chunked":                 {post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, nil},
		"as long as allowed":      {post + "Content-Length: 10000\r\n\r\n" + strings.Repeat("x", 10000), false, nil},
		"announced too long":      {post + "Content-Length: 10001\r\n\r\n", false, ErrTooLarge},
		"chunks too long":         {post + "Transfer-Encoding: chunked\r\n\r\n2711\r\n" + strings.Repeat("x", 10001) + "\r\n0\r\n\r\n", false, ErrTooLarge},
		"bad chunk size":          {post + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n", false, ErrMalformed},
		"chunk without its end":   {post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n", false, ErrMalformed},
		"cut":                     {post + "Content-Length: 50\r\n\r\nhello", true, ErrMalformed},
		"cut within chunks":       {post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", true, ErrMalformed},
		"stalls":                  {post + "Content-Length: 50\r\n\r\nhello", false, ErrTooSlow},
		"stalls after much":       {post + "Content-Length: 10000\r\n\r\n" + strings.Repeat("x", 9000), false, ErrTooSlow},
		"stalls within chunks":    {post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", false, ErrTooSlow},
		"stalls before the first": {post + "Content-Length: 50\r\n\r\n", false, ErrTooSlow},
	} {
		conn := dial(t, addr, c.request)
		if c.hangUp {
			_ = conn.(*net.TCPConn).CloseWrite()
		}
		select {
		case err := <-results:
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s: not ended", name)
		}
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		head := make([]byte, 12)
		if _, err := io.ReadFull(conn, head); err != nil {
			t.Errorf("%s: no reply: %v", name, err)
		}
		_ = conn.Close()
	}
	if b.Held() != 0 {
		t.Errorf("%d bytes left", b.Held())
	}
}

// A body that trickles in is ended although it makes progress, and one that keeps the rate is not.
func TestBodyMustKeepTheRate(t *testing.T) {
	addr, results := serveBody(t, Body{Limit: 1 << 20, MinRate: 1000, Grace: 200 * time.Millisecond})
	for name, c := range map[string]struct {
		piece int
		every time.Duration
		want  error
	}{
		"trickle": {1, 50 * time.Millisecond, ErrTooSlow},
		"steady":  {200, 50 * time.Millisecond, nil},
	} {
		conn := dial(t, addr, post+"Content-Length: 2000\r\n\r\n")
		for sent := 0; sent < 2000; sent += c.piece {
			if _, err := io.WriteString(conn, strings.Repeat("x", c.piece)); err != nil {
				break
			}
			if len(results) > 0 {
				break
			}
			time.Sleep(c.every)
		}
		if err := <-results; !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		_ = conn.Close()
	}
}

// Announced bytes are not counted before they arrive, and one principal cannot occupy the whole budget.
func TestBytesCountAsTheyArrive(t *testing.T) {
	b := New(1<<20, 64<<10)
	o := Body{Budget: b, Principal: "greedy", Limit: 32 << 20, Wait: 50 * time.Millisecond}
	addr, results := serveBody(t, o)
	for range 20 {
		dial(t, addr, post+"Content-Length: 1000000\r\n\r\nx")
	}
	deadline := time.Now().Add(5 * time.Second)
	for b.Held() < 16*firstRead && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	for range 4 { // 20 buffers of 4 KiB do not fit into 64 KiB
		if err := <-results; !errors.Is(err, ErrFull) {
			t.Errorf("got %v", err)
		}
	}
	if own := b.HeldBy("greedy"); own > 64<<10 {
		t.Errorf("%d bytes are counted for one principal", own)
	}
	if !b.TryAcquire("other", 64<<10) {
		t.Error("another principal finds no room")
	}
}

func TestAnnouncedLengthIsNotAllocated(t *testing.T) {
	b := New(1<<30, 1<<30)
	addr, _ := serveBody(t, Body{Budget: b, Principal: "p", Limit: 1 << 28})
	dial(t, addr, post+"Content-Length: 200000000\r\n\r\nx")
	deadline := time.Now().Add(5 * time.Second)
	for b.Held() == 0 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	if held := b.Held(); held != firstRead {
		t.Errorf("%d bytes are counted after one has arrived", held)
	}
}
