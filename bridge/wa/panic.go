package wa

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
)

// PanicError is a panic that CatchPanic has recovered from.
type PanicError struct {
	Operation string
	Cause     any
	Stack     string
}

// Error implements error.
func (e *PanicError) Error() string { return fmt.Sprintf("%s: panic: %v", e.Operation, e.Cause) }

// CatchPanic calls fn and returns its error, or a *PanicError if it panics. operation names it in the log.
//
// whatsmeow trusts input of the other side in many places: it converts contents without a check and indexes lists that may be empty. A panic in
// a goroutine without a recover ends the process with all its sessions, so everything that makes whatsmeow read input runs under CatchPanic.
func CatchPanic(operation string, fn func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &PanicError{Operation: operation, Cause: cause, Stack: string(debug.Stack())}
		}
	}()
	return fn()
}

// CatchAndLog is CatchPanic for functions without an error; a panic goes to the log. It returns false after a panic.
func CatchAndLog(log *slog.Logger, operation string, fn func()) (ok bool) {
	err := CatchPanic(operation, func() error { fn(); return nil })
	if err != nil {
		LogPanic(log, err)
	}
	return err == nil
}

// LogPanic logs a *PanicError with its stack, which holds no contents. Other errors are not logged.
func LogPanic(log *slog.Logger, err error) {
	var broken *PanicError
	if errors.As(err, &broken) {
		log.Error("input that whatsmeow cannot read was dropped", "method", broken.Operation, "panic", fmt.Sprint(broken.Cause), "stack", broken.Stack)
	}
}

// CameFrom reports whether the panic came out of a module: one of its functions is between the panic and the first function of this module.
func (e *PanicError) CameFrom(module string) bool {
	_, below, _ := strings.Cut(e.Stack, "\npanic(")
	for line := range strings.Lines(below) {
		switch {
		case strings.HasPrefix(line, module):
			return true
		case strings.HasPrefix(line, "github.com/waystation/"):
			return false
		}
	}
	return false
}
