// Package exampletest runs examples against a real server on the simulated network, with a paired session "shop".
package exampletest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	patience   = 90 * time.Second
	adminToken = "admin-token-of-the-test"
	owner      = "15550100001"
	peer       = "15550100002"
)

type object = map[string]any

// World is a server with a session, and somebody who writes to it.
type World struct {
	t   testing.TB
	url string
}

// Start builds and starts a server with some environment variables, and pairs the session.
func Start(t testing.TB, env ...string) *World {
	t.Helper()
	binary := Build(t, "../../server")
	address := freeAddress(t)
	w := &World{t: t, url: "http://" + address + "/v1/rpc"}
	server := Run(t, env, binary, "-sandbox", "-listen", address, "-data-dir", t.TempDir(), "-admin-token", adminToken)
	server.Wait("msg=(listening)")
	w.call("sandbox.createAccount", object{"number": owner})
	w.call("sandbox.createAccount", object{"number": peer})
	w.call("session.create", object{"session_id": "shop", "connect": true})
	w.until("pairing")
	w.call("sandbox.scanQrCode", object{"account": owner, "session": "shop"})
	w.until("connected")
	return w
}

// Say sends a text message to the session.
func (w *World) Say(text string) {
	w.t.Helper()
	w.call("sandbox.send", object{"account": peer, "to": owner, "content": object{"type": "text", "text": text}})
}

func (w *World) until(state string) {
	w.t.Helper()
	Eventually(w.t, state, func() bool { return w.call("session.getStatus", object{"session": "shop"})["state"] == state })
}

func (w *World) call(method string, params object) object {
	w.t.Helper()
	result, err := w.post(method, params)
	if err != nil {
		w.t.Fatalf("%s: %v", method, err)
	}
	return result
}

func (w *World) post(method string, params object) (object, error) {
	body, err := json.Marshal(object{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+adminToken)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	var reply struct {
		Result object
		Error  any
	}
	if err := json.Unmarshal(raw, &reply); err != nil {
		return nil, err
	}
	if reply.Error != nil {
		return nil, fmt.Errorf("%v", reply.Error)
	}
	return reply.Result, nil
}

// Build makes a program of a package.
func Build(t testing.TB, dir string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "program")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// Node finds Node and checks that the example's modules are installed; without them the test is skipped, unless all are
// to run.
func Node(t testing.TB, module string) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join("node_modules", module))
	}
	if err != nil {
		if os.Getenv("WAYSTATION_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip("needs Node and npm ci, which make test sees to:", err)
	}
	return node
}

// Process is a program under test and what it said.
type Process struct {
	t   testing.TB
	cmd *exec.Cmd
	mu  sync.Mutex
	out bytes.Buffer
}

// Run starts a program for the length of the test, or until Kill.
func Run(t testing.TB, env []string, name string, args ...string) *Process {
	t.Helper()
	p := &Process{t: t, cmd: exec.Command(name, args...)}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s %v said:\n%s", filepath.Base(name), args, p.Said())
		}
	})
	return p
}

// Write implements io.Writer for the program's output.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

// Said is all that the program wrote.
func (p *Process) Said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// Wait waits until the program has said what a pattern describes, and returns the pattern's group, if it has one.
func (p *Process) Wait(pattern string) (group string) {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	Eventually(p.t, pattern, func() bool {
		found := re.FindStringSubmatch(p.Said())
		if len(found) > 1 {
			group = found[1]
		}
		return found != nil
	})
	return group
}

// Kill ends the program at once, as a crash does.
func (p *Process) Kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait() // says that it was killed
	}
}

// OnceInOrder fails the test unless each text is said exactly once, in the order given.
func OnceInOrder(t testing.TB, said string, texts ...string) {
	t.Helper()
	at := -1
	for _, text := range texts {
		if n := strings.Count(said, text); n != 1 {
			t.Errorf("%q was said %d times", text, n)
		}
		if next := strings.Index(said, text); next < at {
			t.Errorf("%q came too early", text)
		} else {
			at = next
		}
	}
}

// Eventually polls until something holds.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("%s: not in time", what)
		case <-tick.C:
		}
	}
}

// freeAddress is an address that a server may listen at.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
