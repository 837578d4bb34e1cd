package bridge

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"

	"github.com/waystation/waystation/bridge/sessionconfig"
	"github.com/waystation/waystation/bridge/wa"
)

// connectAttempt is one connection attempt. A session has at most one at a time.
type connectAttempt struct {
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
}

// ConnectOptions modify how a session connects.
type ConnectOptions struct {
	// Rebind permits pairing a previously paired session with another account. The stored data of the old account is
	// deleted as soon as a phone of the new account has accepted. The permission ends with the pairing.
	Rebind bool
}

// Connect requests a connection: a session with stored keys logs in, a session without keys starts pairing. Connect
// returns immediately; Wait reports the outcome. The request is stored, so that the session connects again after a
// restart of the process.
func (s *Session) Connect(ctx context.Context) error { return s.ConnectWith(ctx, ConnectOptions{}) }

// ConnectWith is Connect with options. The options also apply to a pairing in progress.
func (s *Session) ConnectWith(ctx context.Context, o ConnectOptions) error {
	if err := s.beginCommand(ctx); err != nil {
		return err
	}
	defer s.endCommand()
	return s.connect(ctx, o)
}

func (s *Session) connect(ctx context.Context, o ConnectOptions) error {
	s.mu.Lock()
	snap, deleted, wanted := s.snap, s.deleted, s.row.Wanted
	s.mu.Unlock()
	if deleted {
		return wa.NewError(wa.ReasonNotFound, "there is no such session")
	}
	if snap.State == StateBanned && snap.Until.After(time.Now()) {
		return wa.NewError(wa.ReasonConflict, "WhatsApp bars this account until %s", snap.Until.UTC().Format(time.RFC3339))
	}
	if !wanted || snap.State == StateReplaced || snap.State == StateBanned {
		if err := s.b.store.setWanted(ctx, s.id, true); err != nil {
			return wa.StorageError("store the session", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.row.Wanted, s.row.HoldReason, s.row.HoldUntil = true, "", time.Time{}
	s.rebind = s.rebind || o.Rebind && s.row.Device.IsEmpty()
	switch s.snap.State {
	case StateConnected, StatePairing, StateConnecting:
		return nil
	}
	s.failures = 0
	if !s.startAttempt(false) {
		return wa.NewError(wa.ReasonUnavailable, "the bridge is closed")
	}
	return nil
}

// Disconnect closes the connection and keeps the pairing. The session stays disconnected until Connect.
func (s *Session) Disconnect(ctx context.Context) error {
	if err := s.beginCommand(ctx); err != nil {
		return err
	}
	defer s.endCommand()
	if s.isDeleted() {
		return wa.NewError(wa.ReasonNotFound, "there is no such session")
	}
	if err := s.b.store.setWanted(ctx, s.id, false); err != nil {
		return wa.StorageError("store the session", err)
	}
	s.mu.Lock()
	s.row.Wanted, s.row.HoldReason, s.row.HoldUntil = false, "", time.Time{}
	s.mu.Unlock()
	s.haltConnection(ctx, InputStop, Details{})
	return nil
}

// Restart closes the connection and opens it again.
func (s *Session) Restart(ctx context.Context) error {
	if err := s.beginCommand(ctx); err != nil {
		return err
	}
	defer s.endCommand()
	s.haltConnection(ctx, InputStop, Details{})
	return s.connect(ctx, ConnectOptions{})
}

// resumeStored connects a stored session at start. The caller has acquired a connect slot; if resumeStored returns true, the
// session releases it.
func (s *Session) resumeStored() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deleted || !s.row.Wanted || s.attempt != nil || s.cli != nil {
		return false
	}
	switch s.snap.State {
	case StateDisconnected:
		return s.startAttempt(true)
	case StateBanned:
		s.scheduleAt(s.snap.Until)
	}
	return false
}

// wantsConnection reports whether Start should connect the session. A session that was pairing is not connected: after
// a restart, its codes are no longer displayed anywhere.
func (s *Session) wantsConnection() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.deleted && s.row.Wanted && (s.snap.State == StateDisconnected || s.snap.State == StateBanned)
}

func (s *Session) holdsClient() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cli != nil
}

// startAttempt starts an attempt unless one is in progress. withSlot means that the caller has acquired a connect slot
// for it.
// The caller holds s.mu.
func (s *Session) startAttempt(withSlot bool) bool {
	if s.attempt != nil {
		return !withSlot
	}
	s.stopTimers()
	f := &connectAttempt{done: make(chan struct{})}
	f.ctx, f.cancel = context.WithCancel(s.b.ctx)
	s.attempt = f
	if !s.b.spawn(func() { s.runAttempt(f, withSlot) }) {
		s.attempt = nil
		f.cancel()
		return false
	}
	s.feed(InputConnect, Details{}, fact{})
	return true
}

// runAttempt connects and keeps its slot until the login has settled.
func (s *Session) runAttempt(f *connectAttempt, withSlot bool) {
	defer close(f.done)
	defer f.cancel()
	if !withSlot && s.b.slots.Acquire(f.ctx, 1) != nil {
		s.endAttempt(f, nil, context.Cause(f.ctx))
		return
	}
	defer s.b.slots.Release(1)
	cli, err := s.ensureClient(f.ctx)
	if err == nil {
		err = s.settleBinding(f.ctx, s.device(), cli.Store.GetLID())
	}
	if err == nil {
		err = s.dial(f, cli)
	}
	s.endAttempt(f, cli, err)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(f.ctx, s.b.cfg.LoginTimeout)
	defer cancel()
	_, _ = s.Wait(ctx, Status.Settled)
}

// dial opens the socket. The dial context lives as long as the connection; only a dial timeout or a stop cancels it
// earlier.
func (s *Session) dial(f *connectAttempt, cli *whatsmeow.Client) error {
	// The end of the bridge's context must not cancel this one: it would close the socket before the handshake can be
	// aborted (wire.Guard).
	ctx, end := context.WithCancel(context.WithoutCancel(s.b.ctx))
	s.mu.Lock()
	if s.endConn != nil {
		s.endConn()
	}
	s.endConn = end
	input := s.input
	input.Forget()
	s.mu.Unlock()
	if cli.IsConnected() {
		cli.Disconnect() // closes the rest of a refused login that the server has not closed yet
	}
	defer input.Release()
	stop := func() {
		if !input.Cut() {
			end()
		}
	}
	stopWithAttempt := context.AfterFunc(f.ctx, stop)
	tooLong := time.AfterFunc(s.b.cfg.ConnectTimeout, stop)
	err := wa.CatchPanic("connect", func() error {
		if err := cli.ConnectContext(ctx); err != nil {
			return err
		}
		return input.InstallFrames(cli)
	})
	if !tooLong.Stop() && err == nil {
		err = context.DeadlineExceeded
	}
	if !stopWithAttempt() && err == nil {
		err = context.Canceled
	}
	if err != nil {
		wa.LogPanic(s.log(), err)
		end()
		return err
	}
	withBridge := context.AfterFunc(s.b.ctx, end)
	context.AfterFunc(ctx, func() { withBridge() })
	return nil
}

// endAttempt ends the dialling phase of an attempt.
func (s *Session) endAttempt(f *connectAttempt, cli *whatsmeow.Client, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attempt == f {
		s.attempt = nil
	}
	if f.ctx.Err() != nil || s.deleted {
		return // stopped meanwhile: the other command has set the state
	}
	if err == nil {
		switch s.snap.State {
		case StateDisconnected:
			// The connection was refused or closed before the dial returned, and this attempt prevented a retry that was
			// due meanwhile.
			if s.retry == nil {
				s.scheduleRetry()
			}
		case StateConnecting:
			s.watchdog = time.AfterFunc(s.b.cfg.LoginTimeout, func() { s.dropConnection(cli, reasonLoginTimeout) })
		}
		return
	}
	s.log().Warn("could not connect", "attempt", s.failures+1, "error", err)
	if errors.Is(err, store.ErrDeviceDeleted) || errors.Is(err, errDeviceMissing) {
		s.cli = nil
		s.feed(InputLoggedOut, Details{Reason: "keys are missing"}, fact{})
		return
	}
	s.failures++
	s.feed(InputLost, Details{Reason: reasonConnectFailed}, fact{})
	s.scheduleRetry()
}

// lostConnection handles a socket that ended without a command.
func (s *Session) lostConnection(cli *whatsmeow.Client, in Input, d Details, f fact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli != cli || s.deleted {
		return
	}
	s.stopTimers()
	if reason := s.input.TakeReason(); d.Reason == reasonNone {
		d.Reason = reason
	}
	if s.snap.State == StateConnected {
		s.failures = 0
	} else {
		s.failures++
	}
	if s.snap.State == StatePairing && !s.refusedJID.IsEmpty() {
		s.failWrongNumber()
		return
	}
	if in == InputLost && s.snap.Step.ofPasskey() {
		d.Reason = reasonConnectionLost
		s.postPairError(d.Reason, "the connection ended in the passkey step", 0)
	}
	if !s.feed(in, d, f) && s.snap.State != StateDisconnected {
		return
	}
	if s.snap.State == StateCreated {
		s.dropClient()
		return
	}
	s.scheduleRetry()
}

// dropConnection closes a socket that is open but not usable.
func (s *Session) dropConnection(cli *whatsmeow.Client, reason string) {
	s.b.spawn(func() {
		s.mu.Lock()
		current := s.cli == cli && s.attempt == nil && !s.deleted
		s.mu.Unlock()
		if !current {
			return
		}
		cli.Disconnect()
		s.lostConnection(cli, InputLost, Details{Reason: reason}, fact{})
	})
}

// scheduleRetry schedules the next connect if the session may reconnect automatically. The caller holds s.mu.
func (s *Session) scheduleRetry() {
	if s.snap.State != StateDisconnected || !s.row.Wanted || !s.row.Settings.AutoReconnect || s.row.Device.IsEmpty() {
		return
	}
	s.scheduleAt(time.Now().Add(backoff(s.failures, s.b.cfg.BackoffMin, s.b.cfg.BackoffMax, rand.Float64)))
}

// scheduleAt schedules a connect; the zero time schedules none. The caller holds s.mu.
func (s *Session) scheduleAt(at time.Time) {
	if at.IsZero() || s.deleted {
		return
	}
	if s.retry != nil {
		s.retry.Stop()
	}
	s.retryAt = at
	s.retry = time.AfterFunc(time.Until(at), s.retryDue)
}

func (s *Session) retryDue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retry = nil
	if s.deleted || !s.row.Wanted {
		return
	}
	switch s.snap.State {
	case StateDisconnected, StateBanned:
		s.startAttempt(false)
	}
}

// backoff returns the pause before attempt n+1. The limit doubles with each failure from lowest to highest; the pause
// is a random part of the limit, at least a quarter, so that sessions that lost their connections together do not
// reconnect together.
func backoff(failures int, lowest, highest time.Duration, random func() float64) time.Duration {
	limit := lowest
	for i := 0; i < failures && limit < highest; i++ {
		limit *= 2
	}
	limit = min(limit, highest)
	return limit/4 + time.Duration(random()*float64(limit-limit/4))
}

// stopTimers stops all timers that would act on the connection. The caller holds s.mu.
func (s *Session) stopTimers() {
	if s.retry != nil {
		s.retry.Stop()
		s.retry = nil
	}
	if s.watchdog != nil {
		s.watchdog.Stop()
		s.watchdog = nil
	}
	s.stopRedelivery()
}

// haltConnection ends the connection and the client by command and waits for a connect in progress. The caller is in
// a command.
func (s *Session) haltConnection(ctx context.Context, in Input, d Details) {
	s.mu.Lock()
	s.stopTimers()
	f, cli := s.attempt, s.cli
	if f != nil {
		f.cancel()
	}
	s.cli = nil
	s.feed(in, d, fact{})
	end := s.endConn
	s.endConn = nil
	s.endPairing()
	s.mu.Unlock()
	if f != nil {
		select {
		case <-f.done:
		case <-ctx.Done():
		}
	}
	if cli != nil {
		cli.Disconnect()
	}
	if end != nil {
		end()
	}
}

// dropClient releases a client whose socket has ended. The caller holds s.mu.
func (s *Session) dropClient() {
	s.stopTimers()
	cli, end := s.cli, s.endConn
	s.cli, s.endConn = nil, nil
	s.endPairing()
	if cli == nil {
		return
	}
	s.b.spawn(func() {
		cli.Disconnect()
		if end != nil {
			end()
		}
	})
}

// shutDown closes the connection because the process stops. The stored wish to be connected stays.
func (s *Session) shutDown() {
	s.automation.Stop()
	s.mu.Lock()
	s.stopTimers()
	s.stopReachoutTimer()
	s.sends.Stop()
	f, cli := s.attempt, s.cli
	if f != nil {
		f.cancel()
	}
	s.feed(InputShutdown, Details{}, fact{})
	rest := s.outbox
	if s.writing {
		rest = nil // the running writer writes them
	} else {
		s.outbox = nil
	}
	s.mu.Unlock()
	if cli != nil {
		cli.Disconnect()
	}
	if len(rest) > 0 {
		if _, err := s.b.journal.Append(s.b.ctx, s.id, rest...); err != nil {
			s.log().Error("could not write state events", "count", len(rest), "error", err)
		}
	}
}

// settingsChanged applies the changed AutoReconnect setting to the pending reconnect.
func (s *Session) settingsChanged(settings sessionconfig.Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !settings.AutoReconnect && s.retry != nil && s.snap.State == StateDisconnected {
		s.retry.Stop()
		s.retry = nil
	}
	if settings.AutoReconnect && s.retry == nil && s.attempt == nil {
		s.scheduleRetry()
	}
}
