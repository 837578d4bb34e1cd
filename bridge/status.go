package bridge

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/inbound/history"
	"github.com/waystation/waystation/bridge/outbound"
)

// Status is the state of a session at one moment, with its parameters.
type Status struct {
	Snapshot
	Connected       bool // a socket is open
	LoggedIn        bool // paired and authenticated
	HasClient       bool
	JID, LID        types.JID // empty before pairing
	BoundTo         types.JID // the account that owns the session's data; kept after a logout
	PushName        string
	Platform        string
	BusinessName    string
	LastConnectedAt time.Time // zero = never
	ConnectedAt     time.Time // zero = not connected
	AutoReconnect   bool
	ReconnectErrors int               // failed connects since the last success
	Reachout        outbound.Reachout // the account's reach-out timelock
	History         history.Progress  // the latest chunk; the zero value = none since the start
	RetryAt         time.Time         // next automatic connect; zero = none scheduled
}

// Status returns the present status. It does not wait for WhatsApp.
func (s *Session) Status() Status {
	s.mu.Lock()
	st := Status{
		Snapshot:        s.snap,
		HasClient:       s.cli != nil,
		JID:             s.row.Device.ToNonAD(),
		LID:             s.row.Identity.LID.ToNonAD(),
		BoundTo:         s.bound.pn,
		PushName:        s.row.Identity.PushName,
		Platform:        s.row.Identity.Platform,
		BusinessName:    s.row.Identity.BusinessName,
		LastConnectedAt: s.row.LastConnectedAt,
		AutoReconnect:   s.row.Settings.AutoReconnect,
		ReconnectErrors: s.failures,
	}
	st.Reachout, st.History = s.reach.Current(time.Now()), s.progress
	if s.retry != nil {
		st.RetryAt = s.retryAt
	}
	if s.snap.State == StateConnected {
		st.ConnectedAt = s.connectedAt
	}
	cli := s.cli
	s.mu.Unlock()
	if cli != nil {
		st.Connected = cli.IsConnected()
		st.LoggedIn = st.State == StateConnected && cli.IsLoggedIn()
	}
	return st
}

// Wait waits until the function until accepts the status and returns it. If ctx ends first, it returns the last status
// with ctx's error.
func (s *Session) Wait(ctx context.Context, until func(Status) bool) (Status, error) {
	for {
		s.mu.Lock()
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		if st := s.Status(); until(st) {
			return st, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return s.Status(), ctx.Err()
		}
	}
}

// Settled reports whether the session is in a state other than connecting.
func (st Status) Settled() bool { return st.State != StateConnecting }

// Stopped reports whether a paired session is disconnected by command.
func (st Status) Stopped() bool {
	return st.State == StateDisconnected && st.Reason == reasonStopped
}
