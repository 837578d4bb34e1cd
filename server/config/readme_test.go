package config

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the table into the README")

const (
	tableBegin = "<!-- settings: go test ./server/config -run TestReadme -update -->\n"
	tableEnd   = "<!-- end of settings -->"
)

func TestReadmeHasEverySetting(t *testing.T) {
	path := filepath.Join("..", "..", "README.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(text, []byte(tableBegin))
	table, after, ok2 := bytes.Cut(rest, []byte(tableEnd))
	if !ok || !ok2 {
		t.Fatalf("the README has no place for the settings")
	}
	var want bytes.Buffer
	WriteMarkdown(&want)
	want.WriteByte('\n')
	if bytes.Equal(table, want.Bytes()) {
		return
	}
	if !*update {
		t.Fatal("the README's settings are not those of the code; run with -update")
	}
	text = bytes.Join([][]byte{before, []byte(tableBegin), want.Bytes(), []byte(tableEnd), after}, nil)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
