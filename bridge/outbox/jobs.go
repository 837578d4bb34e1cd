package outbox

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/waystation/waystation/bridge/governor"
	"github.com/waystation/waystation/bridge/wa"
)

// Limits of repeated messages that no setting lifts.
const (
	MaxRepeats    = 10              // messages of one job
	MinRepeatWait = 2 * time.Second // between two of them
	repeatWindow  = 24 * time.Hour  // in which the other side must have written
)

// MaxDelay is the longest pause, and the longest random addition, between two messages of a job.
const MaxDelay = 24 * time.Hour

// BulkParams describe a job with many recipients.
type BulkParams struct {
	Recipients    []string
	Message       Message
	Delay, Jitter time.Duration
}

// SendBulk starts a job that sends one message to each recipient. Recipients that are named twice get it once.
func (s *Service) SendBulk(ctx context.Context, p *BulkParams) (*Job, error) {
	var recipients []string
	for i, recipient := range p.Recipients {
		jid, err := wa.ParseJID("recipients/"+strconv.Itoa(i), recipient)
		if err != nil {
			return nil, err
		}
		if to := jid.String(); !slices.Contains(recipients, to) {
			recipients = append(recipients, to)
		}
	}
	if len(recipients) > s.cfg.MaxRecipients {
		return nil, wa.BadParam("recipients", "has more than %d recipients, the most of a job", s.cfg.MaxRecipients)
	}
	return s.startJob(ctx, &Job{Kind: KindBulk, Delay: p.Delay, Jitter: p.Jitter}, &p.Message, recipients)
}

// RepeatParams describe a job that sends one message several times to a chat.
type RepeatParams struct {
	To      string
	Message Message
	Count   int
	Delay   time.Duration
}

// SendRepeated starts a job that sends one message Count times to a chat. The operator must have permitted it, the other side must
// have written within a day, and a session has one such job at a time; it returns an error with ReasonForbidden otherwise. Count is at most MaxRepeats and
// Delay at least MinRepeatWait.
func (s *Service) SendRepeated(ctx context.Context, p *RepeatParams) (*Job, error) {
	jid, err := wa.ParseJID("to", p.To)
	if err != nil {
		return nil, err
	}
	if err := p.Message.CheckAddresses(); err != nil {
		return nil, err
	}
	switch {
	case p.Count < 1 || p.Count > MaxRepeats:
		return nil, wa.BadParam("count", "is not between 1 and %d", MaxRepeats)
	case p.Delay < MinRepeatWait:
		return nil, wa.BadParam("delay_seconds", "is less than %g", MinRepeatWait.Seconds())
	}
	if _, err := s.conn.Live(); err != nil {
		return nil, err
	}
	if !s.cfg.AllowRepeated {
		return nil, wa.NewError(wa.ReasonForbidden, "the operator of this server does not permit repeated messages")
	}
	written, err := s.conn.HasWritten(ctx, jid.String(), time.Now().Add(-repeatWindow))
	if err != nil {
		return nil, err
	}
	if !written {
		return nil, &wa.Error{Reason: wa.ReasonForbidden, Field: "to", Message: "repeated messages go only to chats whose other side has written within a day"}
	}
	return s.startJob(ctx, &Job{Kind: KindRepeated, Delay: p.Delay}, &p.Message, slices.Repeat([]string{jid.String()}, p.Count))
}

func (s *Service) startJob(ctx context.Context, j *Job, m *Message, recipients []string) (*Job, error) {
	if err := m.CheckAddresses(); err != nil {
		return nil, err
	}
	if _, err := s.conn.Live(); err != nil {
		return nil, err
	}
	text, err := m.encode()
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	j.ID, j.State, j.Message, j.Total, j.NextAt, j.CreatedAt = newID(), JobRunning, text, len(recipients), now, now
	j.Counts = map[string]int{StatePending: len(recipients)}
	entries := make([]*Stored, len(recipients))
	for i, to := range recipients {
		entries[i] = &Stored{ID: newID(), Job: j.ID, Position: i, Priority: governor.Bulk, To: to, State: StatePending, DueAt: now, NextAt: now, CreatedAt: now}
	}
	s.changes.Lock()
	defer s.changes.Unlock()
	if err := s.checkJobs(ctx, j.Kind); err != nil {
		return nil, err
	}
	if err := s.store.createJob(ctx, s.owner, j, entries); err != nil {
		return nil, wa.StorageError("store the job", err)
	}
	s.Wake()
	return j, nil
}

// checkJobs refuses a job beyond the limits.
func (s *Service) checkJobs(ctx context.Context, kind string) error {
	open, err := s.store.openJobs(ctx, s.owner, "")
	repeated := 0
	if err == nil && kind == KindRepeated {
		repeated, err = s.store.openJobs(ctx, s.owner, KindRepeated)
	}
	switch {
	case err != nil:
		return wa.StorageError("count jobs", err)
	case open >= s.cfg.MaxJobs:
		return wa.NewError(wa.ReasonRateLimited, "%d jobs have not ended, the most of a session", open)
	case repeated > 0:
		return wa.NewError(wa.ReasonForbidden, "a session has one job of repeated messages at a time, and one has not ended")
	}
	return nil
}

// GetJob returns a job.
func (s *Service) GetJob(ctx context.Context, id string) (*Job, error) {
	j, err := s.store.findJob(ctx, s.owner, id)
	if err != nil {
		return nil, wa.StorageError("read the job", err)
	}
	if j == nil {
		return nil, &wa.Error{Reason: wa.ReasonNotFound, Field: "job_id", Message: "there is no such job"}
	}
	return j, nil
}

// JobEntries lists the entries of a job in the order of its recipients.
func (s *Service) JobEntries(ctx context.Context, id string, limit, offset int) ([]*Stored, error) {
	list, err := s.store.entriesOf(ctx, s.owner, id, limit, offset)
	if err != nil {
		return nil, wa.StorageError("read the entries of the job", err)
	}
	return list, nil
}

// ListJobs lists jobs, newest first; an empty state = all.
func (s *Service) ListJobs(ctx context.Context, state string, limit, offset int) ([]*Job, error) {
	list, err := s.store.listJobs(ctx, s.owner, state, limit, offset)
	if err != nil {
		return nil, wa.StorageError("list jobs", err)
	}
	return list, nil
}

// SetJobPaused pauses or resumes a job. A send that has begun is completed.
func (s *Service) SetJobPaused(ctx context.Context, id string, paused bool) (*Job, error) {
	return s.changeJob(ctx, id, func(j *Job) error {
		j.State = JobRunning
		if paused {
			j.State = JobPaused
		}
		return s.store.setJob(ctx, s.owner, j)
	})
}

// CancelJob ends a job: recipients that have not got the message do not get it any more. A send that has begun is completed.
func (s *Service) CancelJob(ctx context.Context, id string) (*Job, error) {
	return s.changeJob(ctx, id, func(j *Job) error {
		now := time.Now().UTC()
		j.State = JobCanceled
		j.Counts[StateCanceled] += j.Counts[StatePending]
		j.Counts[StatePending] = 0
		store := func(ctx context.Context) error {
			if err := s.store.cancelEntries(ctx, s.owner, id, now); err != nil {
				return err
			}
			return s.store.setJob(ctx, s.owner, j)
		}
		if j.Open() == 0 {
			return s.completeJob(ctx, j, store)
		}
		return s.store.transact(ctx, store)
	})
}

// changeJob changes a job that has not ended.
func (s *Service) changeJob(ctx context.Context, id string, change func(*Job) error) (*Job, error) {
	s.changes.Lock()
	defer s.changes.Unlock()
	j, err := s.GetJob(ctx, id)
	if err != nil {
		return nil, err
	}
	if j.State == JobCanceled || j.State == JobCompleted {
		return nil, wa.NewError(wa.ReasonConflict, "the job has ended (%s)", j.State)
	}
	if err := change(j); err != nil {
		return nil, wa.StorageError("change the job", err)
	}
	s.conn.SignalAutomation("JobProgress", j.eventFields())
	s.Wake()
	return j, nil
}
