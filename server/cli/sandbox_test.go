package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/server/network"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// standaloneSandbox runs the sandbox command in this process and returns its URL for calls.
func standaloneSandbox(t *testing.T, environ []string, args ...string) (url string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, done := &testkit.Buffer{}, make(chan int, 1)
	go func() {
		done <- Program{}.Run(ctx, Console{Out: out, Err: out, Environ: environ}, append([]string{"sandbox"}, args...))
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if f := strings.Fields(out.String()); len(f) > 1 && f[0] == "address" {
			return "http://" + f[1] + network.ControlPath
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
			call := func(method string, params rpctest.Object) rpctest.Object {
				t.Helper()
				return rpctest.MustCall[rpctest.Object](t, url, "", "sandbox."+method, params)
			}
			const echo, peer = "15550100001", "15550100002"
			call("createAccount", rpctest.Object{"number": echo, "auto_reply": "echo"})
			call("createAccount", rpctest.Object{"number": peer})
			for i := range 5 {
				text := rpctest.Object{"type": "text", "text": fmt.Sprint("message ", i)}
				id := call("send", rpctest.Object{"account": peer, "to": echo, "content": text})["message_id"]
				call("awaitMessage", rpctest.Object{"account": echo, "message_id": id})
			}
			received := func() (count int) {
				for _, m := range call("listMessages", rpctest.Object{"account": peer})["messages"].([]any) {
					if m.(map[string]any)["from_me"] == false {
						count++
					}
				}
				return count
			}
			for deadline := time.Now().Add(10 * time.Second); received() < c.want && time.Now().Before(deadline); {
				time.Sleep(5 * time.Millisecond)
			}
			end := call("send", rpctest.Object{"account": echo, "to": peer, "content": rpctest.Object{"type": "text", "text": "end"}})["message_id"]
			call("awaitMessage", rpctest.Object{"account": peer, "message_id": end})
			if got := received() - 1; got != c.want {
				t.Errorf("%d automatic replies, want %d", got, c.want)
			}
		})
	}
}

func TestSandboxCommandLine(t *testing.T) {
	code, out, errs := runCommand(t, nil, "sandbox", "-help")
	if code != ExitOK || errs != "" {
		t.Errorf("code %d, %s", code, errs)
	}
	for _, name := range append([]string{"env-file"}, network.Settings...) {
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
		if code, _, errs := runCommand(t, c.environ, append([]string{"sandbox"}, c.args...)...); code != ExitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("%s: code %d, %s", name, code, errs)
		}
	}
}
