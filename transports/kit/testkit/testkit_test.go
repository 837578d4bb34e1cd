package testkit

import (
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"
)

// recorder is a test that records its failure and ends the goroutine, like testing.T.
type recorder struct {
	testing.TB
	failure string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failure = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestWithinWaitsUntilTheCheckHolds(t *testing.T) {
	checks := 0
	Within(t, time.Minute, "third check", func() bool { checks++; return checks == 3 })
	if checks != 3 {
		t.Errorf("%d checks", checks)
	}
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		Within(r, 20*time.Millisecond, "never", func() bool { return false })
	}()
	<-done
	if r.failure != "not within 20ms: never" {
		t.Errorf("got %q", r.failure)
	}
}

func TestFreeAddressCanBeUsed(t *testing.T) {
	l, err := net.Listen("tcp", FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}

func TestIndentedJSON(t *testing.T) {
	if got := string(IndentedJSON(t, map[string]any{"b": []int{1}, "a": "<&>"})); got != "{\n\t\"a\": \"<&>\",\n\t\"b\": [\n\t\t1\n\t]\n}\n" {
		t.Errorf("%q", got)
	}
}
