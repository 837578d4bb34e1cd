// Package webhookreceiver_test runs the receivers against a real server on the simulated network.
package webhookreceiver_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
	oldSecret  = "the-secret-of-last-year"
	newSecret  = "the-secret-of-this-year"
)

func TestReceivers(t *testing.T) {
	server := build(t, "waystation", "../../server")
	for name, command := range map[string]func(t *testing.T) []string{
		"go":   func(t *testing.T) []string { return []string{build(t, "receiver", "./go")} },
		"node": func(t *testing.T) []string { return []string{node(t), "node/receiver.js"} },
	} {
		t.Run(name, func(t *testing.T) { receives(t, server, command(t)) })
	}
}

func receives(t *testing.T, binary string, command []string) {
	listen := freeAddress(t)
	receiver := start(t, []string{"LISTEN=" + listen, "WEBHOOK_SECRETS=" + newSecret + "," + oldSecret}, command...)
	receiver.wait(t, "listening on "+listen)

	address := freeAddress(t)
	server := start(t, nil, binary, "-sandbox", "-listen", address, "-data-dir", t.TempDir(), "-admin-token", adminToken,
		"-session", "none", "-allow-hosts", "127.0.0.1")
	server.wait(t, "msg=listening")
	w := &world{t: t, url: "http://" + address + "/v1/rpc"}
	w.call("sandbox.createAccount", object{"number": owner})
	w.call("sandbox.createAccount", object{"number": peer})
	url := "http://" + listen + "/"
	w.call("session.create", object{"session_id": "shop", "connect": true, "webhook": object{"url": url, "secret": oldSecret}})
	w.until("pairing")
	w.call("sandbox.scanQrCode", object{"account": owner, "session": "shop"})
	w.until("connected")

	// Signed with the old key, then while the keys change with both, and then with the new one.
	w.say("one")
	receiver.wait(t, "Message one")
	w.call("webhook.rotateSecret", object{"session": "shop", "secret": newSecret})
	w.say("two")
	receiver.wait(t, "Message two")
	w.call("webhook.rotateSecret", object{"session": "shop", "secret": newSecret, "keep_seconds": 0})
	w.say("three")
	receiver.wait(t, "Message three")

	// What no server of ours would send.
	now := strconv.FormatInt(time.Now().Unix(), 10)
	old := strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10)
	body := `{"session":"shop","offset":999,"id":"repeated","type":"Message","data":{"text":"again"}}`
	for _, c := range []struct {
		name, timestamp, signature, body string
		status                           int
	}{
		{"no signature", now, "", body, http.StatusUnauthorized},
		{"another key", now, sign("somebody-elses-secret", now, body), body, http.StatusUnauthorized},
		{"another body", now, sign(newSecret, now, body), body + " ", http.StatusUnauthorized},
		{"another time", now, sign(newSecret, old, body), body, http.StatusUnauthorized},
		{"a recording", old, sign(newSecret, old, body), body, http.StatusBadRequest},
		{"too large", now, "", strings.Repeat("x", 1<<20+1), http.StatusRequestEntityTooLarge},
		{"first", now, sign("another", now, body) + "," + sign(newSecret, now, body), body, http.StatusOK},
		{"again", now, sign(newSecret, now, body), body, http.StatusOK},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Waystation-Timestamp", c.timestamp)
		request.Header.Set("X-Waystation-Signature", c.signature)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		_ = response.Body.Close()
		if response.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.name, response.StatusCode, c.status)
		}
	}
	receiver.wait(t, "Message again")
	for _, text := range []string{"one", "two", "three", "again"} {
		if n := strings.Count(receiver.said(), "Message "+text+"\n"); n != 1 {
			t.Errorf("%q was printed %d times", text, n)
		}
	}
}

func sign(secret, timestamp, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = io.WriteString(mac, timestamp+"."+body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// build makes a program.
func build(t *testing.T, name, folder string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, folder).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// node finds Node; without it the test is skipped, unless all are to run.
func node(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("WAYSTATION_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip("needs Node, which make test sees to:", err)
	}
	return path
}

type object = map[string]any

// world calls the server.
type world struct {
	t   *testing.T
	url string
}

func (w *world) call(method string, params object) object {
	w.t.Helper()
	body, err := json.Marshal(object{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		w.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+adminToken)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	var reply struct {
		Result object
		Error  any
	}
	if err := json.NewDecoder(response.Body).Decode(&reply); err != nil || reply.Error != nil {
		w.t.Fatalf("%s: %v %v", method, err, reply.Error)
	}
	return reply.Result
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

// process is a program under test and what it said.
type process struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func start(t *testing.T, env []string, command ...string) *process {
	t.Helper()
	p := &process{}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = p, p
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // says that it was killed
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(command[0]), p.said())
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

// wait returns once the process has said it.
func (p *process) wait(t *testing.T, text string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%q", text), func() bool { return strings.Contains(p.said(), text) })
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

// freeAddress is an address that was free a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
