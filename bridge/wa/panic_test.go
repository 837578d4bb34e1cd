package wa

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestCatchPanicReturnsErrorsAndPanics(t *testing.T) {
	failed := errors.New("failed")
	if err := CatchPanic("read", func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("error of the function: %v", err)
	}
	if err := CatchPanic("read", func() error { return nil }); err != nil {
		t.Errorf("success: %v", err)
	}
	err := CatchPanic("read", func() error { panic("no index 3") })
	var broken *PanicError
	if !errors.As(err, &broken) || broken.Operation != "read" || broken.Cause != "no index 3" || !strings.Contains(broken.Stack, "TestCatchPanic") {
		t.Errorf("panic: %+v", err)
	}
}

func TestCatchAndLogWritesPanicsOnly(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	if !CatchAndLog(log, "read", func() {}) || out.Len() > 0 {
		t.Errorf("a function that returns: %s", out.String())
	}
	LogPanic(log, errors.New("an ordinary error"))
	if out.Len() > 0 {
		t.Errorf("an ordinary error was logged: %s", out.String())
	}
	if CatchAndLog(log, "read", func() { panic("broken") }) {
		t.Error("a panic was reported as success")
	}
	if !strings.Contains(out.String(), "method=read") || !strings.Contains(out.String(), "panic=broken") {
		t.Errorf("logged: %s", out.String())
	}
}

func TestPanicCameFromTheModuleAboveThisOne(t *testing.T) {
	const stack = "goroutine 1\nruntime/debug.Stack()\n\t/x\npanic({0x1, 0x2})\n\t/y\n"
	for below, want := range map[string]bool{
		"go.mau.fi/whatsmeow.(*Client).read()\n\t/a\ngithub.com/waystation/waystation/bridge.call()\n": true,
		"strings.Cut()\n\t/a\ngo.mau.fi/whatsmeow/binary.Unmarshal()\n":                                true,
		"github.com/waystation/waystation/bridge.call()\n\t/a\ngo.mau.fi/whatsmeow.(*Client).read()\n": false,
		"strings.Cut()\n": false,
	} {
		if got := (&PanicError{Stack: stack + below}).CameFrom("go.mau.fi/whatsmeow"); got != want {
			t.Errorf("%q: %v, want %v", below, got, want)
		}
	}
}
