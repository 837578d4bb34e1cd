package testkit

import "go.uber.org/goleak"

// LibraryLeaks are the goroutines that libraries leave behind and that no caller can end, for goleak.VerifyTestMain in
// packages whose tests run the whole server.
func LibraryLeaks() []goleak.Option {
	return []goleak.Option{
		// whatsmeow keeps its history loop for a minute after the last sync.
		goleak.IgnoreAnyFunction("go.mau.fi/whatsmeow.(*Client).handleHistorySyncNotificationLoop"),
		// It also leaves the reader of a socket blocked when a frame arrives after the last receiver of frames has ended.
		goleak.IgnoreAnyFunction("go.mau.fi/whatsmeow/socket.(*FrameSocket).frameComplete"),
		// go-redis retries a connection to an unreachable server for one second after Close.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"),
	}
}
