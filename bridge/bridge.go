package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/store/sqlstore/upgrades"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/waystation/waystation/bridge/automation"
	"github.com/waystation/waystation/bridge/directory"
	"github.com/waystation/waystation/bridge/inbound"
	"github.com/waystation/waystation/bridge/inbound/history"
	"github.com/waystation/waystation/bridge/inbound/projection"
	"github.com/waystation/waystation/bridge/labels"
	"github.com/waystation/waystation/bridge/logmask"
	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/outbox"
	"github.com/waystation/waystation/bridge/people"
	"github.com/waystation/waystation/bridge/proxy"
	"github.com/waystation/waystation/bridge/sessionconfig"
	"github.com/waystation/waystation/bridge/signal"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/guard"
	"github.com/waystation/waystation/transports/kit/vault"
)

// Journal has the methods of the journal that the bridge uses. Append returns after the commit is durable; Signal may
// drop.
type Journal interface {
	Append(ctx context.Context, session string, records ...journal.Record) ([]journal.Result, error)
	Signal(s journal.Signal)
	Purge(ctx context.Context, session string) error
}

// Options are the parameters of Open.
type Options struct {
	DB      *dbutil.Database
	Journal Journal
	// Attach prepares each whatsmeow client before it connects; the sandbox sets
	// its HTTP clients here. nil = the real WhatsApp.
	Attach func(*whatsmeow.Client)
	// Simulation is the host:port of the simulation that Attach points clients at. Sessions with a proxy connect to it
	// through the proxy. "" = sessions with a proxy cannot reach a simulation.
	Simulation string
	Log        *slog.Logger // nil = slog.Default()
	// Media bounds the file store. Outbound is the guard for addresses that callers supply (nil = public addresses
	// only).
	Media    media.Config
	Outbound *guard.Guard
	// Storage stores the files of messages outside of this server; nil = no object storage.
	Storage MediaStorage
	// HTTP is the client that looks up WhatsApp's newest client version; nil = a plain client.
	HTTP   *http.Client
	Config Config
	// ObserveAck is called with the time from passing a message to whatsmeow until WhatsApp's acknowledgement,
	// including encryption and excluding uploads; nil = not observed.
	ObserveAck func(took time.Duration)
	// Outlets receive the events of all sessions except those that stay out (Settings.SkipGlobal); nil = no outlets.
	Outlets Outlets
	// Key encrypts the addresses of proxies in the database: 32 bytes that survive a restart. PreviousKeys decrypt
	// values that were sealed before the key was replaced; Open seals those values again with Key.
	Key          []byte
	PreviousKeys [][]byte
	// Forget deletes data that other packages store under the key of a deleted session (Session.Owner); nil = there is
	// no such data. It may be called again for a session whose deletion was interrupted.
	Forget func(ctx context.Context, owner string) error
}

// Bridge owns all sessions of this process. Its methods may be called from any
// goroutine.
type Bridge struct {
	cfg        Config
	db         *dbutil.Database
	journal    Journal
	attach     func(*whatsmeow.Client)
	proxies    proxy.Network
	log        *slog.Logger
	http       *http.Client
	observeAck func(took time.Duration) // Options.ObserveAck
	store      sessionStore
	outlets    Outlets
	devices    *sqlstore.Container
	keys       *people.Keys
	elsewhere  func(ctx context.Context, owner string) error // Options.Forget
	lids       *people.LIDs
	probe      *storeProbe

	messages   *messages.Store
	files      *media.Library
	projection *projection.Writer
	inbound    *inbound.Shared
	history    *history.Shared
	storage    MediaStorage       // nil = none
	endSweep   context.CancelFunc // stops the removal of expired files

	people *directory.Store // groups and phone number pairs seen by each session
	labels *labels.Store
	outbox *outbox.Store

	automation *automation.Store

	gate   gate            // counts all goroutines and event handlers of the bridge
	ctx    context.Context // ends when Close has finished waiting or the context of Close ends
	cancel context.CancelFunc
	slots  *semaphore.Weighted // limits concurrent dials and logins

	mu       sync.RWMutex
	sessions map[string]*Session
}

// Open migrates the tables and loads the stored sessions. No session connects before Start.
func Open(ctx context.Context, opts Options) (*Bridge, error) {
	if opts.DB == nil || opts.Journal == nil {
		return nil, errors.New("bridge: a database and a journal are needed")
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	opts.Log = logmask.NewLog(opts.Log)
	signal.SilenceSignalLibrary(opts.Log)
	db, err := database.Migrate(ctx, opts.DB, "bridge", migrations())
	if err != nil {
		return nil, fmt.Errorf("bridge: migrate: %w", err)
	}
	if opts.Outbound == nil {
		if opts.Outbound, err = guard.New(guard.Config{}); err != nil {
			return nil, fmt.Errorf("bridge: %w", err)
		}
	}
	devices := sqlstore.NewWithWrappedDB(opts.DB.Child("whatsmeow_version", upgrades.Table, nil), logmask.ForClient(opts.Log, nil))
	if err = devices.Upgrade(ctx); err != nil {
		return nil, fmt.Errorf("bridge: upgrade whatsmeow tables: %w", err)
	}
	sealed, err := vault.New(opts.Key, opts.PreviousKeys...)
	if err == nil {
		err = sealed.Reseal(ctx, db, proxyColumn)
	}
	if err != nil {
		return nil, fmt.Errorf("bridge: %w", err)
	}
	cfg := opts.Config.withDefaults()
	b := &Bridge{
		cfg: cfg, db: db, journal: opts.Journal, attach: opts.Attach, proxies: proxy.Network{Guard: opts.Outbound, Simulated: opts.Attach != nil, Simulation: opts.Simulation}, log: opts.Log, http: opts.HTTP, observeAck: opts.ObserveAck, storage: opts.Storage, elsewhere: opts.Forget,
		store: sessionStore{db: db, vault: sealed}, devices: devices, keys: people.NewKeys(db), lids: people.NewLIDs(db),
		probe:    &storeProbe{db: db, keep: cfg.StoreProbe / 2},
		slots:    semaphore.NewWeighted(int64(cfg.ConnectConcurrency)),
		sessions: make(map[string]*Session),
	}
	if b.outlets = opts.Outlets; b.outlets == nil {
		b.outlets = noOutlets{}
	}
	b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if b.people, err = directory.Open(ctx, opts.DB); err != nil {
		b.cancel()
		return nil, fmt.Errorf("bridge: %w", err)
	}
	if b.labels, err = labels.Open(ctx, opts.DB, labels.Limits{Labels: b.cfg.MaxLabels, Uses: b.cfg.MaxLabelUses}); err != nil {
		b.cancel()
		return nil, fmt.Errorf("bridge: %w", err)
	}
	if b.outbox, err = outbox.Open(ctx, opts.DB); err != nil {
		b.cancel()
		return nil, fmt.Errorf("bridge: %w", err)
	}
	if b.automation, err = automation.Open(ctx, opts.DB, sealed); err != nil {
		b.cancel()
		return nil, fmt.Errorf("bridge: %w", err)
	}
	if err = b.openMessages(ctx, opts); err != nil {
		b.cancel()
		return nil, err
	}
	if err = b.wipeDeleted(ctx); err != nil {
		b.cancel()
		return nil, fmt.Errorf("bridge: go on with deletions: %w", err)
	}
	if err = b.load(ctx); err != nil {
		b.cancel()
		return nil, fmt.Errorf("bridge: load sessions: %w", err)
	}
	return b, nil
}

func (b *Bridge) load(ctx context.Context) error {
	rows, err := b.store.all(ctx)
	if err != nil {
		return err
	}
	quarantines, err := b.store.quarantines(ctx, "")
	if err != nil {
		return err
	}
	held := make(map[string]quarantined)
	for _, q := range quarantines {
		held[q.Session] = q
	}
	bindings, err := b.store.bindings(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		b.sessions[row.ID] = newSession(b, row, held[row.ID])
		b.sessions[row.ID].bound = bindings[row.ID]
	}
	return nil
}

// Start connects every session that was connected when the previous process ended, at most Config.ConnectConcurrency at
// a time. It returns immediately.
func (b *Bridge) Start(context.Context) error {
	b.spawn(b.wakeAutomation)
	started := b.spawn(func() {
		b.wakeOutboxes()
		for _, s := range b.Sessions() {
			if !s.wantsConnection() {
				continue
			}
			// The slot is acquired here, so that thousands of sessions do not each wait in a goroutine.
			if b.slots.Acquire(b.ctx, 1) != nil {
				return
			}
			if !s.resumeStored() {
				b.slots.Release(1)
			}
		}
	})
	if !started {
		return wa.NewError(wa.ReasonUnavailable, "the bridge is closed")
	}
	return nil
}

// closeConcurrency is the number of sessions that end concurrently: enough for their last events to share commits.
const closeConcurrency = 64

// Close disconnects all sessions, waits for pending writes and returns. The stored wish to be connected stays, so that
// the next Start connects the sessions again. If ctx ends first, the remaining work is cancelled.
func (b *Bridge) Close(ctx context.Context) error {
	b.gate.close()
	stop := context.AfterFunc(ctx, b.cancel)
	var ending errgroup.Group
	ending.SetLimit(closeConcurrency)
	for _, s := range b.Sessions() {
		ending.Go(func() error { s.shutDown(); return nil })
	}
	_ = ending.Wait()
	defer stop()
	b.endSweep()
	b.gate.wait()
	b.cancel()
	return b.files.Close()
}

// openMessages opens the message store and the file store.
func (b *Bridge) openMessages(ctx context.Context, opts Options) (err error) {
	if b.messages, err = messages.Open(ctx, opts.DB); err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	if b.files, err = media.New(ctx, opts.DB, opts.Outbound, opts.Media); err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	b.projection = projection.NewWriter(b.messages, b.files)
	b.inbound = &inbound.Shared{
		Journal: b.journal, Keys: b.keys, Directory: b.people, Messages: b.messages, Projection: b.projection, Storage: b.storage,
		SkipMedia: b.cfg.SkipMedia, DataLimit: b.cfg.EventDataLimit, KeepAliveLimit: b.cfg.KeepAliveLimit,
	}
	b.history = &history.Shared{
		DB: b.db, Pointers: history.NewPointers(b.db), Requests: history.NewRequests(b.db), Projection: b.projection,
		Workers: semaphore.NewWeighted(int64(b.cfg.HistoryWorkers)), Timeout: b.cfg.PhoneTimeout, MaxRequests: b.cfg.MaxHistoryRequests,
	}
	sweep, stop := context.WithCancel(b.ctx)
	b.endSweep = stop
	b.spawn(func() {
		b.files.Run(sweep, b.log)
	})
	b.spawn(func() {
		b.runExpiry(sweep)
	})
	return nil
}

// CreateParams describes a new session.
type CreateParams struct {
	ID       string // empty = generated; letters, digits, dot, dash, underscore
	Name     string // empty = the id
	Settings sessionconfig.SettingsPatch
	Proxy    proxy.Proxy
	Profile  *sessionconfig.ClientProfile
	Restore  bool // take over the data that the last session of this id has left
}

const (
	maxSessionID   = 64
	maxSessionName = 255 // characters
)

// Create stores a new session. The session has neither a client nor a socket before Connect.
func (b *Bridge) Create(ctx context.Context, p CreateParams) (*Session, error) {
	p.Settings = b.preset(p.Settings)
	row, err := newRow(p)
	if err != nil {
		return nil, err
	}
	if err := b.proxies.CheckProxy(ctx, row.Proxy); err != nil {
		return nil, wa.InField("proxy", err)
	}
	if !b.gate.enter() {
		return nil, wa.NewError(wa.ReasonUnavailable, "the bridge is closed")
	}
	defer b.gate.leave()
	if p.Restore {
		if err = b.restore(ctx, row); err != nil {
			return nil, err
		}
	}
	s := newSession(b, row, quarantined{})
	b.mu.Lock()
	_, exists := b.sessions[row.ID]
	full := len(b.sessions) >= b.cfg.MaxSessions
	if !exists && !full {
		b.sessions[row.ID] = s
	}
	b.mu.Unlock()
	switch {
	case exists:
		return nil, wa.NewError(wa.ReasonConflict, "a session with this id already exists")
	case full:
		return nil, wa.NewError(wa.ReasonTooLarge, "there are %d sessions, the most this server takes", b.cfg.MaxSessions)
	}
	if err = b.outlets.Add(ctx, row.ID, row.Settings.SkipGlobal); err == nil {
		err = b.store.create(ctx, row)
	}
	if err != nil {
		b.forget(row.ID)
		if undo := b.outlets.Remove(context.WithoutCancel(ctx), row.ID); undo != nil {
			b.log.Error("a session that could not be stored is still known to outlets", "session", row.ID, "error", undo)
		}
		return nil, outletError("store the session", err)
	}
	return s, nil
}

// preset adds the defaults of this bridge that differ from sessionconfig.DefaultSettings.
func (b *Bridge) preset(p sessionconfig.SettingsPatch) sessionconfig.SettingsPatch {
	if p.Dialect == nil && b.cfg.Dialect != "" {
		p.Dialect = &b.cfg.Dialect
	}
	return p
}

func newRow(p CreateParams) (*sessionRow, error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	p.Proxy.URL = guard.NormalizeOrKeep(p.Proxy.URL)
	row := &sessionRow{ID: p.ID, Incarnation: newIncarnation(), Name: p.Name, Proxy: p.Proxy, Profile: p.Profile, CreatedAt: now, UpdatedAt: now}
	if row.ID == "" {
		row.ID = strings.ToLower(ulid.Make().String())
	}
	if err := checkSessionID(row.ID); err != nil {
		return nil, err
	}
	if row.Name == "" {
		row.Name = row.ID
	}
	if err := checkSessionName(row.Name); err != nil {
		return nil, err
	}
	var err error
	if row.Settings, err = sessionconfig.DefaultSettings().Apply(p.Settings); err != nil {
		return nil, wa.InField("settings", err)
	}
	if err = p.Proxy.CheckURL(); err != nil {
		return nil, wa.InField("proxy", err)
	}
	if p.Profile != nil {
		err = p.Profile.Check()
	}
	return row, err
}

func checkSessionID(id string) error {
	if len(id) > maxSessionID {
		return wa.BadParam("session_id", "is longer than %d characters", maxSessionID)
	}
	// Ids are part of routes, object names and file names, where "." and ".." have a special meaning.
	if strings.HasPrefix(id, ".") {
		return wa.BadParam("session_id", "must not begin with a dot")
	}
	for _, r := range id {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
		default:
			return wa.BadParam("session_id", "may hold letters, digits, dots, dashes and underscores only")
		}
	}
	return nil
}

func checkSessionName(name string) error {
	if n := len([]rune(name)); n == 0 || n > maxSessionName {
		return wa.BadParam("name", "must have 1 to %d characters", maxSessionName)
	}
	return nil
}

// Session returns a stored session.
func (b *Bridge) Session(id string) (*Session, error) {
	b.mu.RLock()
	s := b.sessions[id]
	b.mu.RUnlock()
	if s == nil {
		return nil, wa.NewError(wa.ReasonNotFound, "there is no such session")
	}
	return s, nil
}

// Sessions returns all stored sessions, oldest first.
func (b *Bridge) Sessions() []*Session {
	b.mu.RLock()
	all := make([]*Session, 0, len(b.sessions))
	for _, s := range b.sessions {
		all = append(all, s)
	}
	b.mu.RUnlock()
	slices.SortFunc(all, func(x, y *Session) int {
		if c := x.createdAt.Compare(y.createdAt); c != 0 {
			return c
		}
		return strings.Compare(x.id, y.id)
	})
	return all
}
