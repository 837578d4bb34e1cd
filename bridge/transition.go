package bridge

import (
	"context"
	"encoding/json"
	"time"

	"github.com/waystation/waystation/bridge/naming"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
)

// stateEvents maps states to the types of their events; other states use SessionState.
var stateEvents = map[State]string{
	StateConnected:    "Connected",
	StateDisconnected: "Disconnected",
	StateLoggedOut:    "LoggedOut",
	StateReplaced:     "StreamReplaced",
	StateBanned:       "TemporaryBan",
	StateOutdated:     "ClientOutdated",
}

const eventSessionState = "SessionState"

// maxOutbox bounds the records of transitions that wait for the journal, for example during an outage of the database.
// Beyond it, the oldest records are dropped: the newest contain the present state.
const maxOutbox = 64

// fact is additional data of a transition event.
type fact struct {
	data    map[string]any
	project func(ctx context.Context) error
}

// feed passes an input to the machine. A separate goroutine writes the resulting events in the order of transitions.
// feed returns false if the input does not change the state. The caller holds s.mu.
func (s *Session) feed(in Input, d Details, f fact) bool {
	now := time.Now().UTC()
	before := s.snap
	after, changed := before.next(in, d, !s.row.Device.IsEmpty(), now)
	if !changed {
		return false
	}
	s.snap = after
	if after.State == StateConnected {
		s.connectedAt = now
		s.row.LastConnectedAt = now.Truncate(time.Millisecond)
		s.sends.Wake()
	}
	s.wakeWaiters()
	if s.worthTelling(before, after) {
		s.posted = after
		s.logTransition(in, before, after)
		s.post(s.transitionRecord(before, after, f))
	}
	return true
}

// wakeWaiters makes every call of Wait check the status again. The caller holds s.mu.
func (s *Session) wakeWaiters() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// worthTelling reports whether a transition becomes an event. It coalesces an outage: reconnects and their failures for
// the same reason are one event, not one per attempt. QR codes are signals; within the state pairing, only a new step
// becomes an event.
func (s *Session) worthTelling(before, after Snapshot) bool {
	switch after.State {
	case StatePairing:
		return before.State != StatePairing || after.Step.differs(before.Step)
	case StateConnecting:
		return s.failures == 0
	case StateDisconnected:
		return s.posted.State != StateConnecting && s.posted.State != StateDisconnected ||
			s.posted.Reason != after.Reason
	}
	return true
}

func (s *Session) transitionRecord(before, after Snapshot, f fact) journal.Record {
	data := map[string]any{
		"state":          after.State,
		"previous_state": before.State,
		"reason":         wa.OrNull(after.Reason),
		"since":          after.Since,
		"jid":            wa.JIDOrNull(s.row.Device),
		"lid":            wa.JIDOrNull(s.row.Identity.LID),
	}
	switch after.State {
	case StatePairing:
		data["code_number"], data["code_count"], data["expires_at"] = after.Code.Number, after.Code.Of, after.Step.ExpiresAt
		data["pairing"] = after.Step.fields(after.Code)
	case StateBanned:
		data["until"] = wa.TimeOrNull(after.Until)
	}
	for key, value := range f.data {
		data[key] = value
	}
	name := stateEvents[after.State]
	if name == "" || after.State == StateDisconnected && before.State == StateReplaced {
		name = eventSessionState
	}
	return journal.Record{
		Type: name, Origin: originOf(after), Time: after.Since, Data: mustJSON(data), Project: f.project,
	}
}

// originOf returns the origin of a transition: a command, the server or WhatsApp.
func originOf(after Snapshot) string {
	switch after.Reason {
	case reasonStopped, reasonLogout:
		return journal.OriginAPI
	case reasonShutdown, reasonPairingTimeout, reasonPasskeyTimeout, reasonConfirmTimeout, reasonLoginTimeout, reasonKeepAlive:
		return journal.OriginServer
	}
	return journal.OriginWhatsApp
}

// post appends a record to the outbox. The caller holds s.mu.
func (s *Session) post(r journal.Record) {
	if len(s.outbox) >= maxOutbox {
		s.log().Warn("the journal does not keep up with state events; the oldest is dropped", "event", s.outbox[0].Type)
		s.outbox = s.outbox[1:]
	}
	s.outbox = append(s.outbox, r)
	if s.writing || !s.work.enter() {
		return
	}
	s.writing = true
	if !s.b.spawn(s.writeOutbox) {
		// The bridge is closing: shutDown writes the remaining records.
		s.writing = false
		s.work.leave()
	}
}

func (s *Session) writeOutbox() {
	defer s.work.leave()
	for {
		s.mu.Lock()
		batch := s.outbox
		s.outbox = nil
		if len(batch) == 0 {
			s.writing = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		if _, err := s.b.journal.Append(s.b.ctx, s.id, batch...); err != nil {
			// The state itself is correct; the journal lacks events, which the log reports.
			s.log().Error("could not write state events", "count", len(batch), "error", err)
		}
	}
}

// fields is the data of an event before encoding.
type fields = naming.Fields

func mustJSON(v any) json.RawMessage {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of plain values always encode
	}
	return encoded
}
