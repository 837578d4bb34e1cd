package logmask

import (
	"context"
	"fmt"
	"log/slog"

	waLog "go.mau.fi/whatsmeow/util/log"
)

// clientLog passes whatsmeow's log to slog. Errors, warnings and information are all logged at level debug, because
// the bridge itself logs all problems that concern an operator. Whatsmeow's debug lines contain whole stanzas and are
// dropped. The log must come from NewLog, since the other lines contain phone numbers and some contain stanzas.
type clientLog struct {
	log            *slog.Logger
	module         string
	keysNotFetched func(error) // nil = not reported
}

// keysNotFetched is the format of the only message in which whatsmeow reports that a send continues without the devices
// whose keys it could not fetch (fetchPreKeysNoError). Its last argument is the error.
const keysNotFetched = "Failed to fetch prekeys for %v with no existing session: %v"

// ForClient returns the log of a whatsmeow client that writes to a log of NewLog. keysNotFetched is called when whatsmeow
// continues a send without the devices whose keys it could not fetch; nil = not reported.
func ForClient(log *slog.Logger, keysNotFetched func(error)) waLog.Logger {
	return clientLog{log: log, module: "whatsmeow", keysNotFetched: keysNotFetched}
}

func (l clientLog) writeLine(level slog.Level, format string, args []any) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, fmt.Sprintf(format, args...), "module", l.module)
	}
}

func (l clientLog) Errorf(format string, args ...any) { l.writeLine(slog.LevelDebug, format, args) }
func (l clientLog) Infof(format string, args ...any)  { l.writeLine(slog.LevelDebug, format, args) }
func (l clientLog) Debugf(string, ...any)             {}
func (l clientLog) Warnf(format string, args ...any) {
	l.writeLine(slog.LevelDebug, format, args)
	if err := keysError(format, args); err != nil && l.keysNotFetched != nil {
		l.keysNotFetched(err)
	}
}

// keysError returns the error in a message of the format keysNotFetched, or nil.
func keysError(format string, args []any) error {
	if format != keysNotFetched || len(args) == 0 {
		return nil
	}
	err, _ := args[len(args)-1].(error)
	return err
}

func (l clientLog) Sub(module string) waLog.Logger {
	return clientLog{log: l.log, module: l.module + "/" + module}
}
