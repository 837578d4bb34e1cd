package network

import (
	"testing"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/server/config"
)

// Every setting of the simulated network reaches it, in the server's process too.
func TestSandboxOptions(t *testing.T) {
	cfg, _, err := config.Parse([]string{"-sandbox", "-sandbox-seed", "7", "-sandbox-auto-replies", "8", "-sandbox-history-chunk", "9"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := Options(cfg, nil), (sandbox.Options{Seed: 7, AutoReplies: 8, HistoryChunk: 9}); got.Seed != want.Seed || got.AutoReplies != want.AutoReplies || got.HistoryChunk != want.HistoryChunk {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
