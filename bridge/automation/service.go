package automation

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/wa"
)

// Conn has the methods of a session that automation uses.
type Conn interface {
	// Context ends when the bridge is closed.
	Context() context.Context
	// Spawn runs fn in a goroutine that the end of the process waits for; it returns false if the end has begun.
	Spawn(fn func()) bool
	// Enter registers work that stores data of the session.
	Enter() (leave func(), err error)
	// ConnectedSince returns the time of the last login; zero = not connected.
	ConnectedSince() time.Time
	// MakeSticker converts the file of a stored message to a sticker, keeps it, and returns its media id. edit changes the picture
	// first; nil = not. Videos longer than seconds are refused.
	MakeSticker(ctx context.Context, chat, messageID string, seconds int, edit func(ctx context.Context, picture []byte) ([]byte, error)) (mediaID string, err error)
	// SetOnline keeps the presence of the open connection available.
	SetOnline()
}

// Sender sends answers.
type Sender interface {
	// Send stores an answer to be sent once, and returns at once. An answer whose id is stored already is not stored again.
	Send(ctx context.Context, a *Answer) error
	// MessageID returns the id of the message as which the answer with an id is sent.
	MessageID(answer string) string
}

// Answer is a message to be sent.
type Answer struct {
	ID      string
	To      string
	Content message.Content
	ReplyTo *outbound.ReplyTo
	DueAt   time.Time
}

// Config has the limits of all sessions. A zero field has its default.
type Config struct {
	// MaxRules bounds the rules of a session. Default 100.
	MaxRules int
	// ChatAnswers and SessionAnswers bound the answers in a chat and of a session within an hour. Defaults 20 and 200.
	ChatAnswers, SessionAnswers int
	// Background removes backgrounds of pictures; nil = the server has no such service.
	Background *Background
}

// WithDefaults returns the configuration with defaults in its zero fields.
func (c Config) WithDefaults() Config {
	for _, f := range []struct {
		field *int
		value int
	}{{&c.MaxRules, 100}, {&c.ChatAnswers, 20}, {&c.SessionAnswers, 200}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return c
}

// Service is the automation of one session. Its methods return *wa.Error.
type Service struct {
	conn    Conn
	sender  Sender
	session string // id
	owner   string // key of the session's data
	store   *Store
	cfg     *Config
	log     func() *slog.Logger

	changes sync.Mutex             // held while settings or rules are read or changed
	known   atomic.Pointer[config] // nil = not read

	mu        sync.Mutex
	running   bool // the worker runs
	again     bool // the worker must look again
	stopped   bool
	cleanedAt time.Time // of forgetAnswers; used by the worker
}

// config has the stored settings and rules of a session, ready for use. It is not changed.
type config struct {
	AssistantSettings
	stored bool // settings have been set
	rules  []*Rule
}

// NewService returns the automation of a session. cfg is shared by all sessions and has no zero fields except Background.
func NewService(conn Conn, sender Sender, session, owner string, store *Store, cfg *Config, log func() *slog.Logger) *Service {
	return &Service{conn: conn, sender: sender, session: session, owner: owner, store: store, cfg: cfg, log: log}
}

// current returns the settings and rules, which are read once.
func (s *Service) current(ctx context.Context) (*config, error) {
	if known := s.known.Load(); known != nil {
		return known, nil
	}
	s.changes.Lock()
	defer s.changes.Unlock()
	return s.loadConfig(ctx)
}

// loadConfig is current while s.changes is held.
func (s *Service) loadConfig(ctx context.Context) (*config, error) {
	if known := s.known.Load(); known != nil {
		return known, nil
	}
	c := &config{}
	var err error
	if c.AssistantSettings, c.stored, err = s.store.readSettings(ctx, s.owner); err != nil {
		return nil, wa.StorageError("read the settings of the assistant", err)
	}
	if c.rules, err = s.store.listRules(ctx, s.owner); err != nil {
		return nil, wa.StorageError("read the auto-replies", err)
	}
	for _, rule := range c.rules {
		rule.Session = s.session
		if err := rule.compile(); err != nil {
			s.log().Error("an auto-reply cannot be used", "auto_reply_id", rule.ID, "error", err)
			rule.Match = MatchExact
		}
	}
	s.known.Store(c)
	return c, nil
}

// changeConfig runs fn with the stored state; which is read again afterwards.
func (s *Service) changeConfig(ctx context.Context, fn func(c *config) error) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	c, err := s.loadConfig(ctx)
	if err != nil {
		return err
	}
	defer func() {
		s.known.Store(nil)
		_, _ = s.loadConfig(ctx) // so that the next message need not; read then after an error
	}()
	return fn(c)
}

// Settings returns the settings, with the secret masked.
func (s *Service) Settings(ctx context.Context) (AssistantSettings, error) {
	c, err := s.current(ctx)
	if err != nil {
		return AssistantSettings{}, err
	}
	return c.withoutSecret(), nil
}

// UpdateSettings changes settings and returns all of them. Errors name the field.
func (s *Service) UpdateSettings(ctx context.Context, p *Patch) (AssistantSettings, error) {
	err := s.changeConfig(ctx, func(c *config) error {
		changed, err := c.apply(p)
		if err != nil {
			return err
		}
		if err := s.store.putSettings(ctx, s.owner, changed, time.Now()); err != nil {
			return wa.StorageError("store the settings of the assistant", err)
		}
		return nil
	})
	if err != nil {
		return AssistantSettings{}, err
	}
	if s.KeepsOnline(ctx) {
		s.conn.SetOnline()
	}
	return s.Settings(ctx)
}

// Rules returns the auto-reply rules, oldest first: the first that matches answers.
func (s *Service) Rules(ctx context.Context) ([]*Rule, error) {
	c, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	return append([]*Rule{}, c.rules...), nil
}

// CreateRule adds a rule. Errors name the field.
func (s *Service) CreateRule(ctx context.Context, p *RulePatch) (*Rule, error) {
	rule := &Rule{ID: ulid.Make().String(), Session: s.session, Match: MatchExact, ChatType: ChatsAll, CreatedAt: time.Now().UTC().Truncate(time.Millisecond)}
	if err := rule.apply(p); err != nil {
		return nil, err
	}
	return rule, s.changeConfig(ctx, func(c *config) error {
		if len(c.rules) >= s.cfg.MaxRules {
			return wa.NewError(wa.ReasonConflict, "there are %d auto-replies already, the most of a session", len(c.rules))
		}
		return s.putRule(ctx, rule)
	})
}

func (s *Service) putRule(ctx context.Context, rule *Rule) error {
	if err := s.store.putRule(ctx, s.owner, rule); err != nil {
		return wa.StorageError("store the auto-reply", err)
	}
	return nil
}

func noRule() error {
	return &wa.Error{Reason: wa.ReasonNotFound, Field: "auto_reply_id", Message: "there is no such auto-reply"}
}

// UpdateRule changes a rule. Errors name the field.
func (s *Service) UpdateRule(ctx context.Context, id string, p *RulePatch) (*Rule, error) {
	if err := (&Rule{Keyword: "any", Match: MatchExact}).apply(p); err != nil { // the shape, before the rule is looked up
		return nil, err
	}
	var changed *Rule
	err := s.changeConfig(ctx, func(c *config) error {
		for _, rule := range c.rules {
			if rule.ID == id {
				next := *rule
				changed = &next
			}
		}
		if changed == nil {
			return noRule()
		}
		if err := changed.apply(p); err != nil {
			return err
		}
		return s.putRule(ctx, changed)
	})
	if err != nil {
		return nil, err
	}
	return changed, nil
}

// DeleteRule deletes a rule.
func (s *Service) DeleteRule(ctx context.Context, id string) error {
	if id == "" { // all, for the store
		return noRule()
	}
	return s.changeConfig(ctx, func(*config) error {
		deleted, err := s.store.deleteRules(ctx, s.owner, id)
		switch {
		case err != nil:
			return wa.StorageError("delete the auto-reply", err)
		case deleted == 0:
			return noRule()
		}
		return nil
	})
}

// DeleteRules deletes all rules and returns their number.
func (s *Service) DeleteRules(ctx context.Context) (deleted int, err error) {
	err = s.changeConfig(ctx, func(*config) error {
		if deleted, err = s.store.deleteRules(ctx, s.owner, ""); err != nil {
			return wa.StorageError("delete the auto-replies", err)
		}
		return nil
	})
	return deleted, err
}

// Reads reports whether incoming messages are marked as read. It uses the settings in memory alone: KeepsOnline, called after a login,
// loads it.
func (s *Service) Reads() bool {
	c := s.known.Load()
	return c != nil && c.stored && c.Enabled && c.AutoRead
}

// KeepsOnline reports whether the presence stays available.
func (s *Service) KeepsOnline(ctx context.Context) bool {
	c, err := s.current(ctx)
	return err == nil && c.stored && c.Enabled && c.AlwaysOnline
}
