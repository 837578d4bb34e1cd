package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The README's commands for plain HTTP do what it says.
func TestReadmeCommands(t *testing.T) {
	for _, program := range []string{"sh", "curl", "sha256sum"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s", program)
		}
	}
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, ok := bytes.Cut(text, []byte("\n## Beside the socket"))
	_, block, ok2 := bytes.Cut(chapter, []byte("```sh\n"))
	script, _, ok3 := bytes.Cut(block, []byte("```\n"))
	if !ok || !ok2 || !ok3 {
		t.Fatal("the README has no such chapter")
	}
	s := startServer(t)
	token := s.pair("shop", "15550100001")
	command := exec.CommandContext(t.Context(), "sh", "-eu", "-c", string(script))
	command.Dir = t.TempDir()
	command.Env = append(os.Environ(), "URL="+s.url(""), "TOKEN="+token, "SESSION=shop", "no_proxy=*")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	for _, want := range []string{`"ticket":"`, "retry: 2000", "event: hello", `"media_id":"shop-`, "notes", `"url":"http://`, "Upload-Offset: 5"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	if n := strings.Count(string(out), `"media_id":"shop-`); n != 2 {
		t.Errorf("%d files were kept in\n%s", n, out)
	}
	if strings.Contains(string(out), `"error"`) {
		t.Errorf("something was refused in\n%s", out)
	}
}
