package rest_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// half sends the beginning of a request and leaves the connection open.
func half(t *testing.T, addr, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

// statusOf reads the first line of a reply; 0 when the connection was closed without one, -1 when there was none in time.
func statusOf(t *testing.T, c net.Conn, within time.Duration) (status int) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(within))
	line := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(c, line); err != nil {
		if ne, ok := err.(net.Error); ok && ne.Timeout() { //nolint:errorlint // as net says it
			return -1
		}
		return 0
	}
	_, _ = fmt.Sscanf(string(line), "HTTP/1.1 %d", &status)
	return status
}

// Incomplete requests of one caller do not take memory from other callers: half-sent requests with a length, in chunks and
// as forms with parts, to operations with and without files.
func TestBodiesOfOneCallerBlockNoOther(t *testing.T) {
	file := rest.Row("POST", "/file", "", func(_ *rest.Exchange, in *text) (int, error) { return len(in.Text), nil }, rest.TakesFiles())
	large := strings.Repeat("x", 100<<10)
	for name, begin := range map[string]string{
		"announced":          "POST /file HTTP/1.1\r\nHost: h\r\nToken: ada\r\nContent-Length: 1048576\r\n\r\n{",
		"announced, no file": "POST /echo HTTP/1.1\r\nHost: h\r\nToken: ada\r\nContent-Length: 1048576\r\n\r\n{",
		"sent":               "POST /file HTTP/1.1\r\nHost: h\r\nToken: ada\r\nContent-Length: 1048576\r\n\r\n" + large,
		"in chunks":          "POST /file HTTP/1.1\r\nHost: h\r\nToken: ada\r\nTransfer-Encoding: chunked\r\n\r\n19000\r\n" + large + "\r\n",
		"as a form":          "POST /file HTTP/1.1\r\nHost: h\r\nToken: ada\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1048576\r\n\r\n--b\r\nContent-Disposition: form-data; name=text\r\n\r\n" + large,
	} {
		t.Run(name, func(t *testing.T) {
			s := newShim(t, echoing(t), rest.Config{
				MaxBody: 1 << 20, MaxFileBody: 1 << 20, BodiesMemory: 4 << 20, BodyWait: 50 * time.Millisecond, BodyGrace: time.Hour,
			}, plain("d", echo(), file))
			server := httptest.NewServer(s)
			t.Cleanup(server.Close)
			client := server.Client()
			client.Timeout = testkit.Patience // far below BodyGrace: nothing may wait for the bodies of the first caller
			post := func(token string, size int) int {
				r, _ := http.NewRequest(http.MethodPost, server.URL+"/file", strings.NewReader(`{"text":"`+strings.Repeat("y", size)+`"}`))
				r.Header.Set("Token", token)
				response, err := client.Do(r)
				if err != nil { // a server that refuses a large body closes the connection
					t.Log(err)
					return 0
				}
				_ = response.Body.Close()
				return response.StatusCode
			}
			for range 60 {
				half(t, server.Listener.Addr().String(), begin)
			}
			testkit.Eventually(t, "a caller without room", func() bool { return post("ada", 1<<20-100) == http.StatusTooManyRequests })
			for _, c := range []struct {
				token string
				size  int
			}{{"ben", 10}, {"ben", 1<<20 - 100}, {"admin", 10}} {
				if status := post(c.token, c.size); status != http.StatusOK {
					t.Errorf("%s, %d bytes: %d", c.token, c.size, status)
				}
			}
		})
	}
}

// A caller that occupies its share is answered 429 with a time to repeat after, and served again when its requests have
// ended.
func TestBodiesOverTheShare(t *testing.T) {
	s := newShim(t, echoing(t), rest.Config{
		MaxBody: 64 << 10, MaxFileBody: 64 << 10, BodiesMemory: 256 << 10, BodyWait: 50 * time.Millisecond, BodyGrace: time.Minute,
	}, plain("d", echo()))
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	var open []net.Conn
	for range 20 {
		open = append(open, half(t, server.Listener.Addr().String(), "POST /echo HTTP/1.1\r\nHost: h\r\nToken: ada\r\nContent-Length: 60000\r\n\r\n{"))
	}
	post := func() *http.Response {
		r, _ := http.NewRequest(http.MethodPost, server.URL+"/echo", strings.NewReader(`{"text":"`+strings.Repeat("y", 30<<10)+`"}`))
		r.Header.Set("Token", "ada")
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) { // until the others have their share
		response := post()
		if response.StatusCode == http.StatusTooManyRequests && response.Header.Get("Retry-After") != "" {
			break
		} else if response.StatusCode != http.StatusOK || time.Now().After(deadline) {
			t.Fatalf("over the share: %d %v", response.StatusCode, response.Header)
		}
	}
	for _, c := range open {
		_ = c.Close()
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if response := post(); response.StatusCode == http.StatusOK {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("after all have ended: %d", response.StatusCode)
		}
	}
}

// A body that does not keep the least rate is ended; one that does may take longer than the grace.
func TestSlowBodiesEnd(t *testing.T) {
	s := newShim(t, echoing(t), rest.Config{MaxBody: 1 << 20, BodyMinRate: 1000, BodyGrace: 300 * time.Millisecond}, plain("d", echo()))
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	head := "POST /echo HTTP/1.1\r\nHost: h\r\nToken: ada\r\nContent-Length: 2012\r\n\r\n"
	body := `{"text":"` + strings.Repeat("y", 2001) + `"}`
	for name, c := range map[string]struct {
		piece int
		every time.Duration
		want  int
	}{
		"stalls":          {1000, time.Minute, http.StatusBadRequest},
		"trickles":        {1, 20 * time.Millisecond, http.StatusBadRequest},
		"slow but steady": {100, 40 * time.Millisecond, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := half(t, server.Listener.Addr().String(), head)
			stop := make(chan struct{})
			go func() {
				for left := body; left != ""; left = left[min(c.piece, len(left)):] {
					if _, err := io.WriteString(conn, left[:min(c.piece, len(left))]); err != nil {
						return
					}
					select {
					case <-stop:
						return
					case <-time.After(c.every):
					}
				}
			}()
			if got := statusOf(t, conn, 10*time.Second); got != c.want {
				t.Errorf("status %d, want %d", got, c.want)
			}
			close(stop)
		})
	}
}
