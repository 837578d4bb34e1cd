package guard

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"93.184.216.34": true, "8.8.8.8": true, "2606:4700::1111": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "127.8.9.1": false, "10.1.2.3": false, "172.16.0.1": false, "172.31.255.255": false,
		"192.168.1.1": false, "169.254.169.254": false, "100.100.100.200": false, "0.0.0.0": false, "0.1.2.3": false,
		"224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false, "198.18.0.1": false, "192.0.0.192": false,
		"::": false, "::1": false, "fe80::1": false, "fd00:ec2::254": false, "ff02::1": false, "::ffff:127.0.0.1": false,
		"::ffff:169.254.169.254": false, "::127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false,
		"::ffff:0:10.0.0.1": false, "64:ff9b:1::a00:1": false, "100:0:0:1::1": false, "4000::1": false, "fec0::1": false, "2a00:1450::1": true,
		"2001:db8::1": false, "2001:0:1::1": false, "fe80::1%eth0": false, "172.32.0.1": true,
	} {
		if got := isPublic(netip.MustParseAddr(text)); got != want {
			t.Errorf("public(%s) = %v, want %v", text, got, want)
		}
	}
}

// names is a resolver from a table; each name gives its answers one after the other and repeats the last.
type names struct {
	mu      sync.Mutex
	answers map[string][]string
	asked   map[string]int
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	answers := n.answers[host]
	if len(answers) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	i := min(n.asked[host], len(answers)-1)
	n.asked[host]++
	var addrs []netip.Addr
	for _, text := range strings.Split(answers[i], ",") {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	return addrs, nil
}

// world is a guard whose public addresses all lead to one test server.
type world struct {
	*Guard
	names  *names
	server *httptest.Server
	mu     sync.Mutex
	dialed []string
}

func newWorld(t *testing.T, handler http.Handler, answers map[string][]string, allow ...string) *world {
	t.Helper()
	w := &world{names: &names{answers: answers, asked: map[string]int{}}, server: httptest.NewServer(handler)}
	g, err := New(Config{Allow: allow, Resolver: w.names, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		w.mu.Lock()
		w.dialed = append(w.dialed, address)
		w.mu.Unlock()
		return (&net.Dialer{}).DialContext(ctx, network, w.server.Listener.Addr().String())
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.Guard = g
	t.Cleanup(func() { g.Close(); w.server.Close() })
	return w
}

func get(client *http.Client, url string) (string, error) {
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

var hello = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })

// So many connections are kept, to whatever hosts; the one that was longest without a request is closed first.
func TestIdleConnections(t *testing.T) {
	for most, dials := range map[int]int{2: 6, 3: 3} {
		server := httptest.NewServer(hello)
		dialed := 0
		g, err := New(Config{
			MaxIdleConns: most,
			Resolver:     &names{answers: map[string][]string{"a": {"1.1.1.1"}, "b": {"1.1.1.2"}, "c": {"1.1.1.3"}}, asked: map[string]int{}},
			Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
				dialed++
				return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		client := g.Client(Limits{})
		for _, host := range []string{"a", "b", "c", "a", "b", "c"} {
			if _, err := get(client, "http://"+host+"/"); err != nil {
				t.Error(err)
			}
		}
		if dialed != dials {
			t.Errorf("%d kept: %d connections, want %d", most, dialed, dials)
		}
		g.Close()
		server.Close()
	}
}

func TestTargets(t *testing.T) {
	answers := map[string][]string{
		"good.example":     {"93.184.216.34"},
		"inside.example":   {"10.0.0.7"},
		"mixed.example":    {"93.184.216.34,127.0.0.1"},
		"mapped.example":   {"::ffff:192.168.0.1"},
		"metadata.example": {"169.254.169.254"},
		"allowed.example":  {"10.9.9.9"},
	}
	w := newWorld(t, hello, answers, "allowed.example", "192.168.77.0/24", "10.1.1.1")
	client := w.Client(Limits{})
	for url, want := range map[string]Reason{
		"http://good.example/":                     "",
		"http://GOOD.example./":                    "",
		"http://93.184.216.34/":                    "",
		"http://allowed.example/":                  "",
		"http://192.168.77.5/":                     "",
		"http://10.1.1.1:8080/":                    "",
		"http://10.1.1.2/":                         ReasonForbidden,
		"http://inside.example/":                   ReasonForbidden,
		"http://mixed.example/":                    ReasonForbidden,
		"http://mapped.example/":                   ReasonForbidden,
		"http://metadata.example/latest/meta-data": ReasonForbidden,
		"http://127.0.0.1/":                        ReasonForbidden,
		"http://[::1]/":                            ReasonForbidden,
		"http://[::ffff:127.0.0.1]/":               ReasonForbidden,
		"http://[::ffff:7f00:1]/":                  ReasonForbidden,
		"http://[fe80::1%25eth0]/":                 ReasonForbidden,
		"http://2130706433/":                       ReasonBadURL,
		"http://0x7f000001/":                       ReasonBadURL,
		"http://0x7f.1/":                           ReasonBadURL,
		"http://017700000001/":                     ReasonBadURL,
		"http://127.1/":                            ReasonBadURL,
		"http://0/":                                ReasonBadURL,
		"ftp://good.example/":                      ReasonBadURL,
		"file:///etc/passwd":                       ReasonBadURL,
		"gopher://good.example/":                   ReasonBadURL,
		"http:///nohost":                           ReasonBadURL,
		"http://good.example:65536/":               ReasonBadURL,
		"http://good.example:0/":                   ReasonBadURL,
		"http://nowhere.example/":                  ReasonUnresolved,
	} {
		t.Run(url, func(t *testing.T) {
			body, err := get(client, url)
			if want == "" {
				if err != nil || body != "hello" {
					t.Fatalf("got %q, %v", body, err)
				}
			} else if got := ReasonOf(err); got != want {
				t.Fatalf("reason %q (%v), want %q", got, err, want)
			}
			checked := w.Check(t.Context(), url)
			if got := ReasonOf(checked); got != want {
				t.Errorf("Check: reason %q (%v), want %q", got, checked, want)
			}
		})
	}
}

// A name that is public when it is checked and private a moment later: the
// connection goes to the address that was checked, because it is asked for once.
func TestRebinding(t *testing.T) {
	w := newWorld(t, hello, map[string][]string{"rebind.example": {"93.184.216.34", "127.0.0.1"}})
	if _, err := get(w.Client(Limits{}), "http://rebind.example/"); err != nil {
		t.Fatal(err)
	}
	if len(w.dialed) != 1 || w.dialed[0] != "93.184.216.34:80" {
		t.Fatalf("dialed %v", w.dialed)
	}
	w.Close() // the next request needs a new connection, and the name has turned private
	if _, err := get(w.Client(Limits{}), "http://rebind.example/"); ReasonOf(err) != ReasonForbidden {
		t.Fatalf("second request: %v", err)
	}
}

func TestRedirects(t *testing.T) {
	handler := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(rw, r, to, http.StatusFound)
			return
		}
		hello(rw, r)
	})
	w := newWorld(t, handler, map[string][]string{"a.example": {"93.184.216.34"}, "in.example": {"10.0.0.1"}})
	for to, want := range map[string]Reason{
		"http://a.example/end":                          "",
		"http://127.0.0.1/":                             ReasonForbidden,
		"http://in.example/":                            ReasonForbidden,
		"http://[::ffff:169.254.169.254]/":              ReasonForbidden,
		"http://2852039166/":                            ReasonBadURL,
		"file:///etc/passwd":                            ReasonBadURL,
		"/?to=%2F%3Fto%3D%2F%3Fto%3D%2F":                "",
		"/?to=" + "http%3A%2F%2F127.0.0.1%2Fsecond-hop": ReasonForbidden,
	} {
		_, err := get(w.Client(Limits{}), "http://a.example/?to="+strings.ReplaceAll(strings.ReplaceAll(to, "%", "%25"), "?", "%3F"))
		if got := ReasonOf(err); got != want {
			t.Errorf("to %s: %q (%v), want %q", to, got, err, want)
		}
	}

	loop := newWorld(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, "/again", http.StatusFound)
	}), map[string][]string{"a.example": {"93.184.216.34"}})
	_, err := get(loop.Client(Limits{MaxRedirects: 3}), "http://a.example/")
	var own *Error
	if !errors.As(err, &own) || own.Reason != ReasonTooManyRedirects || own.Limit != 3 {
		t.Errorf("loop: %v", err)
	}
	response, err := loop.Client(Limits{MaxRedirects: -1}).Get("http://a.example/")
	if err != nil || response.StatusCode != http.StatusFound {
		t.Fatalf("without redirects: %v, %v", response, err)
	}
	response.Body.Close()
}

func TestSize(t *testing.T) {
	w := newWorld(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body := strings.Repeat("x", 1000)
		if r.URL.Path == "/chunked" {
			io.WriteString(rw, body[:600])
			rw.(http.Flusher).Flush()
			body = body[600:]
		}
		io.WriteString(rw, body)
	}), map[string][]string{"a.example": {"93.184.216.34"}})
	for _, path := range []string{"/sized", "/chunked"} {
		for limit, ok := range map[int64]bool{999: false, 1000: true, 1001: true, 1: false} {
			body, err := get(w.Client(Limits{MaxBytes: limit}), "http://a.example"+path)
			if ok && (err != nil || len(body) != 1000) {
				t.Errorf("%s with %d: %d bytes, %v", path, limit, len(body), err)
			}
			if !ok && (ReasonOf(err) != ReasonTooLarge || int64(len(body)) > limit) {
				t.Errorf("%s with %d: %d bytes, %v", path, limit, len(body), err)
			}
		}
	}
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := New(Config{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = get(g.Client(Limits{Timeout: 7 * time.Second}), "http://93.184.216.34/")
		if ReasonOf(err) != ReasonTimeout {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != 7*time.Second {
			t.Errorf("took %v", took)
		}
		time.Sleep(defaultConnectTimeout) // in the bubble: until the dial, which outlives its request, has ended too
		synctest.Wait()
	})
}

func TestEnvironmentProxyIsIgnored(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	w := newWorld(t, hello, map[string][]string{"a.example": {"93.184.216.34"}})
	if body, err := get(w.Client(Limits{}), "http://a.example/"); err != nil || body != "hello" {
		t.Fatalf("%q, %v", body, err)
	}
}

func TestAllowListIsChecked(t *testing.T) {
	for _, bad := range []string{"http://x.example", "10.0.0.0/99", "2130706433", "host:0", "host:65536", "host:x", "host:", "127.0.0.1:99999", "10.0.0.0/8:x", "a b", "2130706433:80"} {
		if _, err := New(Config{Allow: []string{bad}}); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestErrorsHideURL(t *testing.T) {
	w := newWorld(t, hello, nil)
	err := w.Check(t.Context(), "http://10.0.0.1/secret-path?token=1")
	if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "token") {
		t.Fatalf("got %v", err)
	}
}

// The error gives the reason why a host was not reached, and contains neither its addresses nor that of the name server.
func TestErrorsHideAddresses(t *testing.T) {
	for want, cause := range map[string]error{
		"no such host":                &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "db.internal", Server: "10.0.0.53:53"}},
		"connect: connection refused": &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 9, 9, 9), Port: 80}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
	} {
		text := (&Error{Reason: ReasonUnreachable, Host: "db.internal", Err: cause}).Error()
		if !strings.HasSuffix(text, ": "+want) || strings.Contains(text, "10.") {
			t.Errorf("got %q, want the end %q", text, want)
		}
	}
}
