package e2etest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/waystation/waystation/bridge/namecheck"
	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// AdminToken is the admin token of the servers that StartServer starts.
const AdminToken = "e2e-admin-token-0123456789"

var (
	binary  string // the program under test, built once
	workDir string
)

// Client makes the requests of these tests.
var Client = &http.Client{Timeout: 150 * time.Second}

// Main builds the program, runs the tests of a package, and returns the exit code.
func Main(m *testing.M) int {
	flag.Parse()
	if testing.Short() {
		fmt.Println("skipped in short mode: every test starts servers")
		return 0
	}
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

// Process is a running waystation; its output is in the test's log when the test fails.
type Process struct {
	Cmd  *exec.Cmd
	Addr string
	log  testkit.Buffer
	done chan struct{}
}

// Kill ends the process as a power cut would and waits for its end.
func (p *Process) Kill() {
	_ = p.Cmd.Process.Kill()
	<-p.done
}

func start(t *testing.T, stdout io.Writer, args ...string) *Process {
	t.Helper()
	p := &Process{Cmd: exec.Command(binary, args...), done: make(chan struct{})}
	p.Cmd.Stderr = &p.log
	p.Cmd.Stdout = &p.log
	if stdout != nil {
		p.Cmd.Stdout = stdout
	}
	p.Cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.Cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			text := p.Text()
			t.Logf("output of %v:\n%s", args[0], text[max(0, len(text)-8000):])
		}
	})
	return p
}

// StartSandbox starts the simulated network in a process of its own.
func StartSandbox(t *testing.T) (p *Process, root string) {
	t.Helper()
	r, w := io.Pipe()
	p = start(t, w, "sandbox", "-listen", "127.0.0.1:0")
	t.Cleanup(func() { _ = w.Close() })
	lines := bufio.NewScanner(r)
	for p.Addr == "" || root == "" {
		if !lines.Scan() {
			t.Fatal("the sandbox did not print its address")
		}
		switch f := strings.Fields(lines.Text()); {
		case len(f) == 2 && f[0] == "address":
			p.Addr = f[1]
		case len(f) == 2 && f[0] == "root":
			root = f[1]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	return p, root
}

// StartServer runs a server attached to the sandbox and waits until it answers.
func StartServer(t *testing.T, addr string, network *Process, root, dataDir, database string, extra ...string) *Process {
	t.Helper()
	args := append([]string{
		"serve", "-session", "none", "-listen", addr, "-admin-token", AdminToken, "-data-dir", dataDir, "-database", database,
		"-session", "none", "-qr", "never", "-sandbox-addr", network.Addr, "-sandbox-root", root,
	}, extra...)
	t.Cleanup(func() { checkNames(t, addr) })
	p := start(t, nil, args...)
	p.Addr = addr
	testkit.Within(t, 30*time.Second, "the server answers", func() bool {
		response, err := Client.Get("http://" + addr + "/health")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return p
}

// RPCError is an error reply.
type RPCError struct {
	Message string
	Data    struct {
		Reason       string
		RetryAfterMS int64 `json:"retry_after_ms"`
	}
}

func (e *RPCError) Error() string { return e.Message + " (" + e.Data.Reason + ")" }

// CallMethod runs a method over POST /v1/rpc and retries after a rate limit.
func CallMethod(addr, method string, params, result any) error {
	for {
		err := CallOnce(addr, method, params, result)
		var refused *RPCError
		if !errors.As(err, &refused) || refused.Data.Reason != "rate_limited" {
			return err
		}
		<-time.After(time.Duration(refused.Data.RetryAfterMS) * time.Millisecond)
	}
}

// CallOnce runs a method over POST /v1/rpc.
func CallOnce(addr, method string, params, result any) error {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+addr+"/v1/rpc", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+AdminToken)
	request.Header.Set("Content-Type", "application/json")
	response, err := Client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var reply struct {
		Result json.RawMessage
		Error  *RPCError
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
	problems, _ := names.TakeProblems(addr + " ")
	for _, problem := range problems {
		t.Error(problem)
	}
}

// MustCall runs a method like CallMethod; the test fails if it returns an error.
func MustCall(t *testing.T, addr, method string, params, result any) {
	t.Helper()
	if err := CallMethod(addr, method, params, result); err != nil {
		t.Fatal(err)
	}
}

// Object is a JSON object.
type Object map[string]any

// PairSession creates an account and a session and links them by QR code.
func PairSession(t *testing.T, server, network *Process, session, number string) {
	t.Helper()
	MustCall(t, network.Addr, "sandbox.createAccount", Object{"number": number, "push_name": session}, nil)
	MustCall(t, server.Addr, "session.create", Object{"session_id": session}, nil)
	MustCall(t, server.Addr, "session.connect", Object{"session": session}, nil)
	testkit.Within(t, 20*time.Second, "the QR code is there and scanned", func() bool {
		return CallMethod(server.Addr, "sandbox.scanQrCode", Object{"account": number, "session": session}, nil) == nil
	})
	testkit.Within(t, 20*time.Second, session+" is connected", func() bool { return IsConnected(server, session) })
}

// IsConnected reports whether a session is connected and logged in.
func IsConnected(server *Process, session string) bool {
	var status struct {
		Connected bool `json:"connected"`
		LoggedIn  bool `json:"logged_in"`
	}
	return CallMethod(server.Addr, "session.getStatus", Object{"session": session}, &status) == nil && status.Connected && status.LoggedIn
}

// CheckNetwork fails the test when a client sent stanzas that WhatsApp would refuse.
func CheckNetwork(t *testing.T, network *Process) {
	t.Helper()
	var findings struct {
		Requests   []Object `json:"requests"`
		Violations []Object `json:"violations"`
	}
	MustCall(t, network.Addr, "sandbox.listUnknownRequests", Object{}, &findings)
	for _, f := range append(findings.Requests, findings.Violations...) {
		t.Errorf("the network refused: %v", f)
	}
}

// Text returns the output of the process.
func (p *Process) Text() string { return p.log.String() }

// HookSettings let a server reach receivers on this machine, and fail and recover in test time.
var HookSettings = []string{
	"-allow-hosts", "127.0.0.1", "-delivery-timeout", "2s", "-delivery-backoff", "50ms", "-delivery-backoff-max", "500ms",
	"-delivery-probe-every", "200ms", "-delivery-attempts", "60",
}
