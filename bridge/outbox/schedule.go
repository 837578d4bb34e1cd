package outbox

import (
	"context"
	"slices"
	"time"

	"github.com/waystation/waystation/bridge/governor"
	"github.com/waystation/waystation/bridge/wa"
)

// States returns the states of entries.
func States() []string {
	return []string{StatePending, StateSending, StateSent, StateFailed, StateMissed, StateCanceled}
}

// Schedule stores a message with a time of its own. It is sent within a second of that time if the session is connected, and after an
// outage within Config.ScheduleGrace.
func (s *Service) Schedule(ctx context.Context, to string, m Message, at time.Time) (*Stored, error) {
	if err := checkTime(at); err != nil {
		return nil, err
	}
	id, err := s.Enqueue(ctx, Entry{To: to, Message: m, Priority: governor.Scheduled, DueAt: at})
	if err != nil {
		return nil, err
	}
	return s.findSchedule(ctx, id)
}

func checkTime(at time.Time) error {
	if !wa.HasForm(at) {
		return wa.BadParam("send_at", "is not in the years 1970 to 9999")
	}
	return nil
}

func (s *Service) findSchedule(ctx context.Context, id string) (*Stored, error) {
	e, err := s.store.findEntry(ctx, s.owner, id)
	if err != nil {
		return nil, wa.StorageError("read the scheduled message", err)
	}
	if e == nil || e.Priority != governor.Scheduled {
		return nil, &wa.Error{Reason: wa.ReasonNotFound, Field: "schedule_id", Message: "there is no such scheduled message"}
	}
	return e, nil
}

// ListSchedules lists scheduled messages, those with the earliest time first; an empty state = all.
func (s *Service) ListSchedules(ctx context.Context, state string, limit, offset int) ([]*Stored, error) {
	if state != "" && !slices.Contains(States(), state) {
		return nil, wa.BadParam("status", "is no state of a scheduled message")
	}
	list, err := s.store.listEntries(ctx, s.owner, governor.Scheduled, state, limit, offset)
	if err != nil {
		return nil, wa.StorageError("list scheduled messages", err)
	}
	return list, nil
}

// ScheduleChange changes parts of a scheduled message; zero fields stay unchanged.
type ScheduleChange struct {
	To      string
	Message *Message
	At      time.Time
}

// UpdateSchedule changes a scheduled message that no attempt was made for.
func (s *Service) UpdateSchedule(ctx context.Context, id string, c ScheduleChange) (*Stored, error) {
	to := ""
	if c.To != "" {
		jid, err := wa.ParseJID("to", c.To)
		if err != nil {
			return nil, err
		}
		to = jid.String()
	}
	text := ""
	if c.Message != nil {
		var err error
		if text, err = c.Message.encode(); err != nil {
			return nil, err
		}
	}
	if !c.At.IsZero() {
		if err := checkTime(c.At); err != nil {
			return nil, err
		}
	}
	s.changes.Lock()
	defer s.changes.Unlock()
	e, err := s.findSchedule(ctx, id)
	if err != nil {
		return nil, err
	}
	if to != "" {
		e.To = to
	}
	if text != "" {
		e.Message = text
	}
	if !c.At.IsZero() {
		e.DueAt = c.At
		s.setTimes(e, 0)
	}
	changed, err := s.store.updateEntry(ctx, s.owner, e)
	if err != nil {
		return nil, wa.StorageError("change the scheduled message", err)
	}
	if !changed {
		return nil, wa.NewError(wa.ReasonConflict, "the message is no longer pending")
	}
	s.Wake()
	return e, nil
}

// DeleteSchedule removes a scheduled message, which is not sent if it was pending. A message that is being sent is refused.
func (s *Service) DeleteSchedule(ctx context.Context, id string) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	if _, err := s.findSchedule(ctx, id); err != nil {
		return err
	}
	deleted, err := s.store.deleteEntry(ctx, s.owner, id)
	if err != nil {
		return wa.StorageError("delete the scheduled message", err)
	}
	if !deleted {
		return wa.NewError(wa.ReasonConflict, "the message is being sent")
	}
	return nil
}

// DeleteSchedules removes all pending scheduled messages and returns their number.
func (s *Service) DeleteSchedules(ctx context.Context) (int, error) {
	s.changes.Lock()
	defer s.changes.Unlock()
	n, err := s.store.deletePending(ctx, s.owner)
	if err != nil {
		return 0, wa.StorageError("delete scheduled messages", err)
	}
	return n, nil
}
