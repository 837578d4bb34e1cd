package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/transports/brokertest"
)

// readmeOutput runs the first block of commands of a chapter of the README against a server with a paired session.
func readmeOutput(t *testing.T, chapter string, env ...string) string {
	t.Helper()
	for _, program := range []string{"sh", "curl", "sha256sum"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s", program)
		}
	}
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := bytes.Cut(text, []byte("\n## "+chapter))
	_, block, ok2 := bytes.Cut(rest, []byte("```sh\n"))
	script, _, ok3 := bytes.Cut(block, []byte("```\n"))
	if !ok || !ok2 || !ok3 {
		t.Fatalf("the README has no chapter %s with commands", chapter)
	}
	s := startServer(t, "-allow-hosts", "127.0.0.1")
	token := s.pair("shop", "15550100001")
	s.call("sandbox.createAccount", object{"number": "15550100002", "push_name": "Peer"})
	command := exec.CommandContext(t.Context(), "sh", "-eu", "-c", string(script))
	command.Dir = t.TempDir()
	command.Env = append(append(os.Environ(), env...), "URL="+s.url(""), "TOKEN="+token, "SESSION=shop", "no_proxy=*")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	if strings.Contains(string(out), `"error":{`) || strings.Contains(string(out), `"error":"`) {
		t.Errorf("something was refused in\n%s", out)
	}
	return string(out)
}

// The README's commands for plain HTTP do what it says.
func TestReadmeCommands(t *testing.T) {
	out := readmeOutput(t, "Beside the socket")
	for _, want := range []string{`"ticket":"`, "retry: 2000", "event: hello", `"media_id":"shop-`, "notes", `"url":"http://`, "Upload-Offset: 5"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	if n := strings.Count(out, `"media_id":"shop-`); n != 2 {
		t.Errorf("%d files were kept in\n%s", n, out)
	}
}

// The README's REST calls are answered as the document has it.
func TestReadmeRESTCalls(t *testing.T) {
	out := readmeOutput(t, "REST calls")
	for _, want := range []string{
		`{"code":200,"data":{"Connected":true,"LoggedIn":true,"connected":true,"loggedIn":true,"jid":"15550100001@s.whatsapp.net"},"success":true}`, `"Details":"Sent"`, `"IsInWhatsapp":false`, `{"Groups":[]}`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

// The README's commands for webhooks set one, reach its receiver and switch it off again.
func TestReadmeWebhooks(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(receiver.Close)
	out := readmeOutput(t, "Webhooks", "HOOK="+receiver.URL)
	for _, want := range []string{
		`"webhook_id":"default"`, `"has_secret":true`, `"delivered":true,"status":204`, `"secret":"whsec_`, `"deliveries":[]`,
		`"active":true`, `"active":false`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

// The README's commands for transports give a session a broker, try it and take it away.
func TestReadmeTransports(t *testing.T) {
	redis := brokertest.Redis(t, brokertest.RedisOptions{})
	out := readmeOutput(t, "Transports", "REDIS="+redis.URL())
	for _, want := range []string{`"stream":"shop:{event_type}"`, `"ok":true`, `"published_count":`, `"replayed_count":0`, `"skip_global":["amqp","redis"]`, `"result":{"transport":"redis"}`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

// The README's file of global transports is taken as it stands.
func TestReadmeGlobals(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := bytes.Cut(text, []byte("\n## Transports"))
	_, block, ok2 := bytes.Cut(rest, []byte("```ini\n"))
	block, _, ok3 := bytes.Cut(block, []byte("```\n"))
	if !ok || !ok2 || !ok3 {
		t.Fatal("the README has no file of global transports")
	}
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, unknown, err := config.Parse([]string{"-env-file", file}, nil)
	if err != nil || len(unknown) > 0 {
		t.Fatal(err, unknown)
	}
	globals, err := globalsOf(&cfg.Global)
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t)
	if err := namedBySetting(s.app.outlets.SetGlobals(t.Context(), globals)); err != nil {
		t.Fatal(err)
	}
	if now := s.app.outlets.Globals(); len(now.Brokers) != 3 || now.Webhook == nil || !now.WebSocket {
		t.Errorf("%+v", now)
	}
}
