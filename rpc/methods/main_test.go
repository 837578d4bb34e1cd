package methods_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/waystation/waystation/bridge/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Activate()
	goleak.VerifyTestMain(m,
		// whatsmeow keeps its history loop for a minute after the last sync.
		goleak.IgnoreAnyFunction("go.mau.fi/whatsmeow.(*Client).handleHistorySyncNotificationLoop"),
		// It also leaves the reader of a socket behind when a frame arrives while nobody takes frames any more.
		goleak.IgnoreAnyFunction("go.mau.fi/whatsmeow/socket.(*FrameSocket).frameComplete"),
		// go-redis tries to reach a server that is away for a second more after its client was closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}
