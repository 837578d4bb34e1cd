package methods_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/proxy"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/kit/guard"
)

// testProxy is an HTTP or SOCKS5 proxy that records the requested targets.
type testProxy struct {
	listener net.Listener
	mu       sync.Mutex
	targets  []string
	users    []string
	conns    sync.WaitGroup
}

func newTestProxy(t *testing.T, serve func(*testProxy, net.Conn) (net.Conn, bool)) *testProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &testProxy{listener: listener}
	p.conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.conns.Go(func() {
				defer conn.Close()
				if target, ok := serve(p, conn); ok {
					defer target.Close()
					done := make(chan struct{}, 2)
					go func() { _, _ = io.Copy(target, conn); done <- struct{}{} }()
					go func() { _, _ = io.Copy(conn, target); done <- struct{}{} }()
					<-done
				}
			})
		}
	})
	t.Cleanup(func() { listener.Close(); p.conns.Wait() })
	return p
}

func (p *testProxy) seen(target, user string) (net.Conn, bool) {
	p.mu.Lock()
	p.targets, p.users = append(p.targets, target), append(p.users, user)
	p.mu.Unlock()
	conn, err := net.Dial("tcp", target)
	return conn, err == nil
}

// count returns the number of requests to the proxy, and fails for targets other than the simulation.
func (p *testProxy) count(t *testing.T) int {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, target := range p.targets {
		if !strings.HasPrefix(target, "127.0.0.1:") || p.users[i] != "me:geheim" {
			t.Errorf("asked for %s as %q", target, p.users[i])
		}
	}
	return len(p.targets)
}

func serveConnect(p *testProxy, conn net.Conn) (net.Conn, bool) {
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil || request.Method != http.MethodConnect {
		return nil, false
	}
	header := &http.Request{Header: http.Header{"Authorization": request.Header["Proxy-Authorization"]}}
	name, password, _ := header.BasicAuth()
	target, ok := p.seen(request.Host, name+":"+password)
	if ok {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	}
	return target, ok
}

// serveSOCKS reads a greeting, name and password and a CONNECT request (RFC 1928, RFC 1929).
func serveSOCKS(p *testProxy, conn net.Conn) (net.Conn, bool) {
	read := func(n int) []byte {
		b := make([]byte, n)
		_, _ = io.ReadFull(conn, b)
		return b
	}
	read(int(read(2)[1]))
	_, _ = conn.Write([]byte{5, 2})
	name := string(read(int(read(2)[1])))
	password := string(read(int(read(1)[0])))
	_, _ = conn.Write([]byte{1, 0})
	head := read(4)
	var host string
	switch head[3] {
	case 1:
		host = net.IP(read(4)).String()
	case 3:
		host = string(read(int(read(1)[0])))
	}
	port := binary.BigEndian.Uint16(read(2))
	target, ok := p.seen(net.JoinHostPort(host, itoa(int(port))), name+":"+password)
	if ok {
		_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	}
	return target, ok
}

func itoa(n int) string {
	b := []byte{}
	for ; n > 0; n /= 10 {
		b = append([]byte{byte('0' + n%10)}, b...)
	}
	return string(b)
}

// TestProxyOfOneSession checks that a proxy serves its own session alone, that switching it off ends its use, and that a
// proxied session reaches the simulated network, never WhatsApp's hosts.
func TestProxyOfOneSession(t *testing.T) {
	for scheme, serve := range map[string]func(*testProxy, net.Conn) (net.Conn, bool){"http": serveConnect, "socks5": serveSOCKS} {
		t.Run(scheme, func(t *testing.T) {
			server := newTestProxy(t, serve)
			outbound, err := guard.New(guard.Config{Allow: []string{server.listener.Addr().String()}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(outbound.Close)
			w := newWorld(t, func(o *bridge.Options) { o.Outbound = outbound })
			alice, bob := w.join("alice", "15550100001"), w.join("bob", "15550100002")
			set := func(id string, enabled bool, url string) {
				t.Helper()
				s, err := w.bridge.Session(id)
				if err == nil {
					_, err = s.SetProxy(w.ctx(), proxy.Proxy{Enabled: enabled, URL: url})
				}
				if err != nil {
					t.Fatal(err)
				}
				for deadline := time.Now().Add(20 * time.Second); s.Status().State != bridge.StateConnected; time.Sleep(5 * time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatalf("%s is %s", id, s.Status().State)
					}
				}
			}
			address := scheme + "://me:geheim@" + server.listener.Addr().String()
			set("alice", true, address)
			used := server.count(t)
			if used == 0 {
				t.Fatal("the proxy is not used")
			}
			set("bob", false, "")
			alice.call("message.sendImage", params{"to": bob.pn(), "media": params{"base64": dataURL("image/jpeg", photo(t))}})
			if server.count(t) == used {
				t.Error("the proxy is not used for uploads")
			}
			used = server.count(t)
			bob.call("message.sendImage", params{"to": alice.pn(), "media": params{"base64": dataURL("image/jpeg", photo(t))}})
			set("alice", false, "")
			alice.call("message.sendImage", params{"to": bob.pn(), "media": params{"base64": dataURL("image/jpeg", photo(t))}})
			if now := server.count(t); now != used {
				t.Errorf("the proxy was used %d times more, by another session or although it is off", now-used)
			}
		})
	}
}

// TestProxiesAreGuarded checks that tenants cannot make the server connect to internal addresses by a proxy.
func TestProxiesAreGuarded(t *testing.T) {
	a := newAdmin(t)
	a.call("session.create", params{"session_id": "one"})
	for _, scheme := range []string{"http", "https", "socks5"} {
		for _, host := range []string{
			"127.0.0.1:8080", "127.0.0.1", "localhost:1080", "169.254.169.254:80", "10.0.0.1:3128", "192.168.1.1:1080", "[::1]:1080", "[fd00::1]", "0.0.0.0:1080",
			"[::ffff:127.0.0.1]:1080", "2130706433:1080", "0x7f000001:80", "127.1:80", "100.100.100.200", "１２７.０.０.１:80", "user:pw@127.0.0.1:80",
		} {
			address := scheme + "://" + host
			if _, failed := a.try("session.setProxy", params{"session": "one", "enabled": true, "url": address}); failed == nil || failed.Code != rpc.CodeInvalidParams {
				t.Errorf("set %s: %v", address, failed)
			}
			if _, failed := a.try("session.create", params{"session_id": "two", "proxy": params{"enabled": true, "url": address}}); failed == nil || failed.Code != rpc.CodeInvalidParams {
				t.Errorf("create with %s: %v", address, failed)
			}
		}
	}
	// One that is stored while it is off is checked when it is switched on.
	a.call("session.setProxy", params{"session": "one", "enabled": false, "url": "http://127.0.0.1:1"})
	if _, failed := a.try("session.setProxy", params{"session": "one", "enabled": true}); failed == nil || failed.Code != rpc.CodeInvalidParams {
		t.Errorf("switched on: %v", failed)
	}
	got := a.call("session.setProxy", params{"session": "one", "enabled": true, "url": " socks5://me:geheim@bücher.example "})
	if got["url"] != "socks5://me:***@xn--bcher-kva.example" {
		t.Errorf("unicode host: %v", got)
	}
}
