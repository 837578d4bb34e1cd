// Package restcurl_test runs the script against a real server on the simulated network.
package restcurl_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/examples/internal/exampletest"
)

type object = exampletest.Object

func serve(t *testing.T) *exampletest.World {
	t.Helper()
	return exampletest.StartServer(t, exampletest.BuildProgram(t, "../../server"), exampletest.FreeAddress(t), nil, "-sandbox", "-data-dir", t.TempDir(), "-allow-hosts", "127.0.0.1")
}

func TestTour(t *testing.T) {
	for _, program := range []string{"bash", "curl", "sed", "base64"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("WAYSTATION_TEST_ALL") != "" {
				t.Fatal(err)
			}
			t.Skipf("needs %s", program)
		}
	}
	w := serve(t)
	w.Call("sandbox.createAccount", object{"number": exampletest.Peer, "auto_reply": "echo"})
	heard := make(chan string, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case heard <- r.PostFormValue("jsonData"): // the form of the document
		default:
		}
	}))
	defer receiver.Close()

	out, token := tour(t, w, "WEBHOOK_URL="+receiver.URL, "SESSION=shop")
	for _, want := range []string{
		`{"code":200,"data":{"details":"Connected!"`, `{"code":200,"data":{"Connected":true,"LoggedIn":true,"connected":true,"loggedIn":true,"jid":"`,
		`"subscribe":["Message","ReadReceipt"]`, `"webhook":"` + receiver.URL + `"`, `"Details":"Sent"`, `{"code":200,"data":{"Groups":[]},"success":true}`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	if token := strings.TrimSpace(token); token == "" || strings.Contains(out, token) || strings.Contains(out, exampletest.AdminToken) {
		t.Error("the script shows a token")
	}
	w.AwaitText("Hello from curl")
	// The answer of the peer arrives at the webhook.
	timeout := time.After(exampletest.Patience)
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
	w := serve(t)
	w.Call("session.create", object{"session_id": "shop"})
	command := script(t, w, "SESSION=shop")
	out, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "tour: the session was not created") {
		t.Errorf("%v: %s", err, out)
	}
}

func script(t *testing.T, w *exampletest.World, env ...string) *exec.Cmd {
	t.Helper()
	here, err := filepath.Abs("tour.sh")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), exampletest.Patience)
	t.Cleanup(cancel)
	command := exec.CommandContext(ctx, here)
	command.Dir = t.TempDir()
	command.Env = append(os.Environ(), append(env, "WAYSTATION_URL=http://"+w.Address, "WAYSTATION_ADMIN_TOKEN="+exampletest.AdminToken, "TO="+exampletest.Peer, "SANDBOX_PHONE="+exampletest.Owner, "no_proxy=*")...)
	return command
}

func tour(t *testing.T, w *exampletest.World, env ...string) (shown, token string) {
	t.Helper()
	command := script(t, w, env...)
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
