package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"

	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/server/cli"
	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/server/socket"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// command runs the program's entry in this process.
func runCommand(t *testing.T, environ []string, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = program().Run(t.Context(), cli.Console{Out: &stdout, Err: &stderr, Environ: environ}, args)
	return code, stdout.String(), stderr.String()
}

// A start that fails ends the program with the status of a failure and names the setting.
func TestServeFailures(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		out  string
		errs string
	}{
		"weak key":         {[]string{"-admin-token", "1234567890", "-session", "none", "-listen", "127.0.0.1:0", "-data-dir", t.TempDir()}, cli.ExitFailure, "", "16 to 512"},
		"bad address":      {[]string{"-session", "none", "-listen", "127.0.0.1:99999", "-data-dir", t.TempDir()}, cli.ExitFailure, "", "listener"},
		"data dir a file":  {[]string{"-session", "none", "-listen", "127.0.0.1:0", "-data-dir", file}, cli.ExitFailure, "", "data directory"},
		"no such database": {[]string{"-session", "none", "-listen", "127.0.0.1:0", "-data-dir", t.TempDir(), "-database", "postgres://me:hunter2@127.0.0.1:1/x?connect_timeout=2"}, cli.ExitFailure, "", "database"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := runCommand(t, nil, c.args...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) {
				t.Errorf("code %d, want %d\nout: %s\nerr: %s", code, c.code, out, errs)
			}
			if strings.Contains(out+errs, "hunter2") || strings.Contains(out+errs, "1234567890") {
				t.Errorf("a secret is shown: %s %s", out, errs)
			}
		})
	}
}

func TestHealthCommand(t *testing.T) {
	s := startServer(t)
	token := s.call("session.create", object{"session_id": "shop"})["token"].(string)
	code, out, errs := runCommand(t, []string{"WAYSTATION_LISTEN=" + s.app.listener.Addr().String()}, "health")
	if code != cli.ExitOK || !strings.Contains(out, `"status":"healthy"`) || !strings.Contains(out, `"figures":{"created":1}`) {
		t.Errorf("code %d, %s %s", code, out, errs)
	}
	if err := s.app.db.RawDB.Close(); err != nil {
		t.Fatal(err)
	}
	code, out, errs = runCommand(t, nil, "health", "-url", s.url("/health"))
	if reply := rpctest.PostCall(t, s.url("/v1/rpc"), token, "session.get", nil); reply.Status != http.StatusServiceUnavailable || reply.Error.Data.Reason != "storage" {
		t.Errorf("a good token was refused: %+v", reply)
	}
	if code != cli.ExitFailure || !strings.Contains(out, `"status":"unhealthy"`) || !strings.Contains(errs, "503") {
		t.Errorf("without a database: code %d, %s %s", code, out, errs)
	}
}

func TestTryCommand(t *testing.T) {
	s := startServer(t, "-demo")
	testkit.Eventually(t, "demo", func() bool { return strings.Contains(s.out.String(), "Stop with Ctrl-C") })
	var args []string
	for line := range strings.SplitSeq(s.out.String(), "\n") {
		if _, rest, ok := strings.Cut(line, " try "); ok {
			args = strings.Fields(strings.ReplaceAll(rest, `"`, ""))
		}
	}
	code, out, errs := runCommand(t, nil, append([]string{"try"}, args...)...)
	if code != cli.ExitOK || !strings.Contains(out, `Message from`) || !strings.Contains(out, `"Hello"`) {
		t.Errorf("the printed command %q gave code %d\n%s\n%s", args, code, out, errs)
	}
	if strings.Contains(out, args[3]) {
		t.Error("the token is printed")
	}
	if code, out, errs := runCommand(t, nil, "try", "-url", args[1], "-token", "a-wrong-token", "-to", "1"); code != cli.ExitFailure || !strings.Contains(errs, "not known") {
		t.Errorf("a wrong token gave code %d\n%s\n%s", code, out, errs)
	}
}

func TestDatabaseOfTheOtherNetworkIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "own.db")
	s := startServer(t, "-data-dir", dir, "-database", path)
	s.stop()
	cfg, _, err := config.Parse([]string{"-data-dir", dir, "-database", path, "-session", "none", "-listen", "127.0.0.1:0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newApp(t.Context(), cfg, cli.NewLogger(&testkit.Buffer{}, cfg), &testkit.Buffer{}); err == nil || !strings.Contains(err.Error(), "simulated network") {
		t.Errorf("got %v", err)
	}
}

// The other tests of this package use the sandbox, so this one needs a process of its own.
func TestNormalStartIsOnWhatsApp(t *testing.T) {
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestNormalStartInChild$", "-test.v")
	child.Env = append(os.Environ(), "WAYSTATION_TEST_NORMAL=1")
	out, err := child.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("still WhatsApp's key")) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestNormalStartInChild(t *testing.T) {
	if os.Getenv("WAYSTATION_TEST_NORMAL") == "" {
		t.Skip("run by TestNormalStartIsOnWhatsApp")
	}
	before := whatsmeow.WACertPubKey
	cfg, _, err := config.Parse([]string{"-listen", "127.0.0.1:0", "-data-dir", t.TempDir(), "-session", "none"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := runServer(t, cfg)
	s.call("session.create", object{"session_id": "real"})
	if reply := rpctest.PostCall(t, s.url("/v1/rpc"), s.token, "sandbox.restart", nil); reply.Error == nil || reply.Error.Code != -32601 {
		t.Errorf("sandbox methods on WhatsApp: %+v", reply)
	}
	if s.app.network.Attach != nil || whatsmeow.WACertPubKey != before {
		t.Error("a normal start trusts the sandbox")
	} else {
		t.Log("still WhatsApp's key")
	}
}

func TestBrowserPagesElsewhereAreRefused(t *testing.T) {
	s := startServer(t, "-allowed-origins", "console.example")
	for origin, want := range map[string]int{"https://evil.example": socket.CloseForbidden, "https://console.example": http.StatusSwitchingProtocols} {
		ticket := s.newTicket(s.token, "")
		if status, body := s.upgrade("?ticket="+ticket, http.Header{"Origin": {origin}}); status != want {
			t.Errorf("%s: status %d, %s, want %d", origin, status, body, want)
		}
	}
	for origin, want := range map[string]int{"https://evil.example": http.StatusForbidden, "https://console.example": http.StatusBadRequest} { // no upgrade
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url("/v1/ws"), nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"Origin": origin, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"} {
			request.Header.Set(name, value)
		}
		response, err := plainHTTP.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: status %d, want %d", origin, response.StatusCode, want)
		}
	}
}

func TestHTTPRefusals(t *testing.T) {
	s := startServer(t, "-max-body", "4096")
	for name, c := range map[string]struct {
		method, path, kind, body string
		status                   int
	}{
		"no such path":  {http.MethodGet, "/no/such/path", "", "", http.StatusNotFound},
		"get":           {http.MethodGet, "/v1/rpc", "", "", http.StatusMethodNotAllowed},
		"form":          {http.MethodPost, "/v1/rpc", "text/plain", `{"jsonrpc":"2.0","id":1,"method":"server.ping"}`, http.StatusUnsupportedMediaType},
		"large":         {http.MethodPost, "/v1/rpc", "application/json", strings.Repeat(" ", 5000), http.StatusRequestEntityTooLarge},
		"token in URL":  {http.MethodPost, "/v1/rpc?token=" + testAdminToken, "application/json", `{}`, http.StatusUnauthorized},
		"broken JSON":   {http.MethodPost, "/v1/rpc", "application/json", `{"jsonrpc":`, http.StatusOK},
		"no upgrade":    {http.MethodGet, "/v1/ws", "", "", http.StatusUpgradeRequired},
		"health posted": {http.MethodPost, "/health", "", "", http.StatusNotFound},
	} {
		request, err := http.NewRequestWithContext(t.Context(), c.method, s.url(c.path), strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", c.kind)
		response, err := plainHTTP.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", name, response.StatusCode, c.status)
		}
	}
}

func TestStopsWhileStarting(t *testing.T) {
	cfg, _, err := config.Parse([]string{"-listen", "127.0.0.1:0", "-data-dir", t.TempDir(), "-sandbox", "-demo"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := newApp(t.Context(), cfg, cli.NewLogger(&testkit.Buffer{}, cfg), &testkit.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.run(ctx); err != nil {
		t.Errorf("got %v", err)
	}
}
