package media

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"testing"
	"time"
)

// TestList checks the pages of a session's files, without those of others and those that have expired.
func TestList(t *testing.T) {
	l := newLibrary(t, Config{})
	for i, session := range []string{"a", "a", "b", "a"} {
		_, err := l.Receive(t.Context(), session, fmt.Sprintf("%s-%d", session, i), "text/plain", "note.txt", func(f *os.File) error {
			_, err := io.Copy(f, bytes.NewReader(make([]byte, i+1)))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.db.Exec(t.Context(), `UPDATE media_files SET created_at=size, expires_at=CASE WHEN media_id='a-0' THEN 1 ELSE expires_at END`); err != nil {
		t.Fatal(err)
	}
	for offset, want := range []string{"a-3", "a-1"} {
		page, count, size, err := l.List(t.Context(), "a", 1, offset)
		if err != nil || len(page) != 1 || page[0].MediaID != want || page[0].Filename != "note.txt" || count != 2 || size != 6 {
			t.Fatalf("page %d: %v, %d files of %d bytes, %v", offset, page, count, size, err)
		}
		if page[0].CreatedAt != time.UnixMilli(page[0].Size).UTC() || !page[0].ExpiresAt.After(time.Now()) {
			t.Errorf("created %v, expires %v", page[0].CreatedAt, page[0].ExpiresAt)
		}
	}
}
