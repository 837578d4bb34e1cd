package origin

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestHosts(t *testing.T) {
	loopback := NewHosts("127.0.0.1:8480", "https://wa.example:8443/base", "https://app.example", "proxy.example", "[2001:db8::7]:80", "")
	everywhere := NewHosts(":8480")
	unspecified := NewHosts("[::]:8480")
	named := NewHosts("inner.example:8480")
	address := NewHosts("192.0.2.1:8480")
	for _, c := range []struct {
		hosts *Hosts
		host  string
		want  bool
	}{
		{loopback, "127.0.0.1:8480", true},
		{loopback, "127.0.0.1", true},
		{loopback, "127.8.9.1:1", true},
		{loopback, "[::1]:8480", true},
		{loopback, "localhost:8480", true},
		{loopback, "LOCALHOST", true},
		{loopback, "localhost.:8480", true},
		{loopback, "app.localhost", true},
		{loopback, "wa.example", true},
		{loopback, "wa.example:8443", true},
		{loopback, "WA.example.:1", true},
		{loopback, "app.example:443", true},
		{loopback, "proxy.example", true},
		{loopback, "[2001:db8::7]", true},
		{loopback, "", true},
		{loopback, "evil.example", false},
		{loopback, "evil.example:8480", false},
		{loopback, "127.0.0.1.evil.example:8480", false},
		{loopback, "localhost.evil.example", false},
		{loopback, "evillocalhost", false},
		{loopback, "wa.example.evil", false},
		{loopback, "x.wa.example", false},
		{loopback, "192.0.2.1:8480", false},
		{loopback, "0.0.0.0:8480", false},
		{loopback, "2130706433:8480", false},
		{loopback, "0x7f.1", false},
		{loopback, "evil.example:8480@127.0.0.1", false},
		{loopback, "127.0.0.1:8480.evil.example", false},
		{everywhere, "192.0.2.1:8480", true},
		{everywhere, "[2001:db8::1]:8480", true},
		{everywhere, "localhost", true},
		{everywhere, "evil.example:8480", false},
		{unspecified, "192.0.2.1", true},
		{unspecified, "evil.example", false},
		{named, "inner.example", true},
		{named, "192.0.2.1", false},
		{named, "evil.example", false},
		{address, "192.0.2.1", true},
		{address, "192.0.2.2", false},
		{address, "[::ffff:192.0.2.1]:1", true},
		{NewHosts("127.0.0.1:1", "*"), "evil.example", true},
		{nil, "evil.example", true},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = c.host
		if got := c.hosts.Allows(r); got != c.want {
			t.Errorf("%q: %v, want %v", c.host, got, c.want)
		}
	}
}

// A page whose name resolves to this server is not one of its own pages, and is rejected without an Origin, too.
func TestReboundPage(t *testing.T) {
	list, err := New([]string{"https://app.example"}, "https://wa.example")
	if err != nil {
		t.Fatal(err)
	}
	list.SetHosts(NewHosts("127.0.0.1:8480", "https://app.example", "https://wa.example"))
	code := func(status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	guard := list.Guard(code(200), code(403))
	for _, c := range []struct {
		host, page, method string
		want               int
	}{
		{"127.0.0.1:8480", "", "GET", 200},
		{"127.0.0.1:8480", "http://127.0.0.1:8480", "POST", 200},
		{"wa.example", "https://wa.example", "POST", 200},
		{"127.0.0.1:8480", "https://app.example", "POST", 200},
		{"localhost:8480", "http://localhost:8480", "POST", 200},
		{"evil.example:8480", "http://evil.example:8480", "POST", 403},
		{"evil.example:8480", "", "GET", 403},
		{"evil.example:8480", "", "POST", 403},
		{"evil.example", "https://app.example", "POST", 403},
		{"evil.example:8480", "http://evil.example:8480", "OPTIONS", 403},
	} {
		r := httptest.NewRequest(c.method, "/v1/rpc", nil)
		r.Host = c.host
		if c.page != "" {
			r.Header.Set("Origin", c.page)
		}
		w := httptest.NewRecorder()
		guard.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s to %s from %q: %d", c.method, c.host, c.page, w.Code)
		}
	}
}
