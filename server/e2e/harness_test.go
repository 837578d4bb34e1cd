package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/waystation/waystation/bridge/namecheck"
	"github.com/waystation/waystation/transports/kit/database/dbtest"

	"github.com/waystation/waystation/transports/brokertest"
)

const adminToken = "e2e-admin-token-0123456789"

var (
	binary  string // the program under test, built once
	workDir string
	client  = &http.Client{Timeout: 150 * time.Second}
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if workDir, err = os.MkdirTemp("", "waystation-e2e-"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(workDir)
	binary = filepath.Join(workDir, "waystation")
	build := exec.Command("go", "build", "-o", binary, "github.com/waystation/waystation/server")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return brokertest.Main(runner(func() int { return dbtest.Main(m) }))
}

// runner runs the tests with setup and cleanup.
type runner func() int

// Run implements the interface that TestMain runs.
func (r runner) Run() int { return r() }

// process is a running waystation; its output is in the test's log when the test fails.
type process struct {
	cmd  *exec.Cmd
	addr string
	mu   sync.Mutex
	log  bytes.Buffer
	done chan struct{}
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

// kill ends the process as a power cut would and waits for its end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

func start(t *testing.T, stdout io.Writer, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(binary, args...), done: make(chan struct{})}
	p.cmd.Stderr = p
	p.cmd.Stdout = p
	if stdout != nil {
		p.cmd.Stdout = stdout
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			p.mu.Lock()
			defer p.mu.Unlock()
			text := p.log.String()
			t.Logf("output of %v:\n%s", args[0], text[max(0, len(text)-8000):])
		}
	})
	return p
}

// startSandbox starts the simulated network in a process of its own.
func startSandbox(t *testing.T) (p *process, root string) {
	t.Helper()
	r, w := io.Pipe()
	p = start(t, w, "sandbox", "-listen", "127.0.0.1:0")
	t.Cleanup(func() { _ = w.Close() })
	lines := bufio.NewScanner(r)
	for p.addr == "" || root == "" {
		if !lines.Scan() {
			t.Fatal("the sandbox did not print its address")
		}
		switch f := strings.Fields(lines.Text()); {
		case len(f) == 2 && f[0] == "address":
			p.addr = f[1]
		case len(f) == 2 && f[0] == "root":
			root = f[1]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	return p, root
}

// freeAddress returns a loopback address whose port was free just now; a restarted server keeps it.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startServer runs a server attached to the sandbox and waits until it answers.
func startServer(t *testing.T, addr string, network *process, root, dataDir, database string, extra ...string) *process {
	t.Helper()
	args := append([]string{
		"serve", "-session", "none", "-listen", addr, "-admin-token", adminToken, "-data-dir", dataDir, "-database", database,
		"-session", "none", "-qr", "never", "-sandbox-addr", network.addr, "-sandbox-root", root,
	}, extra...)
	t.Cleanup(func() { checkNames(t, addr) })
	p := start(t, nil, args...)
	p.addr = addr
	eventually(t, 30*time.Second, "the server answers", func() bool {
		response, err := client.Get("http://" + addr + "/health")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return p
}

func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", within, what)
		case <-tick.C:
		}
	}
}

// rpcError is an error reply.
type rpcError struct {
	Message string
	Data    struct {
		Reason       string
		RetryAfterMS int64 `json:"retry_after_ms"`
	}
}

func (e *rpcError) Error() string { return e.Message + " (" + e.Data.Reason + ")" }

// call runs a method over POST /v1/rpc and retries after a rate limit.
func call(addr, method string, params, result any) error {
	for {
		err := callOnce(addr, method, params, result)
		var refused *rpcError
		if !errors.As(err, &refused) || refused.Data.Reason != "rate_limited" {
			return err
		}
		<-time.After(time.Duration(refused.Data.RetryAfterMS) * time.Millisecond)
	}
}

func callOnce(addr, method string, params, result any) error {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+addr+"/v1/rpc", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+adminToken)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var reply struct {
		Result json.RawMessage
		Error  *rpcError
	}
	if err = json.NewDecoder(response.Body).Decode(&reply); err != nil {
		return fmt.Errorf("%s: %s: %w", method, response.Status, err)
	}
	if reply.Error != nil {
		return fmt.Errorf("%s: %w", method, reply.Error)
	}
	checkReplyNames(addr, body, reply.Result)
	if result == nil {
		return nil
	}
	return json.Unmarshal(reply.Result, result)
}

// names checks the rule of names on every reply and every event that a feed reads.
var names = namecheck.New()

// checkReplyNames checks the result of a request to a server. Batches are left out.
func checkReplyNames(addr string, body []byte, result json.RawMessage) {
	var request struct {
		Method string
		Params struct{ Session string }
	}
	if json.Unmarshal(body, &request) == nil && len(result) > 0 {
		names.Reply(addr+" "+request.Params.Session, request.Method, result)
	}
}

func checkNames(t *testing.T, addr string) {
	t.Helper()
	problems, _ := names.Take(addr + " ")
	for _, problem := range problems {
		t.Error(problem)
	}
}

func must(t *testing.T, addr, method string, params, result any) {
	t.Helper()
	if err := call(addr, method, params, result); err != nil {
		t.Fatal(err)
	}
}

type object map[string]any

// pair creates an account and a session and links them by QR code.
func pair(t *testing.T, server, network *process, session, number string) {
	t.Helper()
	must(t, network.addr, "sandbox.createAccount", object{"number": number, "push_name": session}, nil)
	must(t, server.addr, "session.create", object{"session_id": session}, nil)
	must(t, server.addr, "session.connect", object{"session": session}, nil)
	eventually(t, 20*time.Second, "the QR code is there and scanned", func() bool {
		return call(server.addr, "sandbox.scanQrCode", object{"account": number, "session": session}, nil) == nil
	})
	eventually(t, 20*time.Second, session+" is connected", func() bool { return connected(server, session) })
}

func connected(server *process, session string) bool {
	var status struct {
		Connected bool `json:"connected"`
		LoggedIn  bool `json:"logged_in"`
	}
	return call(server.addr, "session.getStatus", object{"session": session}, &status) == nil && status.Connected && status.LoggedIn
}

// checkNetwork fails the test when a client sent stanzas that WhatsApp would refuse.
func checkNetwork(t *testing.T, network *process) {
	t.Helper()
	var findings struct {
		Requests   []object `json:"requests"`
		Violations []object `json:"violations"`
	}
	must(t, network.addr, "sandbox.listUnknownRequests", object{}, &findings)
	for _, f := range append(findings.Requests, findings.Violations...) {
		t.Errorf("the network refused: %v", f)
	}
}

// onEachDatabase runs a test on SQLite and on PostgreSQL, each with a database of its own.
func onEachDatabase(t *testing.T, test func(t *testing.T, database string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "waystation.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, dbtest.Postgres(t)) })
}
