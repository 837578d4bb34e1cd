package signal

import (
	"log/slog"
	"sync"

	signallogger "go.mau.fi/libsignal/logger"
)

var silenceOnce sync.Once

// SilenceSignalLibrary keeps libsignal from printing to standard output. Its
// logger is one per process, so the first bridge decides.
func SilenceSignalLibrary(log *slog.Logger) {
	silenceOnce.Do(func() {
		l := LibraryLog(log)
		signallogger.Setup(&l)
	})
}

// LibraryLog returns a logger for libsignal that writes to log.
func LibraryLog(log *slog.Logger) signallogger.Loggable { return signalLog{log: log} }

// signalLog keeps warnings and errors as debug lines: whatsmeow reports the
// same failures with the message they belong to.
type signalLog struct{ log *slog.Logger }

func (signalLog) Debug(string, string)       {}
func (signalLog) Info(string, string)        {}
func (signalLog) Configure(string)           {}
func (l signalLog) Warning(caller, m string) { l.log.Debug(m, "module", "libsignal", "caller", caller) }

func (l signalLog) Error(caller, m string) { l.log.Debug(m, "module", "libsignal", "caller", caller) }
