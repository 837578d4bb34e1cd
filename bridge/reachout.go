package bridge

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
)

// reachoutTimeout bounds the query for the account's reach-out timelock.
const reachoutTimeout = 10 * time.Second

// reachoutFields returns the data of an AccountReachoutTimelock event.
func reachoutFields(r outbound.Reachout) fields {
	return fields{"active": r.Active, "enforcement_type": wa.OrNull(r.EnforcementType), "until": wa.TimeOrNull(r.Until)}
}

// setReachout stores the timelock, starts the timer for its end and wakes Wait. It returns false if nothing changed.
// The caller holds s.mu.
func (s *Session) setReachout(next outbound.Reachout) bool {
	if s.reach.Equal(next) {
		return false
	}
	s.reach = next
	s.stopReachoutTimer()
	s.startReachoutTimer()
	s.wakeWaiters()
	s.sends.Wake()
	return true
}

// startReachoutTimer starts the timer that reports the end of the timelock, if the end is known. The caller holds s.mu.
func (s *Session) startReachoutTimer() {
	if s.reach.Active && !s.reach.Until.IsZero() && !s.deleted {
		s.reachTimer = time.AfterFunc(time.Until(s.reach.Until), s.endReachout)
	}
}

// stopReachoutTimer stops the timer that reports the end of the timelock. The caller holds s.mu.
func (s *Session) stopReachoutTimer() {
	if s.reachTimer != nil {
		s.reachTimer.Stop()
		s.reachTimer = nil
	}
}

// endReachout records the end of the timelock. It is a no-op if WhatsApp has ended or extended the timelock before.
func (s *Session) endReachout() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.reach.Active || s.deleted {
		return
	}
	if s.reach.Current(time.Now()).Active { // the clock was set back, or the timelock was extended
		s.stopReachoutTimer()
		s.startReachoutTimer()
		return
	}
	s.setReachout(outbound.Reachout{})
	s.postReachout(journal.OriginServer)
}

// postReachout records the timelock in an event without a notification from WhatsApp. The caller holds s.mu.
func (s *Session) postReachout(origin string) {
	recorded := s.reach
	s.reachEvent = &recorded
	s.post(journal.Record{Type: "AccountReachoutTimelock", Origin: origin, Time: time.Now().UTC(), Data: mustJSON(reachoutFields(s.reach))})
}

// readReachout queries the timelock, after each login and after WhatsApp rejected a first message, and records a
// change.
func (s *Session) readReachout(ctx context.Context, cli *whatsmeow.Client) {
	ctx, cancel := context.WithTimeout(ctx, reachoutTimeout)
	defer cancel()
	next, err := outbound.QueryReachout(ctx, cli)
	if err != nil {
		s.log().Debug("the reach-out timelock could not be read", "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli == cli && !s.deleted && s.setReachout(next.Current(time.Now())) {
		s.postReachout(journal.OriginWhatsApp)
	}
}

// setAnnouncedReachout applies a notification about the timelock and returns the data of its event; nil if the last
// event has the same state: WhatsApp repeats unacknowledged notifications, and announces an end that the timer has
// already recorded. A queued notification of a timelock that is over by now counts as its end. The session's state
// changes before the event is stored, so that the timer does not record the same end; committed sets reachEvent
// afterwards, so that a notification that could not be stored is recorded when it is redelivered.
func (s *Session) setAnnouncedReachout(evt *events.NotifyAccountReachoutTimelock) (data fields, committed func()) {
	next := outbound.ReachoutOf(evt).Current(time.Now())
	s.mu.Lock()
	before := s.reach
	s.setReachout(next)
	recorded := s.reachEvent != nil && s.reachEvent.Equal(next) || evt.IsActive && !next.Active && !before.Active
	s.mu.Unlock()
	if recorded {
		return nil, nil
	}
	return reachoutFields(next), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reachEvent = &next
	}
}
