package address

import (
	"net/http"
	"testing"
)

func TestOf(t *testing.T) {
	trusting, err := NewProxies([]string{"127.0.0.0/8", "::1", "10.0.0.5"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		proxies   *Proxies
		peer      string
		forwarded []string
		want      string
	}{
		{nil, "192.0.2.1:80", []string{"198.51.100.9"}, "address:192.0.2.1"},
		{trusting, "192.0.2.1:80", []string{"198.51.100.9"}, "address:192.0.2.1"},
		{trusting, "127.0.0.1:80", nil, "address:127.0.0.1"},
		{trusting, "127.0.0.1:80", []string{"198.51.100.9"}, "address:198.51.100.9"},
		{trusting, "[::1]:80", []string{"198.51.100.9"}, "address:198.51.100.9"},
		{trusting, "[::ffff:127.0.0.1]:80", []string{"198.51.100.9"}, "address:198.51.100.9"},
		{trusting, "127.0.0.1:80", []string{"203.0.113.7, 198.51.100.9"}, "address:198.51.100.9"}, // the first was sent by the caller
		{trusting, "127.0.0.1:80", []string{"203.0.113.7", "198.51.100.9, 10.0.0.5"}, "address:198.51.100.9"},
		{trusting, "127.0.0.1:80", []string{"203.0.113.7, junk"}, "address:127.0.0.1"},
		{trusting, "127.0.0.1:80", []string{"10.0.0.5"}, "address:10.0.0.5"},
		{trusting, "127.0.0.1:80", []string{"[2001:db8:1:2:3::4]:99"}, "address:2001:db8:1:2::/64"},
		{nil, "[2001:db8:1:2:ffff::4]:99", nil, "address:2001:db8:1:2::/64"},
		{nil, "[fe80::1%eth0]:99", nil, "address:fe80::/64"},
		{nil, "pipe", nil, "address:unknown"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.forwarded}}
		if got := c.proxies.KeyOf(r); got != c.want {
			t.Errorf("%s, %q: %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
	if _, err := NewProxies([]string{"proxy.example"}); err == nil {
		t.Error("a name is taken")
	}
}
