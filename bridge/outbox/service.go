package outbox

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"go.mau.fi/whatsmeow"

	"github.com/waystation/waystation/bridge/governor"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/wa"
)

// Conn has the methods of a session that the outbox uses.
type Conn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
	// Context ends when the bridge is closed.
	Context() context.Context
	// Spawn runs fn in a goroutine that the end of the process waits for; it returns false if the end has begun.
	Spawn(fn func()) bool
	// Enter registers work that stores data of the session.
	Enter() (leave func(), err error)
	// SendStored sends a message under a fixed id.
	SendStored(ctx context.Context, to string, m *Message, messageID string) error
	// EmitAutomation records an event; project writes rows in its transaction. chat is the chat of the event, or empty.
	EmitAutomation(ctx context.Context, name, chat string, data map[string]any, project func(context.Context) error) error
	// SignalAutomation sends a volatile event.
	SignalAutomation(name string, data map[string]any)
	// Reachout returns the account's timelock as last stated by WhatsApp.
	Reachout() outbound.Reachout
	// PairedAt returns when the account was paired.
	PairedAt() time.Time
	// HasWritten reports whether the other side of a chat has written since a time.
	HasWritten(ctx context.Context, chat string, since time.Time) (bool, error)
}

// Config has the limits of all sessions. A zero field has its default, except those of Limits.
type Config struct {
	Limits governor.Limits
	// Zone returns the time zone of quiet hours; nil = that of Limits.
	Zone func() *time.Location
	// ScheduleGrace is the time after its own time within which a schedule is sent after an outage. Default 1 h.
	ScheduleGrace time.Duration
	// RefusalPause is the time without automatic sends after WhatsApp refused one with code 463 without an end. Default 1 h.
	RefusalPause time.Duration
	// MaxSchedules, MaxJobs and MaxRecipients bound the pending schedules of a session, its unfinished jobs, and the recipients of
	// a job. Defaults 1000, 20 and 1000.
	MaxSchedules, MaxJobs, MaxRecipients int
	// MaxReplies bounds the answers of a session that wait to be sent. Default 100.
	MaxReplies int
	// AllowRepeated permits jobs that send one message several times to a chat.
	AllowRepeated bool
	// Keep is the time for which ended entries and jobs are listed. Default 30 days.
	Keep time.Duration
}

// WithDefaults returns the configuration with defaults in its zero fields.
func (c Config) WithDefaults() Config {
	c.ScheduleGrace = cmp.Or(c.ScheduleGrace, time.Hour)
	c.RefusalPause = cmp.Or(c.RefusalPause, time.Hour)
	c.MaxSchedules, c.MaxJobs, c.MaxRecipients = cmp.Or(c.MaxSchedules, 1000), cmp.Or(c.MaxJobs, 20), cmp.Or(c.MaxRecipients, 1000)
	c.MaxReplies = cmp.Or(c.MaxReplies, 100)
	c.Keep = cmp.Or(c.Keep, 30*24*time.Hour)
	return c
}

// limits returns the limits of the governor at present.
func (c *Config) limits() governor.Limits {
	l := c.Limits
	if c.Zone != nil {
		l.Zone = c.Zone()
	}
	return l
}

// replyGrace is the time within which an answer is sent: later ones would surprise the other side.
const replyGrace = 5 * time.Minute

// Service sends the automatic messages of one session. Its methods return *wa.Error.
type Service struct {
	conn  Conn
	owner string // key of the session's data
	store *Store
	cfg   *Config
	log   func() *slog.Logger

	changes sync.Mutex // held while entries and jobs change, except during a send

	mu       sync.Mutex
	running  bool // the worker runs
	again    bool // the worker must look again
	stopped  bool
	timer    *time.Timer // starts the worker
	waiting  Waiting
	governor *governor.Governor // nil = not loaded
}

// Waiting says why the next automatic message is not sent yet.
type Waiting struct {
	Reason string // a Reason of the governor, or another one of this package; empty = nothing waits
	Until  time.Time
}

// The reasons of Waiting besides those of the governor.
const (
	waitsForConnection = "not_connected"
	heldByTimelock     = "reachout_timelock"
	heldByRefusal      = "refused"
)

// NewService returns the service of a session. cfg is shared by all sessions and has no zero fields.
func NewService(conn Conn, owner string, store *Store, cfg *Config, log func() *slog.Logger) *Service {
	return &Service{conn: conn, owner: owner, store: store, cfg: cfg, log: log}
}

// Enqueue stores a message to be sent, with the priority, time and grace of the entry, and returns the id of the entry. It is sent once the
// session is connected and the governor permits it, exactly once, and marked as automatic. An entry whose id is stored already is not stored again. Impossible recipients and content
// are refused; too many waiting messages are refused with ReasonRateLimited.
func (s *Service) Enqueue(ctx context.Context, e Entry) (id string, err error) {
	stored, err := s.newEntry(&e)
	if err != nil {
		return "", err
	}
	most := s.cfg.MaxReplies
	if e.Priority != governor.Reply {
		most = s.cfg.MaxSchedules
	}
	s.changes.Lock()
	defer s.changes.Unlock()
	if e.ID != "" {
		if known, err := s.store.findEntry(ctx, s.owner, e.ID); err != nil || known != nil {
			return e.ID, storageError("look for the message", err)
		}
	}
	open, err := s.store.countOpen(ctx, s.owner, e.Priority)
	if err != nil {
		return "", wa.StorageError("count waiting messages", err)
	}
	if open >= most {
		return "", wa.NewError(wa.ReasonRateLimited, "%d messages wait to be sent, the most of a session", open)
	}
	if err := s.store.insertEntries(ctx, s.owner, stored); err != nil {
		return "", wa.StorageError("store the message", err)
	}
	s.Wake()
	return stored.ID, nil
}

// storageError returns an error of the database, or nil.
func storageError(what string, err error) error {
	if err == nil {
		return nil
	}
	return wa.StorageError(what, err)
}

// newEntry checks an entry.
func (s *Service) newEntry(e *Entry) (*Stored, error) {
	to, err := wa.ParseJID("to", e.To)
	if err != nil {
		return nil, err
	}
	text, err := e.Message.encode()
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	due := e.DueAt
	if due.IsZero() {
		due = now
	}
	stored := &Stored{ID: cmp.Or(e.ID, newID()), Priority: e.Priority, To: to.String(), Message: text, State: StatePending, DueAt: due, CreatedAt: now}
	s.setTimes(stored, e.Grace)
	return stored, nil
}

// setTimes sets the time of the first attempt and of the last one. A time in the past means at once.
func (s *Service) setTimes(e *Stored, grace time.Duration) {
	e.NextAt = e.DueAt
	if now := time.Now(); e.NextAt.Before(now) {
		e.NextAt = now
	}
	if limits := s.cfg.limits(); e.Priority != governor.Reply {
		if end, quiet := limits.Quiet.End(e.NextAt, limits.Zone); quiet {
			e.NextAt = end
		}
	}
	switch {
	case grace > 0:
	case e.Priority == governor.Reply:
		grace = replyGrace
	default:
		grace = s.cfg.ScheduleGrace
	}
	e.ExpireAt = e.NextAt.Add(grace)
}

// Zone returns the time zone of the server's settings.
func (s *Service) Zone() *time.Location {
	return cmp.Or(s.cfg.limits().Zone, time.UTC)
}

// Waiting returns why the next automatic message waits.
func (s *Service) Waiting() Waiting {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting
}

// PermitCall reports whether the governor permits a send by a caller now, as an answer. If it does, the send is recorded;
// otherwise the error has the time of a retry.
func (s *Service) PermitCall(ctx context.Context) error {
	pace, err := s.loadPace(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	at, why, err := s.earliestTime(ctx, pace, now, governor.Reply)
	if err != nil {
		return err
	}
	if at.After(now) {
		return &wa.Error{Reason: wa.ReasonRateLimited, Kind: wa.KindSendGovernor, Message: "the send governor of the session permits no message at present (" + why + ")", RetryAt: at}
	}
	if err := s.store.recordSend(ctx, s.owner, now); err != nil {
		return wa.StorageError("record the send", err)
	}
	pace.Record(now, s.cfg.limits())
	return nil
}
