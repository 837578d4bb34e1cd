package webhook

import (
	"net"
	"net/http"
	"strings"
	"testing"
)

// The error of a connection reset by the receiver contains no addresses.
func TestResetHidesAddresses(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.(*net.TCPConn).SetLinger(0) // closes with a reset
		_ = conn.Close()
	}()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+listener.Addr().String(), strings.NewReader(strings.Repeat("x", 1<<16)))
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err == nil {
		_ = response.Body.Close()
		t.Fatal("answered")
	}
	if text := requestError(err).Error(); text == "" || strings.Contains(text, "127.0.0.1") {
		t.Errorf("%q", text)
	}
}
