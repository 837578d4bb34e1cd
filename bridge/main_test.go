package bridge_test

import (
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(networkProcess) != "" {
		serveNetwork()
		return
	}
	sandbox.Activate()
	if file, address, ok := strings.Cut(os.Getenv(measureProcess), " "); ok {
		measure(file, address)
		return
	}
	goleak.VerifyTestMain(withDatabases{m},
		// An aborted whatsmeow handshake leaks its reader if a frame arrives afterwards.
		goleak.IgnoreAnyFunction("go.mau.fi/whatsmeow/socket.(*FrameSocket).frameComplete"))
}

// withDatabases stops the PostgreSQL server that tests started.
type withDatabases struct{ m *testing.M }

func (w withDatabases) Run() int { return dbtest.Main(w.m) }
