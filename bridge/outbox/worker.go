package outbox

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/waystation/waystation/bridge/governor"
	"github.com/waystation/waystation/bridge/wa"
)

const (
	sendTimeout = 120 * time.Second // includes the time to fetch, convert and upload a file
	maxAttempts = 6                 // of one entry, not counting those without a connection
	maxRefused  = 2                 // attempts that WhatsApp refuses without a timelock
	retryBase   = 5 * time.Second   // before the second attempt; doubled before each further one
	retryMost   = 5 * time.Minute
	storeRetry  = 5 * time.Second // after a failure of the database
	lostRetry   = time.Second     // after the connection ended before an attempt
	recheck     = time.Minute     // longest time between two looks at a condition without a known end
	longWait    = time.Minute     // from this wait on, the expiry of schedules moves, too
	overduePage = 100             // entries that expire in one step
	settleTime  = 15 * time.Second
)

// Wake makes the worker look for due entries. It returns immediately and may be called at any time.
func (s *Service) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		s.again = true
		return
	}
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	s.running = !s.stopped && s.conn.Spawn(s.run)
}

// Stop ends the timer of the worker: a deleted session, or the server's end.
func (s *Service) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// Resume undoes Stop.
func (s *Service) Resume() {
	s.mu.Lock()
	s.stopped = false
	s.mu.Unlock()
	s.Wake()
}

// run is the worker: it sends what is due and ends when nothing is due. A timer starts it again.
func (s *Service) run() {
	leave, err := s.conn.Enter()
	if err == nil {
		defer leave()
	}
	for {
		var next time.Time
		if err == nil && s.conn.Context().Err() == nil {
			next = s.step(s.conn.Context())
		}
		s.mu.Lock()
		again := s.again || !next.IsZero() && !next.After(time.Now())
		s.again = false
		if !again || err != nil || s.stopped || s.conn.Context().Err() != nil {
			s.running = false
			if !s.stopped && !next.IsZero() {
				s.startTimer(next)
			}
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
}

// startTimer wakes the worker at a time, at the latest after recheck, so that a change of the clock has no lasting effect. The
// caller holds s.mu.
func (s *Service) startTimer(at time.Time) {
	s.timer = time.AfterFunc(min(time.Until(at), recheck), func() {
		s.mu.Lock()
		early := !s.stopped && !s.running && time.Now().Before(at)
		if early {
			s.startTimer(at)
		}
		s.mu.Unlock()
		if !early {
			s.Wake()
		}
	})
}

// step ends entries that are overdue and sends one that is due. It returns when to look again; zero = when woken.
func (s *Service) step(ctx context.Context) time.Time {
	next, err := s.tryStep(ctx)
	if err != nil && ctx.Err() == nil {
		s.log().Error("automatic messages could not be processed", "error", err)
		return time.Now().Add(storeRetry)
	}
	return next
}

func (s *Service) tryStep(ctx context.Context) (next time.Time, err error) {
	now := time.Now()
	// Before anything expires: a long wait moves the expiry of schedules.
	if err := s.postponeSchedules(ctx, now); err != nil {
		return next, err
	}
	overdue, err := s.store.listOverdue(ctx, s.owner, now, overduePage)
	if err != nil {
		return next, err
	}
	for _, e := range overdue {
		e.State, e.EndedAt = StateMissed, now
		if e.Error == "" {
			e.Error, e.ErrorText = "missed", "the message could not be sent in time"
		}
		if err := s.endEntry(ctx, e); err != nil {
			return next, err
		}
	}
	if len(overdue) > 0 {
		return now, nil
	}
	due, expire, err := s.store.nextDue(ctx, s.owner, governor.Bulk)
	if err != nil || due.IsZero() {
		s.setWaiting("", time.Time{})
		return expire, err
	}
	if !s.isConnected() {
		s.setWaiting(waitsForConnection, time.Time{})
		return expire, nil
	}
	if due.After(now) {
		return earlierOf(due, expire), s.explainWait(ctx, now, due)
	}
	e, err := s.store.findDue(ctx, s.owner, now)
	if err != nil || e == nil {
		return earlierOf(now.Add(recheck), expire), err
	}
	at, err := s.permittedAt(ctx, e, now)
	if err != nil || at.After(now) {
		return earlierOf(at, expire), err
	}
	s.setWaiting("", time.Time{})
	claimed, err := s.claimEntry(ctx, e, now)
	if err == nil && claimed {
		err = s.sendEntry(ctx, e)
	}
	return now, err
}

func (s *Service) isConnected() bool {
	_, err := s.conn.Live()
	return err == nil
}

// explainWait sets what delays the next entry: the governor if it permits nothing before the entry is due.
func (s *Service) explainWait(ctx context.Context, now, due time.Time) error {
	pace, err := s.loadPace(ctx)
	if err != nil {
		return err
	}
	at, why, err := s.earliestTime(ctx, pace, now, governor.Scheduled)
	if err == nil && !at.Before(due.Truncate(time.Millisecond)) {
		s.setWaiting(why, at)
	} else {
		s.setWaiting("", time.Time{})
	}
	return err
}

// permittedAt returns when an entry may be sent.
func (s *Service) permittedAt(ctx context.Context, e *Stored, now time.Time) (time.Time, error) {
	pace, err := s.loadPace(ctx)
	if err != nil {
		return now, err
	}
	at, why, err := s.earliestTime(ctx, pace, now, e.Priority)
	if err != nil {
		return now, err
	}
	if e.Priority == governor.Bulk && !at.After(now) {
		// A bulk send shortly before a schedule would delay it by the pause.
		soon, _, err := s.store.nextDue(ctx, s.owner, governor.Scheduled)
		if err != nil {
			return now, err
		}
		if soon.After(now) && soon.Before(now.Add(s.cfg.Limits.PauseMax)) {
			at, why = soon, string(governor.Pause)
		}
	}
	if at.After(now) {
		s.setWaiting(why, at)
	}
	return at, nil
}

// earliestTime returns when a message of a priority may be sent, and what delays it.
func (s *Service) earliestTime(ctx context.Context, pace *governor.Governor, now time.Time, p governor.Priority) (time.Time, string, error) {
	held, err := s.findHold(ctx, now)
	if err != nil {
		return now, "", err
	}
	if held.Until.After(now) {
		return held.Until, held.Reason, nil
	}
	at, why := pace.Next(now, p, s.cfg.limits(), now.Sub(s.conn.PairedAt()))
	return at, string(why), nil
}

// findHold returns the hold of the session: that of WhatsApp's timelock, or after a refusal.
func (s *Service) findHold(ctx context.Context, now time.Time) (Hold, error) {
	if reach := s.conn.Reachout(); reach.Active {
		h := Hold{Reason: heldByTimelock, Until: reach.Until}
		if h.Until.IsZero() {
			h.Until = now.Add(recheck)
		}
		return h, s.announceHold(ctx, Hold{Reason: heldByTimelock, Until: reach.Until}, now)
	}
	h, err := s.store.readHold(ctx, s.owner)
	if err != nil {
		return h, wa.StorageError("read the hold", err)
	}
	if h.Reason == heldByTimelock { // it has ended
		h = Hold{}
	}
	return h, nil
}

// announceHold stores a hold and records it in an event, unless it is stored already.
func (s *Service) announceHold(ctx context.Context, h Hold, now time.Time) error {
	stored, err := s.store.readHold(ctx, s.owner)
	if err != nil || stored.Reason == h.Reason && stored.Until.Equal(h.Until.Truncate(time.Millisecond)) {
		return err
	}
	data := map[string]any{"reason": h.Reason, "until": wa.TimeOrNull(h.Until)}
	return s.conn.EmitAutomation(ctx, "AutomationHeld", "", data, func(ctx context.Context) error { return s.store.setHold(ctx, s.owner, h) })
}

// postponeSchedules moves due schedules beyond a long wait.
func (s *Service) postponeSchedules(ctx context.Context, now time.Time) error {
	due, _, err := s.store.nextDue(ctx, s.owner, governor.Scheduled)
	if err != nil || due.IsZero() || due.After(now) {
		return err
	}
	pace, err := s.loadPace(ctx)
	if err != nil {
		return err
	}
	at, _, err := s.earliestTime(ctx, pace, now, governor.Scheduled)
	if err != nil || at.Sub(now) < longWait {
		return err
	}
	return s.store.postponeSchedules(ctx, s.owner, now, at)
}

// loadPace returns the governor, and reads the earlier sends when it is first used.
func (s *Service) loadPace(ctx context.Context) (*governor.Governor, error) {
	s.mu.Lock()
	known := s.governor
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	sent, err := s.store.sentTimes(ctx, s.owner, time.Now().Add(-window))
	if err != nil {
		return nil, wa.StorageError("read earlier sends", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.governor == nil {
		s.governor = governor.New(sent)
	}
	return s.governor, nil
}

func (s *Service) setWaiting(reason string, until time.Time) {
	s.mu.Lock()
	s.waiting = Waiting{Reason: reason, Until: until.UTC()}
	s.mu.Unlock()
}

func (s *Service) claimEntry(ctx context.Context, e *Stored, now time.Time) (bool, error) {
	s.changes.Lock()
	defer s.changes.Unlock()
	claimed, err := s.store.claimEntry(ctx, s.owner, e, now)
	if err != nil || !claimed {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.governor.Record(now, s.cfg.limits())
	return true, nil
}

// sendEntry sends a claimed entry and stores the outcome.
func (s *Service) sendEntry(ctx context.Context, e *Stored) error {
	m, err := e.DecodeMessage()
	if err == nil {
		sending, cancel := context.WithTimeout(ctx, sendTimeout)
		err = s.conn.SendStored(sending, e.To, m, MessageID(e.ID))
		cancel()
	}
	// The outcome is stored even if the server is ending.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	now := time.Now().UTC()
	e.Attempts++
	held := s.judgeOutcome(e, err, now)
	if held.Reason != "" {
		if err := s.announceHold(ctx, held, now); err != nil {
			return err
		}
	}
	return s.endEntry(ctx, e)
}

// refusedByWhatsApp is the code with which WhatsApp refuses messages of accounts that write to too many people.
const refusedByWhatsApp = 463

// judgeOutcome sets the state of an entry after an attempt. It returns the hold that a refusal by WhatsApp causes.
func (s *Service) judgeOutcome(e *Stored, err error, now time.Time) (held Hold) {
	if err == nil {
		e.State, e.EndedAt, e.Error, e.ErrorText = StateSent, now, "", ""
		return held
	}
	failure := new(wa.Error)
	if !errors.As(err, &failure) {
		failure = wa.StorageError("send the message", err)
	}
	e.Error, e.ErrorText = string(failure.Reason), wa.PublicText(failure, string(failure.Reason))
	if failure.Kind != "" {
		e.Error = string(failure.Kind)
	}
	e.NextAt = now.Add(min(retryBase<<(e.Attempts-1), retryMost))
	e.State = StatePending
	if failure.OutcomeUnknown {
		e.State = StateSending
	}
	switch {
	case failure.Kind == wa.KindReachoutTimelock || failure.WACode == refusedByWhatsApp:
		held = Hold{Reason: heldByRefusal, Until: failure.RetryAt}
		if held.Until.IsZero() {
			held.Until = now.Add(s.cfg.RefusalPause)
		}
		if failure.Kind == wa.KindReachoutTimelock && s.conn.Reachout().Active {
			held = Hold{Reason: heldByTimelock, Until: s.conn.Reachout().Until}
		} else if e.Attempts >= maxRefused {
			e.State, e.EndedAt = StateFailed, now
		}
	case failure.Reason == wa.ReasonNotConnected || failure.Reason == wa.ReasonUnavailable:
		e.NextAt = now.Add(lostRetry)
		if !failure.OutcomeUnknown {
			e.Attempts--
		}
	case failure.Reason == wa.ReasonRateLimited && failure.RetryAt.After(e.NextAt):
		e.NextAt = failure.RetryAt
	case failure.OutcomeUnknown, failure.Retryable, failure.Reason == wa.ReasonRateLimited, failure.Reason == wa.ReasonTimeout, failure.Reason == wa.ReasonStorage:
	default:
		e.State, e.EndedAt = StateFailed, now
	}
	if e.Attempts >= maxAttempts {
		e.State, e.EndedAt = StateFailed, now
	}
	return held
}

// endEntry stores the state of an entry, with its event if it has ended, and continues its job.
func (s *Service) endEntry(ctx context.Context, e *Stored) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	store := func(ctx context.Context) error { return s.store.storeOutcome(ctx, s.owner, e) }
	switch {
	case e.Job != "":
		return s.endOfJob(ctx, e, store)
	case e.EndedAt.IsZero():
		return store(ctx)
	case e.Priority == governor.Scheduled:
		return s.conn.EmitAutomation(ctx, "ScheduleEnded", e.To, e.outcomeFields("schedule_id", e.ID), store)
	case e.State != StateSent:
		s.log().Warn("an automatic answer was not sent", "state", e.State, "reason", e.Error)
	}
	return store(ctx)
}

// endOfJob stores the state of an entry of a job, and ends the job with the last entry.
func (s *Service) endOfJob(ctx context.Context, e *Stored, store func(context.Context) error) error {
	j, err := s.store.findJob(ctx, s.owner, e.Job)
	if err != nil || j == nil {
		return err
	}
	if e.State != StateSending || !e.EndedAt.IsZero() {
		j.Counts[StateSending]--
		j.Counts[e.State]++
	}
	if !e.EndedAt.IsZero() {
		j.NextAt = time.Now().Add(j.Delay + time.Duration(rand.Float64()*float64(j.Jitter)))
	}
	both := func(ctx context.Context) error {
		if err := store(ctx); err != nil {
			return err
		}
		return s.store.setJob(ctx, s.owner, j)
	}
	if j.Open() == 0 {
		return s.completeJob(ctx, j, both)
	}
	if err := s.store.transact(ctx, both); err != nil {
		return err
	}
	s.conn.SignalAutomation("JobProgress", mergeFields(j.eventFields(), e.outcomeFields("position", e.Position)))
	return nil
}

// completeJob ends a job with its event.
func (s *Service) completeJob(ctx context.Context, j *Job, store func(context.Context) error) error {
	if j.State != JobCanceled {
		j.State = JobCompleted
	}
	j.EndedAt = time.Now().UTC()
	return s.conn.EmitAutomation(ctx, "JobCompleted", "", j.eventFields(), store)
}

// earlierOf returns the earlier of two times, of which zero is none.
func earlierOf(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
