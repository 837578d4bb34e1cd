package media

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestUploadsExpire(t *testing.T) {
	l := newLibrary(t, Config{KeepUploads: time.Millisecond})
	u, err := l.BeginUpload(t.Context(), "shop", "shop", 10, Input{})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, _, err = l.Continue(t.Context(), "shop", u.ID, 0, strings.NewReader("12345")); ReasonOf(err) == ReasonNotFound {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still there: %v", err)
		}
	}
	if _, err := l.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(l.dir, "uploads")); err != nil || len(left) != 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}

func TestUploadsOfAPurgedSession(t *testing.T) {
	l := newLibrary(t, Config{})
	for _, session := range []string{"shop", "other"} {
		if _, err := l.BeginUpload(t.Context(), session, session, 10, Input{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Purge(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(l.dir, "uploads")); err != nil || len(left) != 1 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}
