package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/server/cli"
	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// patience limits every wait of these tests; a healthy wait takes a fraction of it.
const patience = 30 * time.Second

// childMode makes the test binary run the program, so that tests can start, kill and restart it.
const childMode = "WAYSTATION_TEST_CHILD"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == hashCommand {
		main()
		return
	}
	if os.Getenv(childMode) == "" {
		goleak.VerifyTestMain(withBrokers{m}, testkit.LibraryLeaks()...)
		return
	}
	_ = os.Unsetenv(childMode)
	main()
}

// withBrokers stops the shared broker and database after the tests.
type withBrokers struct{ m *testing.M }

func (w withBrokers) Run() int { return brokertest.Main(dbtest.Runner{M: w.m}) }

// testServer is a server in this process.
type testServer struct {
	t      *testing.T
	app    *app
	token  string // admin
	out    *testkit.Buffer
	logged *testkit.Buffer
	stop   func()
}

const testAdminToken = "admin-token-of-the-test"

// startServer starts a server on the sandbox with more flags than those every test needs.
func startServer(t *testing.T, args ...string) *testServer {
	t.Helper()
	args = append([]string{"-listen", "127.0.0.1:0", "-data-dir", t.TempDir(), "-admin-token", testAdminToken, "-sandbox", "-session", "none", "-log-level", "debug"}, args...)
	cfg, _, err := config.Parse(args, nil)
	if err != nil {
		t.Fatal(err)
	}
	return runServer(t, cfg)
}

func runServer(t *testing.T, cfg *config.Config) *testServer {
	t.Helper()
	logged := &testkit.Buffer{}
	s := &testServer{t: t, token: cfg.AdminToken, out: &testkit.Buffer{}, logged: logged}
	var err error
	if s.app, err = newApp(t.Context(), cfg, cli.NewLogger(logged, cfg), s.out); err != nil {
		t.Fatal(err)
	}
	s.token = s.app.adminToken
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.app.run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the server ended with: %v", err)
			}
		case <-time.After(patience):
			t.Error("the server does not end")
		}
		if strings.Contains(logged.String(), s.token) {
			t.Error("the admin token is in the log")
		}
		if t.Failed() {
			t.Log(logged.String())
		}
	})
	t.Cleanup(s.stop)
	return s
}

func (s *testServer) url(path string) string {
	return "http://" + s.app.listener.Addr().String() + path
}

var plainHTTP = rpctest.Client

// object is a result of which a test reads a little.
type object = map[string]any

func (s *testServer) call(method string, params object) object {
	s.t.Helper()
	return rpctest.MustCall[object](s.t, s.url("/v1/rpc"), s.token, method, params)
}

// pair makes an account and a session and links the two, by calls only; it returns the session's token.
func (s *testServer) pair(session, number string) (token string) {
	s.t.Helper()
	s.call("sandbox.createAccount", object{"number": number, "push_name": "Owner of " + session})
	created := s.call("session.create", object{"session_id": session, "connect": true})
	testkit.Eventually(s.t, "pairing code", func() bool { return s.state(session) == "pairing" })
	s.call("sandbox.scanQrCode", object{"account": number, "session": session})
	testkit.Eventually(s.t, "connection", func() bool { return s.state(session) == "connected" })
	return created["token"].(string)
}

func (s *testServer) state(session string) string {
	s.t.Helper()
	state, _ := s.call("session.getStatus", object{"session": session})["state"].(string)
	return state
}

// socketClient is one connection.
type socketClient struct {
	t     *testing.T
	ws    *websocket.Conn
	hello object
	next  int
	// held are notifications received while waiting for a reply.
	held []object
}

func dial(t *testing.T, url, token string, hello object) *socketClient {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), strings.Replace(url, "http://", "ws://", 1), &websocket.DialOptions{
		Subprotocols: []string{"waystation.v1"}, HTTPHeader: http.Header{"Authorization": {"Bearer " + token}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	ws.SetReadLimit(8 << 20)
	c := &socketClient{t: t, ws: ws}
	params := object{"protocol": 1}
	for name, value := range hello {
		params[name] = value
	}
	c.hello = c.call("conn.hello", params)
	return c
}

func (c *socketClient) read() object {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	_, raw, err := c.ws.Read(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	var frame object
	if err := json.Unmarshal(raw, &frame); err != nil {
		c.t.Fatalf("%v in %s", err, raw)
	}
	return frame
}

func (c *socketClient) call(method string, params object) object {
	c.t.Helper()
	c.next++
	raw, err := json.Marshal(object{"jsonrpc": "2.0", "id": c.next, "method": method, "params": params})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.ws.Write(c.t.Context(), websocket.MessageText, raw); err != nil {
		c.t.Fatal(err)
	}
	for {
		frame := c.read()
		if frame["id"] != float64(c.next) {
			c.held = append(c.held, frame)
			continue
		}
		if frame["error"] != nil {
			c.t.Fatalf("%s: %v", method, frame["error"])
		}
		return frame["result"].(object)
	}
}

// event returns the params of the next event that matches.
func (c *socketClient) event(matches func(params, data object) bool) object {
	c.t.Helper()
	for {
		var frame object
		if len(c.held) > 0 {
			frame, c.held = c.held[0], c.held[1:]
		} else {
			frame = c.read()
		}
		params, _ := frame["params"].(object)
		data, _ := params["data"].(object)
		if frame["method"] == "event" && matches(params, data) {
			return params
		}
	}
}

func isText(text string) func(params, data object) bool {
	return func(params, data object) bool { return params["type"] == "Message" && data["text"] == text }
}

// keptConfig is the config of a server whose database is a file, so that it can be restarted.
func keptConfig(t *testing.T) *config.Config {
	t.Helper()
	cfg, _, err := config.Parse([]string{
		"-listen", "127.0.0.1:0", "-data-dir", t.TempDir(), "-admin-token", testAdminToken, "-sandbox",
		"-database", t.TempDir() + "/kept.db", "-log-level", "debug", "-session", "none",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
