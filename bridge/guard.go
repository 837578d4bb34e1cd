package bridge

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/waystation/waystation/bridge/wa"
)

// panicError is a panic that catchPanic has recovered from.
type panicError struct {
	what  string
	cause any
	stack string
}

func (e *panicError) Error() string { return fmt.Sprintf("%s: panic: %v", e.what, e.cause) }

// catchPanic calls fn and returns its error, or a *panicError when it panics. what names the operation.
//
// whatsmeow trusts what the other side sends in many places: it converts contents without a check and indexes lists that may be empty. A panic in
// a goroutine without a recover ends the process with all its sessions, so everything that makes whatsmeow read input runs under catchPanic.
func catchPanic(what string, fn func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &panicError{what: what, cause: cause, stack: string(debug.Stack())}
		}
	}()
	return fn()
}

// guarded is catchPanic for functions without an error; a panic goes to the session's log.
func (s *Session) guarded(what string, fn func()) (ok bool) {
	err := catchPanic(what, func() error { fn(); return nil })
	if err != nil {
		s.logPanic(err)
	}
	return err == nil
}

// logPanic logs a *panicError with its stack, which holds no contents.
func (s *Session) logPanic(err error) {
	var broken *panicError
	if errors.As(err, &broken) {
		s.log().Error("input that whatsmeow cannot read was dropped", "method", broken.what, "panic", fmt.Sprint(broken.cause), "stack", broken.stack)
	}
}

// Call runs an operation of the session for a caller. Use it around everything that may reach whatsmeow. Two kinds of failure become typed errors:
//
//   - A panic inside whatsmeow, which an answer of WhatsApp without an expected part causes, is ReasonWhatsApp. A panic anywhere else is passed on.
//   - An error without a code of WhatsApp while the session has meanwhile lost its connection, or was logged out, is ReasonNotConnected with the
//     session's state and reason.
func (s *Session) Call(fn func() error) error {
	err := catchPanic("call", fn)
	var broken *panicError
	if errors.As(err, &broken) {
		if !panicIn(broken.stack, "go.mau.fi/whatsmeow") {
			panic(broken.cause)
		}
		s.logPanic(err)
		err = &wa.Error{Reason: wa.ReasonWhatsApp, Message: "WhatsApp's answer is incomplete and could not be read", Err: err}
	}
	return s.explain(err)
}

// panicIn reports whether a panic came out of a module: one of its functions is between the panic and the first function of this module.
func panicIn(stack, module string) bool {
	_, below, _ := strings.Cut(stack, "\npanic(")
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

// explain replaces an error that says nothing about its cause by one that names the state of the session, when the session is not connected any
// more: the operation was cut off by a logout, a disconnect or a lost connection.
func (s *Session) explain(err error) error {
	var e *wa.Error
	if !errors.As(err, &e) || e.OutcomeUnknown || e.WACode != 0 {
		return err
	}
	switch e.Reason {
	case wa.ReasonWhatsApp, wa.ReasonNotConnected, wa.ReasonStorage:
	default:
		return err
	}
	if e.Reason == wa.ReasonNotConnected {
		s.awaitDisconnect() // the connection has ended, the state follows
	}
	s.mu.Lock()
	snap, live := s.snap, s.cli != nil && s.snap.State == StateConnected
	s.mu.Unlock()
	if live {
		return err
	}
	out := *e
	out.Reason, out.Message = wa.ReasonNotConnected, notConnected(snap)
	return &out
}

// disconnectDelay bounds how long the state of a session may follow the end of its connection.
const disconnectDelay = time.Second

// awaitDisconnect waits until the session is not connected, disconnectDelay at most.
func (s *Session) awaitDisconnect() {
	ctx, cancel := context.WithTimeout(s.b.ctx, disconnectDelay)
	defer cancel()
	_, _ = s.Wait(ctx, func(st Status) bool { return st.State != StateConnected }) // the state is read afterwards in any case
}

// notConnected says where a session stands that cannot do what was asked of it.
func notConnected(snap Snapshot) string {
	if snap.Reason == "" {
		return fmt.Sprintf("the session is not connected (%s)", snap.State)
	}
	return fmt.Sprintf("the session is not connected (%s: %s)", snap.State, snap.Reason)
}
