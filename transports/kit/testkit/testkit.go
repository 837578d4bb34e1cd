// Package testkit has what tests of all packages share: waiting for a condition, a free address, a buffer for several
// goroutines. It imports nothing of the project. Databases for tests are package dbtest's, calls over HTTP rpctest's.
package testkit

import (
	"bytes"
	"encoding/json"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Patience is the time that Eventually waits; a condition that holds at all holds in a fraction of it.
const Patience = 30 * time.Second

// pollEvery is the time between two checks of a condition, of which some are calls that servers limit to some 100 a second.
const pollEvery = 10 * time.Millisecond

// Eventually repeats a check until it holds, and fails the test if it does not hold within Patience.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	Within(t, Patience, what, holds)
}

// Within repeats a check until it holds, and fails the test if it does not hold within the limit.
func Within(t testing.TB, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("not within %s: %s", limit, what)
		case <-tick.C:
		}
	}
}

// FreeAddress returns an address with a port of 127.0.0.1 that was free a moment ago. A server that is restarted can
// keep it.
func FreeAddress(t testing.TB) string {
	t.Helper()
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// FreePort returns a port of 127.0.0.1 that was free a moment ago.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Buffer is a buffer that several goroutines may write to and read.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns all that was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// IndentedJSON returns a value as JSON of several lines with a line end, the form of the expected documents in the repository.
func IndentedJSON(t testing.TB, value any) []byte {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "\t")
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
