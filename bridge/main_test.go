package bridge_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/waystation/waystation/bridge/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Activate()
	goleak.VerifyTestMain(m,
		// A whatsmeow handshake that is given up leaves its reader behind when a frame arrives after that.
		goleak.IgnoreAnyFunction("go.mau.fi/whatsmeow/socket.(*FrameSocket).frameComplete"))
}
