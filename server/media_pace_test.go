package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// hang sends the beginning of a request and stops.
func (s *testServer) hang(text string) net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.app.listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// occupyTransfers starts hanging transfers until they use the session's whole share, and returns the time at which the last
// ones began. On a slow machine they may end before the share is seen in use; then others are started.
func (s *testServer) occupyTransfers(token string, request func() string) (began time.Time, hanging []net.Conn) {
	s.t.Helper()
	for deadline := time.Now().Add(2 * patience); time.Now().Before(deadline); {
		texts := []string{request(), request(), request()}
		began, hanging = time.Now(), nil
		for _, text := range texts {
			hanging = append(hanging, s.hang(text))
		}
		for range 10 {
			response, _ := send(s.t, http.MethodPost, s.url("/v1/media"), token, strings.NewReader("x"))
			if response.StatusCode == http.StatusTooManyRequests && response.Header.Get("Retry-After") != "" {
				return began, hanging
			}
		}
		for _, conn := range hanging {
			_ = conn.Close()
		}
	}
	s.t.Fatal("the session's share was never in use")
	return began, hanging
}

// Hanging transfers of one session, in any direction and form, leave room for those of another, and end because they
// make no progress.
func TestHangingTransfersDoNotBlockOthers(t *testing.T) {
	testkit.SkipIfShort(t)
	for name, c := range map[string]struct {
		begin  func(s *testServer, token string) string // a request that hangs
		closed bool                                     // it ends without a reply
	}{
		"uploads": {begin: func(_ *testServer, token string) string {
			return "POST /v1/media HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token + "\r\nContent-Length: 100000\r\n\r\nx"
		}},
		"uploads in chunks": {begin: func(_ *testServer, token string) string {
			return "POST /v1/media HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token + "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
		}},
		"parts": {begin: func(s *testServer, token string) string {
			begun, _ := send(t, http.MethodPost, s.url("/v1/media"), token, nil, "Upload-Length: 1000")
			_, path, _ := strings.Cut(strings.TrimPrefix(begun.Header.Get("Location"), "http://"), "/")
			return "PATCH /" + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token + "\r\nUpload-Offset: 0\r\nContent-Length: 1000\r\n\r\nx"
		}},
		"downloads that are not read": {begin: func(s *testServer, token string) string {
			id, _ := s.keep(token, bytes.Repeat([]byte("0123456789abcdef"), 2<<20))
			return "GET /v1/media/" + id + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token + "\r\n\r\n"
		}, closed: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "-max-transfers", "12", "-body-grace", "1500ms", "-body-min-rate", "100000", "-calls-per-second", "1000", "-call-burst", "1000")
			token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
			other := s.call("session.create", object{"session_id": "other"})["token"].(string)
			began, hanging := s.occupyTransfers(token, func() string { return c.begin(s, token) })
			if response, raw := send(t, http.MethodPost, s.url("/v1/media"), other, strings.NewReader("x")); response.StatusCode != http.StatusCreated {
				t.Errorf("another session: status %d, %s", response.StatusCode, raw)
			}
			testkit.Eventually(t, "the hanging ones are ended", func() bool {
				response, _ := send(t, http.MethodPost, s.url("/v1/media"), token, strings.NewReader("x"))
				return response.StatusCode == http.StatusCreated
			})
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("they were ended after %s", took)
			}
			for _, conn := range hanging {
				_ = conn.SetReadDeadline(time.Now().Add(patience))
				reply, _ := io.ReadAll(conn)
				if !c.closed && !strings.HasPrefix(string(reply), "HTTP/1.1 504") && !strings.HasPrefix(string(reply), "HTTP/1.1 408") {
					t.Errorf("answered %.60q", reply)
				}
			}
		})
	}
}

// A transfer at the lowest permitted rate may exceed the grace, in both directions.
func TestSlowTransfersContinue(t *testing.T) {
	s := startServer(t, "-body-grace", "1s", "-body-min-rate", "1000")
	token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
	content := bytes.Repeat([]byte("0123456789"), 800)
	conn := s.hang(fmt.Sprintf("POST /v1/media HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", token, len(content)))
	for part := range len(content) / 400 {
		if _, err := conn.Write(content[part*400 : part*400+400]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	reply := make([]byte, 12)
	if _, err := io.ReadFull(conn, reply); err != nil || string(reply) != "HTTP/1.1 201" {
		t.Errorf("%q, %v", reply, err)
	}
}

// Requests to /v1/media count against the rate of their caller; those with signed addresses against a separate rate.
func TestTransfersHaveARate(t *testing.T) {
	s := startServer(t, "-calls-per-second", "0.1", "-call-burst", "3")
	token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
	other := s.call("session.create", object{"session_id": "other"})["token"].(string)
	for i, want := range []int{http.StatusCreated, http.StatusCreated, http.StatusCreated, http.StatusTooManyRequests} {
		response, raw := send(t, http.MethodPost, s.url("/v1/media"), token, strings.NewReader("x"))
		if response.StatusCode != want || (want == http.StatusTooManyRequests) != (response.Header.Get("Retry-After") != "") {
			t.Errorf("upload %d: status %d, %s", i+1, response.StatusCode, raw)
		}
	}
	for _, path := range []string{"GET /v1/media/shop-x", "HEAD /v1/media/uploads/shop-x", "PATCH /v1/media/uploads/shop-x", "DELETE /v1/media/uploads/shop-x"} {
		method, path, _ := strings.Cut(path, " ")
		if response, _ := send(t, method, s.url(path), token, nil); response.StatusCode != http.StatusTooManyRequests {
			t.Errorf("%s %s: status %d", method, path, response.StatusCode)
		}
	}
	if response, raw := send(t, http.MethodPost, s.url("/v1/media"), other, strings.NewReader("x")); response.StatusCode != http.StatusCreated {
		t.Errorf("another session: status %d, %s", response.StatusCode, raw)
	}
}
