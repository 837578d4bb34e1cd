package main

import (
	"bufio"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// process is the program in a process of its own.
type process struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], args...)}
	p.cmd.Env = append(os.Environ(), childMode+"=1")
	p.cmd.Stderr = &testkit.Buffer{}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	t.Cleanup(func() { p.kill() })
	return p
}

// kill ends the process like kill -9.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait() // reports that it was killed
	}
}

// terminate ends it like an operator and returns the result of Wait.
func (p *process) terminate(t *testing.T) error {
	t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	return p.cmd.Wait()
}

// after returns the rest of a printed line that begins with a word.
func (p *process) after(t *testing.T, word string) string {
	t.Helper()
	for p.lines.Scan() {
		if rest, ok := strings.CutPrefix(p.lines.Text(), word); ok {
			return strings.TrimSpace(rest)
		}
	}
	t.Fatalf("the process did not print %q; it said: %s", word, p.cmd.Stderr)
	return ""
}

var listening = regexp.MustCompile(`msg=listening address=(\S+)`)

// address waits until a server process prints its address.
func (p *process) address(t *testing.T) string {
	t.Helper()
	var found []string
	testkit.Eventually(t, "listening", func() bool {
		found = listening.FindStringSubmatch(p.cmd.Stderr.(*testkit.Buffer).String())
		return found != nil
	})
	return found[1]
}

// A server that is killed finds the same network again, and its session reconnects automatically.
func TestServersRestartOnOneSandbox(t *testing.T) {
	box := startProcess(t, "sandbox")
	address, root := box.after(t, "address"), box.after(t, "root")
	dir := t.TempDir()
	args := []string{"-session", "none", "-sandbox-addr", address, "-sandbox-root", root, "-listen", "127.0.0.1:0", "-data-dir", dir, "-admin-token", testAdminToken}

	first := startProcess(t, args...)
	url := "http://" + first.address(t) + "/v1/rpc"
	call := func(method string, params object) object {
		return rpctest.MustCall[object](t, url, testAdminToken, method, params)
	}
	connected := func() bool { return call("session.getStatus", object{"session": "shop"})["state"] == "connected" }
	call("sandbox.createAccount", object{"number": "15550100001"})
	call("sandbox.createAccount", object{"number": "15550100002"})
	call("session.create", object{"session_id": "shop", "connect": true})
	testkit.Eventually(t, "pairing", func() bool { return call("session.getStatus", object{"session": "shop"})["state"] == "pairing" })
	call("sandbox.scanQrCode", object{"account": "15550100001", "session": "shop"})
	testkit.Eventually(t, "connection", connected)
	first.kill()

	// Messages sent meanwhile wait on the network, which has calls of its own.
	sent := rpctest.MustCall[object](t, "http://"+address+"/v1/rpc", "", "sandbox.send",
		object{"account": "15550100002", "to": "15550100001", "content": object{"type": "text", "text": "while you were away"}})
	if sent["message_id"] == "" {
		t.Error("nothing was sent")
	}
	if reply := rpctest.PostCall(t, "http://"+address+"/v1/rpc", "", "sandbox.scanQrCode", object{"account": "15550100001", "session": "shop"}); reply.Error == nil || reply.Error.Code != -32602 {
		t.Errorf("the sandbox has no sessions, but answered %+v", reply)
	}

	second := startProcess(t, args...)
	url = "http://" + second.address(t) + "/v1/rpc"
	testkit.Eventually(t, "reconnection", connected)
	c := dial(t, strings.TrimSuffix(url, "/rpc")+"/ws", testAdminToken, object{"from": "oldest"})
	c.event(isText("while you were away"))
	if reply := rpctest.PostCall(t, url, testAdminToken, "sandbox.getAccount", object{"account": "15550109999"}); reply.Error == nil || reply.Error.Code != -32003 {
		t.Errorf("an error of the other process came as %+v", reply)
	}
	if err := second.terminate(t); err != nil {
		t.Errorf("after an interrupt: %v\n%s", err, second.cmd.Stderr)
	}
	if err := box.terminate(t); err != nil {
		t.Errorf("the sandbox after an interrupt: %v", err)
	}
}

func TestServerWithoutItsSandbox(t *testing.T) {
	cfgArgs := []string{"-sandbox-addr", "127.0.0.1:1", "-listen", "127.0.0.1:0", "-data-dir", t.TempDir(), "-admin-token", testAdminToken}
	p := startProcess(t, cfgArgs...)
	url := "http://" + p.address(t) + "/v1/rpc"
	if reply := rpctest.PostCall(t, url, testAdminToken, "sandbox.restart", nil); reply.Error == nil || reply.Error.Code != -32009 {
		t.Errorf("got %+v", reply)
	}
	if err := p.terminate(t); err != nil {
		t.Errorf("after an interrupt: %v", err)
	}
}
