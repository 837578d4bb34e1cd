package bridge

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Messages, media, groups and pairs are stored under the owner key of a session, never under its id, which a later
// session may have too.
func TestStoredDataIsKeyedByOwner(t *testing.T) {
	byID := regexp.MustCompile(`\b(messages|people|files)\.[A-Z]\w*\([\w.()]+, [\w.]*s\.(id|ID\(\))\b|\.Project[A-Z]\w*\([\w.()]+, [\w.]*s\.(id|ID\(\))\b`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
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
