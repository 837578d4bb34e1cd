package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waystation/waystation/bridge/wa"
)

// Call runs an operation of the session for a caller. Use it around all code that may call whatsmeow. Two kinds of
// failure become typed errors:
//
//   - A panic inside whatsmeow, caused by an answer of WhatsApp without an expected part, becomes ReasonWhatsApp. A
//     panic in other code is passed on.
//   - An error without a code of WhatsApp becomes ReasonNotConnected with the session's state and reason, if the
//     session has meanwhile lost its connection or was logged out.
func (s *Session) Call(fn func() error) error {
	err := wa.CatchPanic("call", fn)
	var broken *wa.PanicError
	if errors.As(err, &broken) {
		if !broken.CameFrom("go.mau.fi/whatsmeow") {
			panic(broken.Cause)
		}
		wa.LogPanic(s.log(), err)
		err = &wa.Error{Reason: wa.ReasonWhatsApp, Message: "WhatsApp's answer is incomplete and could not be read", Err: err}
	}
	return s.explain(err)
}

// explain replaces an error without a cause by one with the state of the session, if the session is no longer
// connected: a logout, a disconnect or a lost connection interrupted the operation.
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

// disconnectDelay bounds the time from the end of a connection until the session's state follows.
const disconnectDelay = time.Second

// awaitDisconnect waits until the session is not connected, at most disconnectDelay.
func (s *Session) awaitDisconnect() {
	ctx, cancel := context.WithTimeout(s.b.ctx, disconnectDelay)
	defer cancel()
	_, _ = s.Wait(ctx, func(st Status) bool { return st.State != StateConnected }) // the state is read afterwards in any case
}

// notConnected describes the state of a session that cannot perform an operation.
func notConnected(snap Snapshot) string {
	if snap.Reason == "" {
		return fmt.Sprintf("the session is not connected (%s)", snap.State)
	}
	return fmt.Sprintf("the session is not connected (%s: %s)", snap.State, snap.Reason)
}
