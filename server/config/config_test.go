package config

import (
	"bytes"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const token = "an-admin-token-of-the-test"

func TestDefaults(t *testing.T) {
	c := Default()
	if c.Listen != "127.0.0.1:8480" || c.CallTimeout != 30*time.Second || c.Sandbox || c.Session != "default" {
		t.Errorf("unexpected defaults: %+v", c)
	}
	if path, isDefault := c.DatabasePath(); path != filepath.Join("data", "waystation.db") || !isDefault {
		t.Errorf("database at %q, %v", path, isDefault)
	}
}

func TestEveryFieldIsDocumented(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range fieldList(&Config{}) {
		if f.name == "" || f.doc == "" || f.why == "" || f.section == "" || (f.unit == "") != f.isBool() {
			t.Errorf("%q lacks a tag: %+v", f.name, f)
		}
		if seen[f.name] {
			t.Errorf("%s is there twice", f.name)
		}
		seen[f.name] = true
		if f.def != "" {
			if err := f.setText(f.def); err != nil {
				t.Errorf("%s: default: %v", f.name, err)
			}
		}
	}
}

func TestFlagBeatsVariableBeatsDefault(t *testing.T) {
	environ := []string{"WAYSTATION_LOG_LEVEL=warn", "WAYSTATION_CALL_TIMEOUT=5s", "WAYSTATION_ALLOWED_ORIGINS=https://a.example, b.example:8443,", "WAYSTATION_MAX_FRAME=", "PATH=/bin"}
	c, unknown, err := Parse([]string{"-log-level", "debug", "-sandbox"}, environ)
	if err != nil || len(unknown) > 0 {
		t.Fatal(err, unknown)
	}
	if c.LogLevel != "debug" || c.CallTimeout != 5*time.Second || !c.Sandbox || c.MaxFrame != 1<<20 {
		t.Errorf("got %+v", c)
	}
	if strings.Join(c.AllowedOrigins, "|") != "https://a.example|b.example:8443" {
		t.Errorf("origins %q", c.AllowedOrigins)
	}
	off, _, err := Parse([]string{"-sandbox=false"}, []string{"WAYSTATION_SANDBOX=true"})
	if err != nil || off.Sandbox {
		t.Errorf("a flag cannot switch off what a variable switched on: %v", err)
	}
}

func TestUnknownVariablesAreReported(t *testing.T) {
	_, unknown, err := Parse(nil, []string{"WAYSTATION_LISTN=:1", "WAYSTATION_PORT_8480_TCP=tcp://10.0.0.1"})
	if err != nil || strings.Join(unknown, " ") != "WAYSTATION_LISTN (did you mean WAYSTATION_LISTEN?) WAYSTATION_PORT_8480_TCP" {
		t.Errorf("got %v, %v", unknown, err)
	}
}

func TestBadSettings(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	large := filepath.Join(t.TempDir(), "large")
	for path, content := range map[string]string{empty: " \n", large: strings.Repeat("x", maxTokenFile+1)} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		args, environ []string
		want          []string // parts of the message
	}{
		"unknown flag":          {args: []string{"-lisen", ":1"}, want: []string{"lisen"}},
		"left over":             {args: []string{"serve"}, want: []string{`unexpected argument "serve"`}},
		"all interfaces":        {args: []string{"-listen", ":8480"}, want: []string{"listen", "admin token", "WAYSTATION_ADMIN_TOKEN"}},
		"other address":         {environ: []string{"WAYSTATION_LISTEN=192.0.2.1:80"}, want: []string{"listen", "admin token"}},
		"name":                  {args: []string{"-listen", "example.com:80"}, want: []string{"listen", "admin token"}},
		"unspecified v6":        {args: []string{"-listen", "[::]:80"}, want: []string{"listen", "admin token"}},
		"no port":               {args: []string{"-listen", "localhost"}, want: []string{"listen", "host:port"}},
		"bad number":            {args: []string{"-max-frame", "256k"}, want: []string{"-max-frame", "256k", "bytes"}},
		"too small":             {args: []string{"-max-frame", "1"}, want: []string{"-max-frame", "less than 1024"}},
		"too large":             {environ: []string{"WAYSTATION_CALL_TIMEOUT=1h"}, want: []string{"WAYSTATION_CALL_TIMEOUT", "more than 120s"}},
		"bad duration":          {args: []string{"-call-timeout", "30"}, want: []string{"-call-timeout", "30s"}},
		"not a number":          {args: []string{"-calls-per-second", "NaN"}, want: []string{"-calls-per-second"}},
		"bad boolean":           {environ: []string{"WAYSTATION_SANDBOX=maybe"}, want: []string{"WAYSTATION_SANDBOX", "maybe"}},
		"bad choice":            {args: []string{"-log-format", "xml"}, want: []string{"-log-format", "text, json"}},
		"two mistakes":          {args: []string{"-log-level", "loud", "-qr", "maybe"}, want: []string{"-log-level", "-qr"}},
		"both tokens":           {args: []string{"-admin-token", token, "-admin-token-file", empty}, want: []string{"both"}},
		"no file":               {args: []string{"-admin-token-file", empty + ".not"}, want: []string{"admin-token-file"}},
		"empty file":            {args: []string{"-admin-token-file", empty}, want: []string{"is empty"}},
		"large file":            {args: []string{"-admin-token-file", large}, want: []string{"too large"}},
		"two sandboxes":         {args: []string{"-sandbox", "-sandbox-addr", "127.0.0.1:1"}, want: []string{"exclude"}},
		"demo without sandbox":  {args: []string{"-demo"}, want: []string{"demo needs sandbox"}},
		"root without address":  {args: []string{"-sandbox-root", strings.Repeat("ab", 32)}, want: []string{"needs sandbox-addr"}},
		"short root":            {args: []string{"-sandbox-addr", "127.0.0.1:1", "-sandbox-root", "abcd"}, want: []string{"64 hexadecimal"}},
		"sandbox far away":      {args: []string{"-sandbox-addr", "192.0.2.1:1"}, want: []string{"sandbox-addr"}},
		"sandbox without port":  {args: []string{"-sandbox-addr", "127.0.0.1"}, want: []string{"sandbox-addr"}},
		"empty data directory":  {args: []string{"-data-dir", ""}, want: []string{"data-dir"}},
		"public without host":   {args: []string{"-public-url", "waystation.example"}, want: []string{"public-url"}},
		"no broker names":       {args: []string{"-max-broker-names", "0"}, want: []string{"-max-broker-names", "less than 1"}},
		"no skips":              {args: []string{"-max-skips", "0"}, want: []string{"-max-skips", "less than 1"}},
		"too many skips":        {environ: []string{"WAYSTATION_MAX_SKIPS=10001"}, want: []string{"WAYSTATION_MAX_SKIPS", "more than 10000"}},
		"watching all the time": {args: []string{"-watch-every", "9ms"}, want: []string{"-watch-every", "less than 10ms"}},
		"watching seldom":       {args: []string{"-watch-every", "61s"}, want: []string{"-watch-every", "more than 1m"}},
		"negative sandbox seed": {args: []string{"-sandbox-seed", "-1"}, want: []string{"-sandbox-seed"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Parse(c.args, c.environ)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), token) {
				t.Errorf("%q tells the token", err)
			}
		})
	}
}

func TestOtherAddressWithToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"flag": {"-listen", ":8480", "-admin-token", token}, "file": {"-listen", "0.0.0.0:8480", "-admin-token-file", file},
	} {
		c, _, err := Parse(args, nil)
		if err != nil || c.AdminToken != token {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, host := range []string{"127.0.0.1", "127.8.9.10", "[::1]", "localhost"} {
		if _, _, err := Parse([]string{"-listen", host + ":0"}, nil); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestSandboxHasItsOwnDatabase(t *testing.T) {
	paths := map[string]bool{}
	for _, args := range [][]string{nil, {"-sandbox"}, {"-sandbox-addr", "127.0.0.1:1"}} {
		c, _, err := Parse(args, nil)
		if err != nil {
			t.Fatal(err)
		}
		path, _ := c.DatabasePath()
		paths[path] = true
	}
	if len(paths) != 3 {
		t.Errorf("simulated and real sessions share a database: %v", paths)
	}
}

func TestHelp(t *testing.T) {
	if _, _, err := Parse([]string{"-help"}, nil); !errors.Is(err, ErrHelp) || !errors.Is(err, flag.ErrHelp) {
		t.Errorf("got %v", err)
	}
	var help, summary bytes.Buffer
	if !WriteHelp(&help, "all") {
		t.Error("there is no help on all settings")
	}
	WriteSummary(&summary)
	for _, f := range fieldList(&Config{}) {
		if !strings.Contains(help.String(), "-"+f.name) || !strings.Contains(help.String(), f.env()) {
			t.Errorf("help lacks %s", f.name)
		}
		if !strings.Contains(summary.String(), "  -"+f.name) {
			t.Errorf("the summary lacks %s", f.name)
		}
		documented, _ := f.documented()
		for _, name := range []string{"-" + f.name, "--" + f.name, f.env(), strings.ToLower(f.env()), documented} {
			var one bytes.Buffer
			if name != "" && (!WriteHelp(&one, name) || !strings.Contains(one.String(), f.env()) || strings.Count(one.String(), "\n  -") != 1) {
				t.Errorf("help on %s: %s", name, &one)
			}
		}
	}
	for line := range strings.SplitSeq(help.String()+summary.String(), "\n") {
		if len([]rune(line)) > helpWidth {
			t.Errorf("wider than %d: %s", helpWidth, line)
		}
	}
	settings := 0
	for _, topic := range Topics() {
		var one bytes.Buffer
		if !WriteHelp(&one, topic) {
			t.Errorf("no help on %s", topic)
		}
		settings += strings.Count(one.String(), "\n  -")
	}
	if all := len(fieldList(&Config{})); settings != all {
		t.Errorf("the topics explain %d of %d settings", settings, all)
	}
	var none bytes.Buffer
	if WriteHelp(&none, "colours") || none.Len() > 0 {
		t.Errorf("help on a topic that does not exist: %s", &none)
	}
}

func TestLogShowsNoSecrets(t *testing.T) {
	c, _, err := Parse([]string{"-admin-token", token, "-database", "postgres://me:hunter2@db/x", "-log-level", "debug"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("settings", "config", c)
	if strings.Contains(out.String(), token) || strings.Contains(out.String(), "hunter2") {
		t.Errorf("a secret is in %s", out.String())
	}
	if !strings.Contains(out.String(), "config.log-level=debug") || strings.Contains(out.String(), "config.listen") {
		t.Errorf("only what differs from the defaults should show: %s", out.String())
	}
}
