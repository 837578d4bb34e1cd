package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/server/config"
)

// standaloneSandbox runs the sandbox command in this process and returns its URL for calls.
func standaloneSandbox(t *testing.T, environ []string, args ...string) (url string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, done := &syncBuffer{}, make(chan error, 1)
	go func() { done <- runSandbox(ctx, console{out: out, err: out, environ: environ}, args) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if f := strings.Fields(out.String()); len(f) > 1 && f[0] == "address" {
			return "http://" + f[1] + controlPath
		}
	}
	t.Fatalf("the sandbox did not start: %s", out)
	return ""
}

// The sandbox command reads the settings of the simulated network like the server, and no others: the environment
// here sets one that a server would reject.
func TestSandboxCommandReadsItsSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte("WAYSTATION_SANDBOX_AUTO_REPLIES=3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args, environ []string
		want          int
	}{
		"default":      {want: 5},
		"variable":     {environ: []string{"WAYSTATION_SANDBOX_AUTO_REPLIES=2"}, want: 2},
		"flag":         {args: []string{"-sandbox-auto-replies", "1"}, environ: []string{"WAYSTATION_SANDBOX_AUTO_REPLIES=2"}, want: 1},
		"env-file":     {args: []string{"-env-file", file}, want: 3},
		"env-file var": {environ: []string{"WAYSTATION_ENV_FILE=" + file}, want: 3},
	} {
		t.Run(name, func(t *testing.T) {
			url := standaloneSandbox(t, append(c.environ, "WAYSTATION_LISTEN=0.0.0.0:1"), append(c.args, "-listen", "127.0.0.1:0")...)
			call := func(method string, params object) object {
				t.Helper()
				return must[object](t, url, "", "sandbox."+method, params)
			}
			const echo, peer = "15550100001", "15550100002"
			call("createAccount", object{"number": echo, "auto_reply": "echo"})
			call("createAccount", object{"number": peer})
			for i := range 5 {
				text := object{"type": "text", "text": fmt.Sprint("message ", i)}
				id := call("send", object{"account": peer, "to": echo, "content": text})["message_id"]
				call("awaitMessage", object{"account": echo, "message_id": id})
			}
			received := func() (count int) {
				for _, m := range call("listMessages", object{"account": peer})["messages"].([]any) {
					if m.(map[string]any)["from_me"] == false {
						count++
					}
				}
				return count
			}
			for deadline := time.Now().Add(10 * time.Second); received() < c.want && time.Now().Before(deadline); {
				time.Sleep(5 * time.Millisecond)
			}
			end := call("send", object{"account": echo, "to": peer, "content": object{"type": "text", "text": "end"}})["message_id"]
			call("awaitMessage", object{"account": peer, "message_id": end})
			if got := received() - 1; got != c.want {
				t.Errorf("%d automatic replies, want %d", got, c.want)
			}
		})
	}
}

func TestSandboxCommandLine(t *testing.T) {
	code, out, errs := runCommand(t, nil, "sandbox", "-help")
	if code != exitOK || errs != "" {
		t.Errorf("code %d, %s", code, errs)
	}
	for _, name := range append([]string{"env-file"}, sandboxSettings...) {
		variable := "WAYSTATION_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		if !strings.Contains(out, "-"+name+" ") || !strings.Contains(out, variable) {
			t.Errorf("the help does not show %s and %s:\n%s", name, variable, out)
		}
	}
	for name, c := range map[string]struct {
		args, environ []string
		want          string
	}{
		"variable": {environ: []string{"WAYSTATION_SANDBOX_AUTO_REPLIES=0"}, want: "WAYSTATION_SANDBOX_AUTO_REPLIES"},
		"flag":     {args: []string{"-sandbox-history-chunk", "many"}, want: "-sandbox-history-chunk"},
		"too many": {args: []string{"-sandbox-history-chunk", "10001"}, want: "10000"},
		"seed":     {environ: []string{"WAYSTATION_SANDBOX_SEED=-1"}, want: "WAYSTATION_SANDBOX_SEED"},
		"no file":  {args: []string{"-env-file", "/nonexistent"}, want: "env-file"},
		"mistyped": {args: []string{"-sandbox-auto-reply", "1"}, want: "-sandbox-auto-replies"},
	} {
		if code, _, errs := runCommand(t, c.environ, append([]string{"sandbox"}, c.args...)...); code != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("%s: code %d, %s", name, code, errs)
		}
	}
}

// Every setting of the simulated network reaches it, in the server's process too.
func TestSandboxOptions(t *testing.T) {
	cfg, _, err := config.Parse([]string{"-sandbox", "-sandbox-seed", "7", "-sandbox-auto-replies", "8", "-sandbox-history-chunk", "9"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sandboxOptions(cfg, nil), (sandbox.Options{Seed: 7, AutoReplies: 8, HistoryChunk: 9}); got.Seed != want.Seed || got.AutoReplies != want.AutoReplies || got.HistoryChunk != want.HistoryChunk {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
