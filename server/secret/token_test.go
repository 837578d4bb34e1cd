package secret

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/waystation/waystation/server/config"
)

func TestAdminTokenIsMadeOnce(t *testing.T) {
	const given = "admin-token-of-the-test"
	dir := t.TempDir()
	cfg, _, err := config.Parse([]string{"-data-dir", dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	first, kept, err := AdminToken(cfg)
	if err != nil || kept != filepath.Join(dir, "admin-token") {
		t.Fatal(kept, err)
	}
	info, err := os.Stat(kept)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if again, _, err := AdminToken(cfg); err != nil || again != first {
		t.Errorf("another token at the second start, %v", err)
	}
	cfg.AdminToken = given
	if set, kept, err := AdminToken(cfg); err != nil || set != given || kept != "" {
		t.Errorf("got %q in %q, %v", set, kept, err)
	}
	cfg.AdminToken = ""
	if err := os.WriteFile(filepath.Join(dir, "admin-token"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := AdminToken(cfg); err == nil {
		t.Error("an emptied file gives a token")
	}
}
