package bridge

import (
	"log/slog"
	"sync"

	signallogger "go.mau.fi/libsignal/logger"
)

var silenceOnce sync.Once

// silenceSignalLibrary keeps libsignal from printing to standard output. Its
// logger is one per process, so the first bridge decides.
func silenceSignalLibrary(log *slog.Logger) {
	silenceOnce.Do(func() {
		var l signallogger.Loggable = signalLog{log: log}
		signallogger.Setup(&l)
	})
}

// signalLog keeps warnings and errors as debug lines: whatsmeow reports the
// same failures with the message they belong to.
type signalLog struct{ log *slog.Logger }

func (signalLog) Debug(string, string)       {}
func (signalLog) Info(string, string)        {}
func (signalLog) Configure(string)           {}
func (l signalLog) Warning(caller, m string) { l.log.Debug(m, "module", "libsignal", "caller", caller) }

func (l signalLog) Error(caller, m string) { l.log.Debug(m, "module", "libsignal", "caller", caller) }
