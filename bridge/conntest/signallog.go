package conntest

import (
	"log/slog"

	"github.com/waystation/waystation/bridge/signal"
)

// libsignal creates its logger, of which there is one per process, on first use and without a lock: parallel tests would race.
func init() { signal.SilenceSignalLibrary(slog.New(slog.DiscardHandler)) }
