// Package exampletest runs examples against a real server on the simulated network, with a paired session "shop".
package exampletest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// Constants of every World.
const (
	Patience   = 90 * time.Second // bound of every wait
	AdminToken = "admin-token-of-the-test"
	Owner      = "15550100001" // the session's number
	Peer       = "15550100002"
)

// Object is a JSON object.
type Object = map[string]any

// World is a server, and with Pair its session.
type World struct {
	// Address is the server's listening address. Calls go to At, which is the same unless a test changes it.
	Address, At string
	Server      *Process

	t testing.TB
}

// Start builds and starts a server with some environment variables, and pairs its session with Owner's phone.
func Start(t testing.TB, env ...string) *World {
	t.Helper()
	testkit.SkipIfShort(t)
	w := StartServer(t, BuildProgram(t, "../../server"), FreeAddress(t), env, "-sandbox", "-data-dir", t.TempDir())
	w.PairSession(nil)
	return w
}

// StartServer starts a server.
func StartServer(t testing.TB, binary, address string, env []string, args ...string) *World {
	t.Helper()
	testkit.SkipIfShort(t)
	w := &World{Address: address, At: address, t: t}
	w.Server = RunProgram(t, env, binary, append([]string{"-listen", address, "-admin-token", AdminToken, "-session", "none"}, args...)...)
	w.Server.WaitFor("msg=(listening)")
	return w
}

// PairSession creates accounts for Owner and Peer and a session "shop" of Owner's, with further params of session.create, and
// returns the session's token.
func (w *World) PairSession(params Object) (token string) {
	w.t.Helper()
	w.Call("sandbox.createAccount", Object{"number": Owner})
	w.Call("sandbox.createAccount", Object{"number": Peer})
	all := Object{"session_id": "shop", "connect": true}
	maps.Copy(all, params)
	token, _ = w.Call("session.create", all)["token"].(string)
	w.awaitState("pairing")
	w.Call("sandbox.scanQrCode", Object{"account": Owner, "session": "shop"})
	w.awaitState("connected")
	return token
}

// PairAgain deletes the session and creates another with its id, whose offsets begin at 1 again.
func (w *World) PairAgain() {
	w.t.Helper()
	w.Call("session.delete", Object{"session": "shop"})
	w.Call("session.create", Object{"session_id": "shop", "connect": true})
	w.awaitState("pairing")
	w.Call("sandbox.scanQrCode", Object{"account": Owner, "session": "shop"})
	w.awaitState("connected")
}

// SendText sends a text message from Peer to the session.
func (w *World) SendText(text string) {
	w.t.Helper()
	w.Call("sandbox.send", Object{"account": Peer, "to": Owner, "content": Object{"type": "text", "text": text}})
}

// AwaitText waits until Peer has received a text.
func (w *World) AwaitText(text string) {
	w.t.Helper()
	reply := w.Call("sandbox.awaitMessage", Object{"account": Peer, "from_me": false, "text": text, "wait_seconds": 60})
	if reply["message"] == nil {
		w.t.Fatalf("%q did not arrive", text)
	}
}

func (w *World) awaitState(state string) {
	w.t.Helper()
	Eventually(w.t, state, func() bool { return w.Call("session.getStatus", Object{"session": "shop"})["state"] == state })
}

// Call makes a call as the admin; an error ends the test.
func (w *World) Call(method string, params Object) Object {
	w.t.Helper()
	result, err := w.postCall(method, params)
	if err != nil {
		w.t.Fatalf("%s: %v", method, err)
	}
	return result
}

func (w *World) postCall(method string, params Object) (Object, error) {
	body, err := json.Marshal(Object{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+w.At+"/v1/rpc", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+AdminToken)
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
		Result Object
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

// BuildProgram builds the program of a package.
func BuildProgram(t testing.TB, dir string) string {
	t.Helper()
	testkit.SkipIfShort(t)
	binary := filepath.Join(t.TempDir(), "program")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// RequireNode returns the path of Node.js and checks that the example's modules are installed; without them the test is skipped,
// unless all tests must run.
func RequireNode(t testing.TB, modules ...string) string {
	t.Helper()
	node, err := exec.LookPath("node")
	for _, module := range modules {
		if err == nil {
			_, err = os.Stat(filepath.Join("node_modules", module))
		}
	}
	if err != nil {
		if os.Getenv("WAYSTATION_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip("needs Node and npm ci, which make test sees to:", err)
	}
	return node
}

// Process is a program under test with its output.
type Process struct {
	t   testing.TB
	cmd *exec.Cmd
	mu  sync.Mutex
	out bytes.Buffer
}

// RunProgram starts a program for the length of the test, or until Kill.
func RunProgram(t testing.TB, env []string, name string, args ...string) *Process {
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
			t.Logf("%s %v said:\n%s", filepath.Base(name), args, p.AllOutput())
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

// AllOutput returns the whole output of the program.
func (p *Process) AllOutput() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// WaitFor waits until the program's output matches a pattern, and returns the pattern's group, if it has one.
func (p *Process) WaitFor(pattern string) (group string) {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	Eventually(p.t, pattern, func() bool {
		found := re.FindStringSubmatch(p.AllOutput())
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
		_ = p.cmd.Wait() // returns that it was killed
	}
}

// OnceInOrder fails the test unless the output has each text exactly once, in the given order.
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

// Eventually polls until a condition holds.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	testkit.Within(t, Patience, what, holds)
}

// FreeAddress returns a free loopback address, which a restarted server can use again.
func FreeAddress(t testing.TB) string { return testkit.FreeAddress(t) }
