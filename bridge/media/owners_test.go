package media

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// content returns what a session reads under an id; "" when there is no such file.
func content(t *testing.T, l *Library, session, id string) string {
	t.Helper()
	_, file, err := l.Get(t.Context(), session, id)
	if ReasonOf(err) == ReasonNotFound {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func put(t *testing.T, l *Library, session, id, text string) {
	t.Helper()
	if _, err := l.Receive(t.Context(), session, id, typeText, "", func(f *os.File) error {
		_, err := f.WriteString(text)
		return err
	}); err != nil {
		t.Fatalf("%s stores %s: %v", session, id, err)
	}
}

// onDisk counts the stored contents.
func onDisk(t *testing.T, l *Library) (n int) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(l.dir, "files"), func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return n
}

// Sessions whose names are prefixes of each other store, replace, read and delete files under ids that all of them can
// form. Each finds its own content only.
func TestFilesOfSessionsWithSimilarNames(t *testing.T) {
	sessions := []string{"shop", "shop-2", "shop-2-x", "shop.2", "SHOP", "shop~01", "s", ""}
	ids := []string{
		MediaID("shop", "2-X", typePNG), MediaID("shop-2", "X", typePNG), MediaID("shop-2-x", "", typePNG),
		MediaID("shop", "2-x-X", typePNG), MediaID("shop-2-x", "X", typePNG), "X", "../X", "X.png", "",
	}
	slices.Sort(ids)
	ids = slices.Compact(ids) // several names make one id, which is the point
	l := newLibrary(t, Config{})
	if _, _, err := l.Get(t.Context(), "shop", "shop\x00X"); ReasonOf(err) != ReasonNotFound { // PostgreSQL's text takes no zero byte
		t.Errorf("an id with a zero byte: %v", err)
	}
	for round := range 2 { // the second replaces
		for _, session := range sessions {
			for _, id := range ids {
				put(t, l, session, id, strings.Repeat("x", round)+session+"|"+id)
			}
		}
		for _, session := range sessions {
			for _, id := range ids {
				if got, want := content(t, l, session, id), strings.Repeat("x", round)+session+"|"+id; got != want {
					t.Errorf("round %d: %q reads %q under %q", round, session, got, id)
				}
			}
		}
		if got, want := onDisk(t, l), len(sessions)*len(ids); got != want {
			t.Errorf("round %d: %d contents on disk, want %d", round, got, want)
		}
	}
	for i, session := range sessions {
		for _, id := range ids {
			if err := l.Delete(t.Context(), session, id); err != nil {
				t.Fatal(err)
			}
			if err := l.Delete(t.Context(), session, id); err != nil { // its own row has gone
				t.Fatal(err)
			}
		}
		for _, other := range sessions[i+1:] {
			for _, id := range ids {
				if content(t, l, other, id) == "" {
					t.Errorf("%q deleted %q of %q", session, id, other)
				}
			}
		}
	}
	if n := onDisk(t, l); n > 0 {
		t.Errorf("%d contents are left on disk", n)
	}
}

// An upload id of one session is unknown to every operation of another.
func TestUploadsOfSessionsWithSimilarNames(t *testing.T) {
	l := newLibrary(t, Config{})
	sessions := []string{"shop", "shop-2", "shop-2-x"}
	for _, owner := range sessions {
		u, err := l.BeginUpload(t.Context(), owner, owner, 4, Input{})
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range sessions {
			if other == owner {
				continue
			}
			if _, err := l.Upload(t.Context(), other, u.ID); ReasonOf(err) != ReasonNotFound {
				t.Errorf("%s looks at %s: %v", other, u.ID, err)
			}
			if _, _, err := l.Continue(t.Context(), other, u.ID, 0, strings.NewReader("evil")); ReasonOf(err) != ReasonNotFound {
				t.Errorf("%s writes to %s: %v", other, u.ID, err)
			}
			if err := l.CancelUpload(t.Context(), other, u.ID); ReasonOf(err) != ReasonNotFound {
				t.Errorf("%s cancels %s: %v", other, u.ID, err)
			}
			if err := l.Purge(t.Context(), other); err != nil {
				t.Fatal(err)
			}
		}
		_, kept, err := l.Continue(t.Context(), owner, u.ID, 0, strings.NewReader("good"))
		if err != nil || kept == nil || content(t, l, owner, kept.MediaID) != "good" || !strings.HasPrefix(kept.MediaID, owner+"-") {
			t.Errorf("%s: %+v, %v", owner, kept, err)
		}
	}
}

// Files stored before version 3 of the tables are found under their ids, and are removed with them.
func TestFilesOfAnEarlierVersion(t *testing.T) {
	l := newLibrary(t, Config{})
	put(t, l, "shop", "shop-A.txt", "kept")
	var file string
	if err := l.db.QueryRow(t.Context(), `SELECT file FROM media_files`).Scan(&file); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("shop-A.txt"))
	name := hex.EncodeToString(sum[:])
	old := filepath.Join(l.dir, "files", name[:2], name)
	if err := os.MkdirAll(filepath.Dir(old), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(l.path(file), old); err != nil {
		t.Fatal(err)
	}
	if _, err := l.db.Exec(t.Context(), `UPDATE media_files SET file=''`); err != nil {
		t.Fatal(err)
	}
	if err := l.nameOldFiles(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := content(t, l, "shop", "shop-A.txt"); got != "kept" {
		t.Errorf("got %q", got)
	}
	put(t, l, "shop", "shop-A.txt", "new")
	if got := content(t, l, "shop", "shop-A.txt"); got != "new" {
		t.Errorf("replaced: %q", got)
	}
	if n := onDisk(t, l); n != 1 {
		t.Errorf("%d contents on disk after one was replaced", n)
	}
}

// A content without a row, which a process leaves when it ends between the two, is removed once it is old.
func TestFilesWithoutARowAreRemoved(t *testing.T) {
	l := newLibrary(t, Config{})
	put(t, l, "shop", "shop-A.txt", "kept")
	fresh, old := newFileName(), newFileName()
	for _, name := range []string{fresh, old} {
		if err := os.MkdirAll(filepath.Dir(l.path(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(l.path(name), []byte("left"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-2 * orphanAge)
	for _, name := range []string{old} {
		if err := os.Chtimes(l.path(name), past, past); err != nil {
			t.Fatal(err)
		}
	}
	var kept string
	if err := l.db.QueryRow(t.Context(), `SELECT file FROM media_files`).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(l.path(kept), past, past); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if content(t, l, "shop", "shop-A.txt") != "kept" {
		t.Error("a stored file was removed")
	}
	if _, err := os.Stat(l.path(fresh)); err != nil {
		t.Errorf("a content that may be on its way: %v", err)
	}
	if _, err := os.Stat(l.path(old)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a content without a row: %v", err)
	}
}
