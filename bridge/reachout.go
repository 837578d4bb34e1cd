package bridge

import (
	"context"
	"encoding/json"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
)

const (
	// reachoutQuery is the number of WhatsApp Web's query for the account's reach-out timelock; whatsmeow has no call
	// for it.
	reachoutQuery = "23983697327930364"
	// reachoutTimeout bounds that query.
	reachoutTimeout = 10 * time.Second
	// refusedReachout is the code with which WhatsApp rejects a message to a new contact.
	refusedReachout = 463
)

// Reachout is the account's reach-out timelock: while it is active, WhatsApp rejects messages to people that the
// account has no chat with.
type Reachout struct {
	Active          bool
	EnforcementType string    // WhatsApp's cause, such as BIZ_QUALITY; empty = not stated
	Until           time.Time // its end; zero = not stated
}

// current returns the timelock, or the zero value if its end has passed.
func (r Reachout) current(now time.Time) Reachout {
	if r.Active && !r.Until.IsZero() && !now.Before(r.Until) {
		return Reachout{}
	}
	return r
}

func (r Reachout) equal(other Reachout) bool {
	return r.Active == other.Active && r.EnforcementType == other.EnforcementType && r.Until.Equal(other.Until)
}

func (r Reachout) fields() map[string]any {
	return fields{"active": r.Active, "enforcement_type": wa.OrNull(r.EnforcementType), "until": wa.TimeOrNull(r.Until)}
}

func reachoutOf(evt *events.NotifyAccountReachoutTimelock) Reachout {
	if !evt.IsActive {
		return Reachout{}
	}
	return Reachout{Active: true, EnforcementType: evt.EnforcementType, Until: evt.TimeEnforcementEnds.Time}
}

// setReachout stores the timelock, starts the timer for its end and wakes Wait. It returns false if nothing changed.
// The caller holds s.mu.
func (s *Session) setReachout(next Reachout) bool {
	if s.reach.equal(next) {
		return false
	}
	s.reach = next
	s.stopReachoutTimer()
	s.startReachoutTimer()
	s.wakeWaiters()
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
	if s.reach.current(time.Now()).Active { // the clock was set back, or the timelock was extended
		s.stopReachoutTimer()
		s.startReachoutTimer()
		return
	}
	s.setReachout(Reachout{})
	s.postReachout(journal.OriginServer)
}

// postReachout records the timelock in an event without a notification from WhatsApp. The caller holds s.mu.
func (s *Session) postReachout(origin string) {
	recorded := s.reach
	s.reachEvent = &recorded
	s.post(journal.Record{Type: "AccountReachoutTimelock", Origin: origin, Time: time.Now().UTC(), Data: mustJSON(s.reach.fields())})
}

// readReachout queries the timelock, after each login and after WhatsApp rejected a first message, and records a
// change.
func (s *Session) readReachout(ctx context.Context, cli *whatsmeow.Client) {
	ctx, cancel := context.WithTimeout(ctx, reachoutTimeout)
	defer cancel()
	raw, err := cli.DangerousInternals().SendMexIQ(ctx, reachoutQuery, map[string]any{}) // there is no public call for it
	var answer struct {
		State *events.NotifyAccountReachoutTimelock `json:"xwa2_fetch_account_reachout_timelock"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &answer)
	}
	if err != nil || answer.State == nil {
		s.log().Debug("the reach-out timelock could not be read", "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli == cli && !s.deleted && s.setReachout(reachoutOf(answer.State).current(time.Now())) {
		s.postReachout(journal.OriginWhatsApp)
	}
}

// onReachoutTimelock records a notification about the timelock, unless the last event has the same state: WhatsApp
// repeats unacknowledged notifications, and announces an end that the timer has already recorded. A queued notification
// of a timelock that is over by now counts as its end. The session's state changes before the event is stored, so that
// the timer does not record the same end; reachEvent is set afterwards, so that a notification that could not be stored
// is recorded when it is redelivered.
func onReachoutTimelock(t *translation, evt *events.NotifyAccountReachoutTimelock) error {
	next, s := reachoutOf(evt).current(time.Now()), t.s
	s.mu.Lock()
	before := s.reach
	s.setReachout(next)
	recorded := s.reachEvent != nil && s.reachEvent.equal(next) || evt.IsActive && !next.Active && !before.Active
	s.mu.Unlock()
	if recorded {
		return nil
	}
	t.after = append(t.after, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reachEvent = &next
	})
	return t.emit("AccountReachoutTimelock", evt.Mex.Timestamp, "", nil, next.fields())
}

// mayReach rejects a message to a new contact while the timelock is active: a person with whom the account has neither
// a chat nor a valid privacy token. All other messages pass; WhatsApp decides about them.
func (s *Session) mayReach(ctx context.Context, cli *whatsmeow.Client, to types.JID) error {
	s.mu.Lock()
	reach := s.reach.current(time.Now())
	s.mu.Unlock()
	if !reach.Active {
		return nil
	}
	first, err := s.isNewContact(ctx, cli, to)
	if err != nil {
		return err
	}
	if !first {
		return nil
	}
	return refusedByTimelock(reach)
}

// isNewContact reports whether a chat is with a person, other than the account itself, with whom the account has
// neither a chat nor a valid privacy token.
func (s *Session) isNewContact(ctx context.Context, cli *whatsmeow.Client, to types.JID) (bool, error) {
	s.mu.Lock()
	own, lid := s.row.Device.ToNonAD(), s.row.Identity.LID.ToNonAD()
	s.mu.Unlock()
	if to = to.ToNonAD(); !wa.IsPerson(to) || to == own || to == lid {
		return false, nil
	}
	known, err := s.b.messages.HasContact(ctx, s.owner, s.Chats().AddressOf(ctx, to))
	if err != nil {
		return false, wa.StorageError("the chat could not be read", err)
	}
	if known {
		return false, nil
	}
	token, err := cli.DangerousInternals().EnsureTCToken(ctx, to) // the token that whatsmeow sends with the message; no public call returns it
	if err != nil {
		return false, wa.Wrap("read the privacy token of the contact", err)
	}
	return len(token) == 0, nil
}

// refusedByTimelock returns the error for a message to a new contact.
func refusedByTimelock(reach Reachout) *wa.Error {
	message := "WhatsApp does not let the account write to new contacts at present; existing chats and groups are not affected"
	if !reach.Until.IsZero() {
		message = "WhatsApp does not let the account write to new contacts until " + reach.Until.UTC().Format(time.RFC3339) + "; existing chats and groups are not affected"
	}
	return &wa.Error{Reason: wa.ReasonWhatsApp, Kind: wa.KindReachoutTimelock, Field: "to", WACode: refusedReachout, Message: message, RetryAt: reach.Until}
}

// explainRefusedReachout converts WhatsApp's rejection of a first message, code 463, into the same kind of error as a
// rejection by this server. It queries the timelock if none is known, to report its end. Rejections in existing chats
// keep their general form.
func (s *Session) explainRefusedReachout(ctx context.Context, cli *whatsmeow.Client, to types.JID, failure *wa.Error) *wa.Error {
	if failure.WACode != refusedReachout {
		return failure
	}
	if first, err := s.isNewContact(ctx, cli, to); err != nil || !first {
		return failure
	}
	if !s.Status().Reachout.Active {
		s.readReachout(ctx, cli)
	}
	out := *failure
	out.Kind, out.Field = wa.KindReachoutTimelock, "to"
	if reach := s.Status().Reachout; reach.Active {
		out.Message, out.RetryAt = refusedByTimelock(reach).Message, reach.Until
	}
	return &out
}
