// Package echobot_test runs the bot against a real server on the simulated network.
package echobot_test

import (
	"bytes"
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
	patience   = 60 * time.Second
	adminToken = "admin-token-of-the-test"
	owner      = "15550100001"
	peer       = "15550100002"
)

func TestBotAnswersAndResumes(t *testing.T) {
	binary, node := build(t)
	box := start(t, nil, binary, "sandbox")
	network := box.wait(t, `address (\S+)`)
	address := freeAddress(t)
	w := &world{t: t, url: "http://" + address + "/v1/rpc"}
	serverArgs := []string{"-sandbox-addr", network, "-listen", address, "-data-dir", t.TempDir(), "-admin-token", adminToken}
	server := start(t, nil, binary, serverArgs...)
	server.wait(t, "msg=(listening)")

	w.call("sandbox.createAccount", object{"number": owner})
	w.call("sandbox.createAccount", object{"number": peer})
	token := w.call("session.create", object{"session_id": "shop", "connect": true})["token"].(string)
	w.until("pairing")
	w.call("sandbox.scanQrCode", object{"account": owner, "session": "shop"})
	w.until("connected")

	env := []string{"WAYSTATION_URL=ws://" + address + "/v1/ws", "WAYSTATION_TOKEN=" + token, "STATE_FILE=" + filepath.Join(t.TempDir(), "state.json")}
	bot := start(t, env, node, "bot.js")
	bot.wait(t, "(connected), shop at")
	w.say("one")
	w.answered("one")

	// The server dies; what is said meanwhile is answered once both are back.
	server.kill()
	w.url = "http://" + network + "/v1/rpc" // the network answers sandbox calls itself
	w.say("two")
	w.url = "http://" + address + "/v1/rpc"
	server = start(t, nil, binary, serverArgs...)
	server.wait(t, "msg=(listening)")
	w.answered("two")

	// The bot dies; its next run goes on where it stopped.
	bot.kill()
	w.say("three")
	w.say("four")
	start(t, env, node, "bot.js")
	w.answered("three")
	w.answered("four")

	var texts []string
	for _, m := range w.call("sandbox.listMessages", object{"account": peer, "from_me": false})["messages"].([]any) {
		texts = append(texts, m.(object)["text"].(string))
	}
	if got := strings.Join(texts, " "); got != "one two three four" {
		t.Errorf("the peer was answered %q", got)
	}
}

func TestBotStopsWithABadToken(t *testing.T) {
	binary, node := build(t)
	address := freeAddress(t)
	server := start(t, nil, binary, "-sandbox", "-listen", address, "-data-dir", t.TempDir(), "-admin-token", adminToken)
	server.wait(t, "msg=(listening)")
	bot := start(t, []string{"WAYSTATION_URL=ws://" + address + "/v1/ws", "WAYSTATION_TOKEN=nobody-has-this-token"}, node, "bot.js")
	bot.wait(t, "(401)")
}

// build makes the server's binary and finds Node; without Node the test is skipped, unless all are to run.
func build(t *testing.T) (binary, node string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat("node_modules/ws")
	}
	if err != nil {
		if os.Getenv("WAYSTATION_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip("needs Node and npm ci, which make test sees to:", err)
	}
	binary = filepath.Join(t.TempDir(), "waystation")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "../../server").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary, node
}

type object = map[string]any

// world calls the server.
type world struct {
	t   *testing.T
	url string
}

func (w *world) call(method string, params object) object {
	w.t.Helper()
	reply, err := w.post(method, params)
	if err != nil {
		w.t.Fatalf("%s: %v", method, err)
	}
	return reply
}

func (w *world) post(method string, params object) (object, error) {
	body, err := json.Marshal(object{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url, bytes.NewReader(body))
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

// until waits for a state of the session.
func (w *world) until(state string) {
	w.t.Helper()
	eventually(w.t, state, func() bool { return w.call("session.getStatus", object{"session": "shop"})["state"] == state })
}

func (w *world) say(text string) {
	w.t.Helper()
	w.call("sandbox.send", object{"account": peer, "to": owner, "content": object{"type": "text", "text": text}})
}

func (w *world) answered(text string) {
	w.t.Helper()
	reply := w.call("sandbox.awaitMessage", object{"account": peer, "from_me": false, "text": text, "wait_seconds": patience.Seconds()})
	if reply["message"] == nil {
		w.t.Fatalf("%q was not answered", text)
	}
}

// process is a program under test and what it said.
type process struct {
	cmd *exec.Cmd
	mu  sync.Mutex
	out bytes.Buffer
}

func start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...)}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s %v said:\n%s", filepath.Base(name), args, p.said())
		}
	})
	return p
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// wait returns the group of a pattern once the process has said it.
func (p *process) wait(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	eventually(t, pattern, func() bool {
		found = re.FindStringSubmatch(p.said())
		return found != nil
	})
	return found[1]
}

func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait() // says that it was killed
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
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

// freeAddress is an address that a server may use again after it was killed.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
