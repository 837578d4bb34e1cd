// Package restcurl_test runs the script against a real server on the simulated network.
package restcurl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	patience   = 60 * time.Second
	adminToken = "admin-token-of-the-test"
	owner      = "15550100001"
	peer       = "15550100002"
)

func TestTour(t *testing.T) {
	for _, program := range []string{"bash", "curl", "sed", "base64"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("WAYSTATION_TEST_ALL") != "" {
				t.Fatal(err)
			}
			t.Skipf("needs %s", program)
		}
	}
	url := startServer(t)
	call(t, url, "sandbox.createAccount", object{"number": peer, "auto_reply": "echo"})
	heard := make(chan string, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case heard <- r.PostFormValue("jsonData"): // the form of the document
		default:
		}
	}))
	defer receiver.Close()

	out, token := tour(t, url, "WEBHOOK_URL="+receiver.URL, "SESSION=shop")
	for _, want := range []string{
		`{"code":200,"data":{"details":"Connected!"`, `{"code":200,"data":{"Connected":true,"LoggedIn":true},"success":true}`,
		`"subscribe":["Message","ReadReceipt"]`, `"webhook":"` + receiver.URL + `"`, `"Details":"Sent"`, `{"code":200,"data":{"Groups":[]},"success":true}`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	if token := strings.TrimSpace(token); token == "" || strings.Contains(out, token) || strings.Contains(out, adminToken) {
		t.Error("the script shows a token")
	}
	got := call(t, url, "sandbox.awaitMessage", object{"account": peer, "text": "Hello from curl", "from_me": false})
	if message, _ := got["message"].(object); message == nil {
		t.Error("the peer never got the text")
	}
	// The answer of the peer arrives at the webhook.
	timeout := time.After(patience)
	for answered := false; !answered; {
		select {
		case body := <-heard:
			answered = strings.Contains(body, "Hello from curl") && strings.Contains(body, `"IsFromMe":false`)
		case <-timeout:
			t.Fatal("the webhook never heard of the answer")
		}
	}
}

// What cannot be done ends the script with the reason.
func TestTourSaysWhatIsWrong(t *testing.T) {
	url := startServer(t)
	call(t, url, "session.create", object{"session_id": "shop"})
	command := script(t, url, "SESSION=shop")
	out, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "tour: the session was not created") {
		t.Errorf("%v: %s", err, out)
	}
}

func script(t *testing.T, url string, env ...string) *exec.Cmd {
	t.Helper()
	here, err := filepath.Abs("tour.sh")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	command := exec.CommandContext(ctx, here)
	command.Dir = t.TempDir()
	command.Env = append(os.Environ(), append(env, "WAYSTATION_URL="+url, "WAYSTATION_ADMIN_TOKEN="+adminToken, "TO="+peer, "SANDBOX_PHONE="+owner, "no_proxy=*")...)
	return command
}

func tour(t *testing.T, url string, env ...string) (shown, token string) {
	t.Helper()
	command := script(t, url, env...)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	picture, err := os.ReadFile(filepath.Join(command.Dir, "qr.png"))
	if err != nil || !bytes.HasPrefix(picture, []byte("\x89PNG")) {
		t.Errorf("qr.png: %v", err)
	}
	place := filepath.Join(command.Dir, "token.txt")
	if kept, err := os.Stat(place); err != nil || kept.Mode().Perm() != 0o600 {
		t.Errorf("token.txt: %v %v", kept, err)
	}
	kept, err := os.ReadFile(place)
	if err != nil {
		t.Fatal(err)
	}
	return string(out), string(kept)
}

// startServer builds the server and runs it until the test ends.
func startServer(t *testing.T) (url string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "waystation")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "../../server").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	var logged bytes.Buffer
	server := exec.Command(binary, "-sandbox", "-session", "none", "-listen", address, "-data-dir", t.TempDir(), "-admin-token", adminToken, "-allow-hosts", "127.0.0.1")
	server.Stdout, server.Stderr = &logged, &logged
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
		if t.Failed() {
			t.Log(logged.String())
		}
	})
	url = "http://" + address
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for timeout := time.After(patience); ; {
		if response, err := http.Get(url + "/health"); err == nil {
			_ = response.Body.Close()
			return url
		}
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatal("the server does not start")
		}
	}
}

type object = map[string]any

func call(t *testing.T, url, method string, params object) object {
	t.Helper()
	body, err := json.Marshal(object{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/rpc", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+adminToken)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var reply struct{ Result, Error object }
	if err := json.NewDecoder(response.Body).Decode(&reply); err != nil || reply.Error != nil {
		t.Fatalf("%s: %v %v", method, err, reply.Error)
	}
	return reply.Result
}
