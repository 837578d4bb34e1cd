package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/waystation/waystation/transports/kit/testkit"
)

func TestFirstSessionShowsCodes(t *testing.T) {
	s := startServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.call("sandbox.createAccount", object{"number": "15550100001"})
	show := func() (ended chan struct{}) {
		session, err := s.app.firstSteps().CreateSession(ctx, "default")
		if err != nil || session == nil || session.ID() != "default" {
			t.Fatal(session, err)
		}
		ended = make(chan struct{})
		go func() {
			defer close(ended)
			s.app.firstSteps().ShowCodes(ctx, session)
		}()
		return ended
	}
	says := func(text string) {
		t.Helper()
		testkit.Eventually(t, text, func() bool { return strings.Contains(s.out.String(), text) })
	}

	ended := show()
	says("Code 1 of ")
	says("▀")
	s.call("sandbox.restart", nil)
	<-ended
	says("No phone scanned the codes of session default")

	ended = show()
	testkit.Eventually(t, "code", func() bool { return s.state("default") == "pairing" })
	s.call("sandbox.scanQrCode", object{"account": "15550100001", "session": "default"})
	<-ended
	says("Session default is connected as 15550100001.")
	if strings.Contains(s.out.String(), "\x1b") {
		t.Error("colours were sent to something that is no terminal")
	}
	if session, err := s.app.firstSteps().CreateSession(ctx, "default"); session != nil || err != nil {
		t.Errorf("a paired session is shown again: %v, %v", session, err)
	}
}

func TestNoFirstSessionBesideOthers(t *testing.T) {
	s := startServer(t)
	s.call("session.create", object{"session_id": "shop"})
	if session, err := s.app.firstSteps().CreateSession(t.Context(), "default"); session != nil || err != nil {
		t.Errorf("got %v, %v", session, err)
	}
}

// A server on a simulated network creates the first session too, and the printed commands pair it.
func TestFirstSessionOfTheSandboxIsPairedByThePrintedCommands(t *testing.T) {
	for _, program := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s", program)
		}
	}
	s := startServer(t, "-session", "default")
	testkit.Eventually(t, "the next steps", func() bool { return strings.Contains(s.out.String(), "With -demo") })
	testkit.Eventually(t, "pairing code", func() bool { return s.state("default") == "pairing" })
	var commands []string
	lines := strings.Split(s.out.String(), "\n")
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "curl ") {
			commands = append(commands, strings.TrimSuffix(line, "\\")+lines[i+1])
		}
	}
	if len(commands) != 2 {
		t.Fatalf("%d commands in\n%s", len(commands), s.out)
	}
	command := exec.CommandContext(t.Context(), "sh", "-c", strings.Join(commands, "\n"))
	command.Env = append(os.Environ(), "WAYSTATION_ADMIN_TOKEN="+testAdminToken, "no_proxy=*")
	out, err := command.CombinedOutput()
	if err != nil || strings.Contains(string(out), `"error"`) {
		t.Fatalf("%v\n%s", err, out)
	}
	testkit.Eventually(t, "connection", func() bool { return s.state("default") == "connected" })
}

func TestNoFirstSessionIfDisabled(t *testing.T) {
	s := startServer(t)
	testkit.Eventually(t, "start", func() bool { return strings.Contains(s.logged.String(), "listening") })
	if list := s.call("session.list", nil)["sessions"].([]any); len(list) != 0 {
		t.Errorf("got %v", list)
	}
}
