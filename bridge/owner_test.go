package bridge

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge/wa"
)

// TestStoredDataIsKeyedByOwner checks that messages, media, groups and pairs are stored under the owner key of a
// session, never under its id, which a later session may also have.
func TestStoredDataIsKeyedByOwner(t *testing.T) {
	byID := regexp.MustCompile(`\b(messages|people|files|library|store|pairs)\.[A-Z]\w*\([\w.()]+, [\w.]*s\.(id|ID\(\)|session)\b|\.Project[A-Z]\w*\([\w.()]+, [\w.]*s\.(id|ID\(\))\b`)
	var files []string
	for _, pattern := range []string{"*.go", "chats/*.go", "contacts/*.go", "files/*.go", "groups/*.go"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(found), err)
		}
		files = append(files, found...)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range byID.FindAllString(string(source), -1) {
			t.Errorf("%s: %s...", name, found)
		}
	}
}

// TestSessionIDsThatArePaths checks that a session id cannot be a folder of a path: ids are part of routes, object
// names and file names.
func TestSessionIDsThatArePaths(t *testing.T) {
	for _, id := range []string{".", "..", "...", ".hidden", "../shop", "a/b", `a\b`, "a%2fb", "shop~1", "shop\x00", "sh op"} {
		if err := checkSessionID(id); wa.ReasonOf(err) != wa.ReasonBadParam {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{"shop", "shop.2", "a..b", "shop.", "-shop", "_", "S-1_2.3"} {
		if err := checkSessionID(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
}
