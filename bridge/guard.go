package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waystation/waystation/bridge/wa"
)

// Call runs an operation of the session for a caller. Use it around everything that may reach whatsmeow. Two kinds of failure become typed errors:
//
//   - A panic inside whatsmeow, which an answer of WhatsApp without an expected part causes, is ReasonWhatsApp. A panic anywhere else is passed on.
//   - An error without a code of WhatsApp while the session has meanwhile lost its connection, or was logged out, is ReasonNotConnected with the
//     session's state and reason.
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
