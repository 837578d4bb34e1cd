package cli

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/config"
)

// runCommand runs the program's entry in this process.
func runCommand(t *testing.T, environ []string, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	program := Program{Version: "dev", Serve: func(context.Context, *config.Config, *slog.Logger, io.Writer) error {
		t.Error("a server is started")
		return nil
	}}
	code = program.Run(t.Context(), Console{Out: &stdout, Err: &stderr, Environ: environ}, args)
	return code, stdout.String(), stderr.String()
}

func TestCommandLine(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
		out  string
		errs string
	}{
		"help":              {[]string{"help"}, ExitOK, "waystation serve [flags]", ""},
		"-help":             {[]string{"-help"}, ExitOK, "-listen host:port", ""},
		"serve -help":       {[]string{"serve", "-help"}, ExitOK, "-sandbox-root hex", ""},
		"help all":          {[]string{"help", "all"}, ExitOK, "WAYSTATION_SANDBOX_ROOT", ""},
		"help limits":       {[]string{"help", "limits"}, ExitOK, "WAYSTATION_MAX_FRAME", ""},
		"help listen":       {[]string{"help", "listen"}, ExitOK, "WAYSTATION_LISTEN", ""},
		"help try":          {[]string{"help", "try"}, ExitOK, "-token token", ""},
		"help colours":      {[]string{"help", "colours"}, ExitUsage, "", "topics: serving"},
		"sandbox -help":     {[]string{"sandbox", "-help"}, ExitOK, "-seed number", ""},
		"try -help":         {[]string{"try", "-help"}, ExitOK, "-token token", ""},
		"health -help":      {[]string{"health", "-help"}, ExitOK, "-url URL", ""},
		"licenses":          {[]string{"licenses"}, ExitOK, "GNU GENERAL PUBLIC LICENSE", ""},
		"version":           {[]string{"version"}, ExitOK, "waystation dev go1.", ""},
		"unknown command":   {[]string{"explode"}, ExitUsage, "", `unknown command "explode"`},
		"mistyped command":  {[]string{"healht"}, ExitUsage, "", `did you mean "health"?`},
		"unknown flag":      {[]string{"-colour", "red"}, ExitUsage, "", "colour"},
		"mistyped flag":     {[]string{"-datadir", "x"}, ExitUsage, "", "unknown flag -datadir; did you mean -data-dir?"},
		"mistyped try flag": {[]string{"try", "-tokne", "x"}, ExitUsage, "", "did you mean -token?"},
		"mistyped topic":    {[]string{"help", "limit"}, ExitUsage, "", `did you mean "limits"?`},
		"mistyped setting":  {[]string{"help", "max_frames"}, ExitUsage, "", `did you mean "max-frame"?`},
		"left over":         {[]string{"-sandbox", "please"}, ExitUsage, "", `unexpected argument "please"`},
		"open without key":  {[]string{"-listen", "0.0.0.0:0"}, ExitUsage, "", "admin token"},
		"other database":    {[]string{"-session", "none", "-listen", "127.0.0.1:0", "-data-dir", t.TempDir(), "-database", "mysql://me:hunter2@127.0.0.1/x"}, ExitUsage, "", "mysql:// is no database"},
		"sandbox in public": {[]string{"sandbox", "-listen", "0.0.0.0:0"}, ExitUsage, "", "loopback"},
		"try without token": {[]string{"try", "-to", "1"}, ExitUsage, "", "-token"},
		"nobody there":      {[]string{"health", "-url", "http://127.0.0.1:1/health"}, ExitFailure, "", "refused"},
		"try nobody there":  {[]string{"try", "-url", "127.0.0.1:1", "-token", "1234567890", "-to", "1"}, ExitFailure, "", "cannot connect to ws://127.0.0.1:1/v1/ws"},
		"try odd address":   {[]string{"try", "-url", "ftp://127.0.0.1", "-token", "1234567890", "-to", "1"}, ExitUsage, "", "waystation: -url"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := runCommand(t, nil, c.args...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) {
				t.Errorf("code %d, want %d\nout: %s\nerr: %s", code, c.code, out, errs)
			}
			if strings.Contains(out+errs, "hunter2") || strings.Contains(out+errs, "1234567890") {
				t.Errorf("a secret is shown: %s %s", out, errs)
			}
		})
	}
}

func TestLocalAddress(t *testing.T) {
	for listen, want := range map[string]string{
		"": "127.0.0.1:8480", ":9000": "127.0.0.1:9000", "0.0.0.0:9000": "127.0.0.1:9000", "[::]:9000": "127.0.0.1:9000",
		"127.0.0.2:9000": "127.0.0.2:9000", "[::1]:9000": "[::1]:9000",
	} {
		if got := localAddress([]string{"WAYSTATION_LISTEN=" + listen}); got != want {
			t.Errorf("%q: got %q, want %q", listen, got, want)
		}
	}
}
