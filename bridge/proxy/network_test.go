package proxy

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/guard"
)

// serve listens and handles each connection with fn. It returns the address.
func serve(t *testing.T, fn func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				fn(conn)
			}()
		}
	}()
	return listener.Addr().String()
}

// relay copies between a connection and a target until either ends.
func relay(conn net.Conn, target string) {
	far, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer far.Close()
	go func() { _, _ = io.Copy(far, conn) }()
	_, _ = io.Copy(conn, far)
}

// connectProxy serves CONNECT for me:geheim. Requests for other users and targets are rejected.
func connectProxy(t *testing.T, asked chan<- string) string {
	return serve(t, func(conn net.Conn) {
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil || request.Method != http.MethodConnect {
			return
		}
		header := &http.Request{Header: http.Header{"Authorization": request.Header["Proxy-Authorization"]}}
		if name, password, _ := header.BasicAuth(); name+":"+password != "me:geheim" {
			_, _ = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
			return
		}
		asked <- request.Host
		_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		relay(conn, request.Host)
	})
}

// socksProxy serves CONNECT with name and password (RFC 1928, RFC 1929).
func socksProxy(t *testing.T, asked chan<- string) string {
	return serve(t, func(conn net.Conn) {
		read := func(n int) []byte {
			b := make([]byte, n)
			_, _ = io.ReadFull(conn, b)
			return b
		}
		read(int(read(2)[1]))
		_, _ = conn.Write([]byte{5, 2})
		name := string(read(int(read(2)[1])))
		password := string(read(int(read(1)[0])))
		if name+":"+password != "me:geheim" {
			_, _ = conn.Write([]byte{1, 1})
			return
		}
		_, _ = conn.Write([]byte{1, 0})
		if head := read(4); head[3] != 1 {
			return
		}
		host := net.IP(read(4)).String()
		target := net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(read(2)))))
		asked <- target
		_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		relay(conn, target)
	})
}

// networkTo returns a network in which the proxy at address may be dialled.
func networkTo(t *testing.T, address string) Network {
	t.Helper()
	allowed, err := guard.New(guard.Config{Allow: []string{address}})
	if err != nil {
		t.Fatal(err)
	}
	return Network{Guard: allowed}
}

func TestClientsUseTheProxy(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the site") }))
	t.Cleanup(site.Close)
	target := strings.TrimPrefix(site.URL, "http://")
	for scheme, start := range map[string]func(*testing.T, chan<- string) string{"http": connectProxy, "socks5": socksProxy} {
		t.Run(scheme, func(t *testing.T) {
			asked := make(chan string, 16)
			address := start(t, asked)
			network := networkTo(t, address)
			get := func(n Network, user, address string) (string, error) {
				client, err := n.NewClient(Proxy{Enabled: true, URL: scheme + "://" + user + "@" + address})
				if err != nil {
					return "", err
				}
				defer client.CloseIdleConnections()
				response, err := client.Get(pageOf(n, site.URL))
				if err != nil {
					return "", err
				}
				defer response.Body.Close()
				body, err := io.ReadAll(response.Body)
				return string(body), err
			}
			if got, err := get(network, "me:geheim", address); err != nil || got != "the site" || <-asked != target {
				t.Errorf("%q, %v", got, err)
			}
			if _, err := get(network, "me:wrong", address); err == nil || strings.Contains(err.Error(), "wrong") {
				t.Errorf("a wrong password: %v", err)
			}
			if _, err := get(network, "me:geheim", serve(t, func(net.Conn) {})); err == nil || len(asked) > 0 {
				t.Errorf("a proxy that the guard does not admit: %v", err)
			}
			simulated := network
			simulated.Simulated, simulated.Simulation = true, target
			if got, err := get(simulated, "me:geheim", address); err != nil || got != "the site" || <-asked != target {
				t.Errorf("simulated: %q, %v", got, err)
			}
			simulated.Simulation = ""
			if _, err := simulated.NewClient(Proxy{Enabled: true, URL: scheme + "://" + address}); err == nil {
				t.Error("a simulation that no proxy reaches has a client")
			}
		})
	}
}

// pageOf returns the address that the client asks for: in a simulation it has no meaning, because each connection
// leads to the simulation.
func pageOf(n Network, site string) string {
	if n.Simulated {
		return "https://web.example.com/"
	}
	return site
}

func TestTunnelErrors(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   string
	}{
		"refused":          {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403"},
		"no HTTP":          {"\x05\x00\r\n\r\n", "malformed"},
		"ends":             {"", "EOF"},
		"endless headers":  {"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 100), "EOF"},
		"data in the back": {"HTTP/1.1 200 OK\r\n\r\nearly data", ""},
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, func(conn net.Conn) {
				_, _ = http.ReadRequest(bufio.NewReader(conn))
				_, _ = io.WriteString(conn, c.answer)
			})
			dial, err := Proxy{URL: "http://" + address}.newDialer((&net.Dialer{}).DialContext)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := dial(t.Context(), "tcp", "web.example.com:443")
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if early, err := io.ReadAll(conn); err != nil || string(early) != "early data" {
				t.Errorf("read %q, %v", early, err)
			}
		})
	}
}

// TestDialsEnd checks that a proxy that does not answer delays a dial until its context ends, not longer.
func TestDialsEnd(t *testing.T) {
	silent := serve(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	for _, scheme := range []string{"http", "https", "socks5"} {
		dial, err := Proxy{URL: scheme + "://" + silent}.newDialer((&net.Dialer{}).DialContext)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		conn, err := dial(ctx, "tcp", "web.example.com:443")
		deadline, _ := ctx.Deadline()
		if err == nil || conn != nil || time.Now().Before(deadline) {
			t.Errorf("%s: %v", scheme, err)
		}
		cancel()
	}
}

func TestAddressesOfProxies(t *testing.T) {
	for address, want := range map[string]string{
		"http://proxy.example.com": "proxy.example.com:80", "https://proxy.example.com": "proxy.example.com:443",
		"socks5://proxy.example.com": "proxy.example.com:1080", "socks5://[2001:db8::1]:9": "[2001:db8::1]:9",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := proxyServer(u); got != want {
			t.Errorf("%s is dialled at %s", address, got)
		}
	}
	if _, err := (Proxy{URL: "http://%zz"}).newDialer(nil); err == nil || strings.Contains(err.Error(), "zz") {
		t.Errorf("an address that is not usable: %v", err)
	}
}

func TestCheckNamesTheField(t *testing.T) {
	network := networkTo(t, "127.0.0.1:9")
	for address, ok := range map[string]bool{
		"http://127.0.0.1:9": true, "http://127.0.0.1:10": false, "socks5://10.0.0.1": false, "http://0x7f.1": false, "http://%zz": false,
	} {
		err := network.CheckProxy(t.Context(), Proxy{Enabled: true, URL: address})
		if ok != (err == nil) || err != nil && wa.ReasonOf(err) != wa.ReasonBadParam {
			t.Errorf("%s: %v", address, err)
		}
		if err := network.CheckProxy(t.Context(), Proxy{URL: address}); err != nil {
			t.Errorf("%s, switched off: %v", address, err)
		}
	}
}
