package main

import (
	"strings"
	"testing"

	"github.com/waystation/waystation/server/cli"
	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// A second server in a data directory fails with an error and does not touch the first database; it starts after the
// first has ended.
func TestOneServerInADataDirectory(t *testing.T) {
	dir := t.TempDir()
	first := startServer(t, "-data-dir", dir)
	first.must("session.create", object{"session_id": "kept"})
	cfg, _, err := config.Parse([]string{"-data-dir", dir, "-sandbox", "-session", "none", "-listen", "127.0.0.1:0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := newApp(t.Context(), cfg, cli.NewLogger(&testkit.Buffer{}, cfg), &testkit.Buffer{}); err == nil || !strings.Contains(err.Error(), "another server runs in "+dir) {
		if err == nil {
			_ = second.close(t.Context())
		}
		t.Errorf("a second server: %v", err)
	}
	first.must("session.create", object{"session_id": "more"})
	first.stop()
	startServer(t, "-data-dir", dir)
}
