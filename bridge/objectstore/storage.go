package objectstore

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Storage manages the object storages of all sessions. Its methods may be called from any goroutine.
type Storage struct {
	cfg          Config
	store        *store
	opened       time.Time
	settingsLock chan struct{} // contains one token during a change of settings

	slots    chan struct{} // one for each upload in progress
	suspects chan struct{} // one for each upload in progress to a storage whose last attempt failed

	mu       sync.Mutex
	files    Files                // nil before Start
	global   *Settings            // of the operator; immutable, replaced on change
	settings map[string]*Settings // by session; immutable, replaced on change
	lanes    map[string]*lane
	waiting  map[string]int       // number of pending files by lane
	standing map[string]*Standing // by session, "" = the operator's

	retention retention
	ctx       context.Context
	stop      context.CancelFunc
	running   sync.WaitGroup
}

// Standing is the health of a storage since the server started.
type Standing struct {
	Waiting     int // files
	Stored      int // files
	LastStored  time.Time
	LastError   *Error // error of the last attempt; nil = it succeeded
	LastErrorAt time.Time
}

// Open migrates the tables and reads the settings. No file is stored before Start.
func Open(ctx context.Context, db *dbutil.Database, cfg Config) (*Storage, error) {
	cfg = cfg.withDefaults()
	vault, err := newSealer(cfg.Key, cfg.PreviousKeys)
	if err != nil {
		return nil, err
	}
	global, err := cfg.Global.operators()
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	owned, err := database.Migrate(ctx, db, "s3", files)
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	if err = vault.vault.Reseal(ctx, owned, sealedColumns()...); err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	s := &Storage{
		cfg: cfg, store: &store{owned, vault}, opened: cfg.Now(), settingsLock: make(chan struct{}, 1), slots: make(chan struct{}, cfg.Uploads),
		suspects: make(chan struct{}, max(1, cfg.Uploads/2)), global: global, settings: map[string]*Settings{}, lanes: map[string]*lane{},
		standing: map[string]*Standing{}, retention: retention{trigger: make(chan struct{}, 1)},
	}
	all, err := s.store.allSettings(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		s.settings[one.session] = &one.Settings
	}
	if s.waiting, err = s.store.waiting(ctx); err != nil {
		return nil, err
	}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	return s, nil
}

// Start starts storing files and deleting expired ones.
func (s *Storage) Start(files Files) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = files
	for name := range s.waiting {
		s.wakeLane(name)
	}
	s.running.Go(s.retain)
}

// Close aborts uploads in progress; the next Start resumes them.
func (s *Storage) Close(ctx context.Context) error {
	s.stop()
	done := make(chan struct{})
	go func() { s.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("s3: close: %w", ctx.Err())
	}
}

// Settings returns the settings of a session's own storage; missing settings have their defaults.
func (s *Storage) Settings(session string) Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own := s.settings[session]; own != nil {
		return *own
	}
	return Settings{Delivery: DeliveryBoth}
}

// Standing returns the health of a session's own storage.
func (s *Storage) Standing(session string) Standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out Standing
	if known := s.standing[session]; known != nil {
		out = *known
	}
	out.Waiting = s.waiting[laneOf(PlaceSession, session)]
	return out
}

// GlobalStanding returns the health of the operator's storage.
func (s *Storage) GlobalStanding() Standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out Standing
	if known := s.standing[""]; known != nil {
		out = *known
	}
	for name, n := range s.waiting {
		if strings.HasPrefix(name, globalLane) {
			out.Waiting += n
		}
	}
	return out
}

// Global returns the settings of the operator's storage.
func (s *Storage) Global() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.global
}

// CheckGlobal returns the error that SetGlobal would return: refusal.Problems or nil.
func (s *Storage) CheckGlobal(settings Settings) error {
	_, err := settings.operators()
	return err
}

// SetGlobal changes the operator's storage for files that are stored from now on, including pending ones. An upload in
// progress ends in the previous storage. Objects in a previous storage or bucket stay there, regardless of retention.
// The error is refusal.Problems; nothing has changed then.
func (s *Storage) SetGlobal(settings Settings) error {
	next, err := settings.operators()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.global
	s.global = next
	if known := s.standing[""]; known != nil && *before != *next {
		known.LastError = nil // the error is about another storage or other keys
	}
	for n := range globalLanes {
		s.wakeLane(globalLaneName(n))
	}
	return nil
}

// Check returns the error that Update would return for a session without settings: refusal.Problems or nil.
func (s *Storage) Check(ctx context.Context, c *Change) error {
	settings := Settings{Delivery: DeliveryBoth}
	c.apply(&settings)
	return s.check(ctx, &settings)
}

// CheckUpdate validates a change of a session's settings as Update does, without making it.
func (s *Storage) CheckUpdate(ctx context.Context, session string, c *Change) error {
	settings := s.Settings(session)
	c.apply(&settings)
	return s.check(ctx, &settings)
}

// Update changes a session's settings and returns them. They apply to files that are stored from now on, including
// pending ones.
func (s *Storage) Update(ctx context.Context, session string, c *Change) (Settings, error) {
	// The check runs before the lock is acquired, because it may include a look-up of the endpoint's host: only the
	// caller may wait for that.
	if err := s.CheckUpdate(ctx, session, c); err != nil {
		return Settings{}, err
	}
	if err := s.enter(ctx); err != nil {
		return Settings{}, err
	}
	defer s.leave()
	settings := s.Settings(session) // another change may have been first; its endpoint was checked as well
	c.apply(&settings)
	if err := settings.Check(); err != nil {
		return Settings{}, err
	}
	settings.Updated = s.cfg.Now().UTC().Truncate(time.Millisecond)
	if err := s.store.putSettings(ctx, session, &settings); err != nil {
		return Settings{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings[session] = &settings
	s.wakeLane(laneOf(PlaceSession, session))
	return settings, nil
}

// Delete removes a session's settings. It returns false if there were none. Objects stay; pending files are reported in
// events without an address.
func (s *Storage) Delete(ctx context.Context, session string) (bool, error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.leave()
	found, err := s.store.dropSettings(ctx, session)
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.settings, session)
	delete(s.standing, session)
	s.wakeLane(laneOf(PlaceSession, session))
	return found, nil
}

// DropSession removes a deleted session. With purge its objects are deleted in the background, otherwise they stay.
func (s *Storage) DropSession(ctx context.Context, session string, purge bool) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	s.mu.Lock()
	own := s.settings[session]
	s.mu.Unlock()
	if err := s.store.dropSession(ctx, session, own, purge, s.cfg.Now()); err != nil {
		return err
	}
	counts, err := s.store.waiting(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.settings, session)
	delete(s.standing, session)
	s.waiting = counts
	s.mu.Unlock()
	if purge {
		s.RunRetention()
	}
	return nil
}

// Test writes and deletes a small object with a session's stored settings. The error is an *Error.
func (s *Storage) Test(ctx context.Context, session string) error {
	s.mu.Lock()
	settings := s.settings[session]
	s.mu.Unlock()
	if settings == nil || !settings.Enabled {
		return &Error{Reason: ReasonDisabled, Field: "enabled", Message: "the session has no storage that is enabled"}
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.TestTimeout)
	defer cancel()
	c, err := s.client(PlaceSession, settings)
	if err == nil {
		err = c.try(ctx, session+"/test-"+randomName()+".txt")
	}
	if err == nil {
		return nil
	}
	problem := explain(err)
	s.note(session, problem)
	return problem
}

func (s *Storage) client(place Place, settings *Settings) (*client, error) {
	return newClient(settings, s.transport(place))
}

func (s *Storage) transport(place Place) http.RoundTripper {
	if place == PlaceGlobal {
		return s.cfg.Open
	}
	return s.cfg.Guarded
}

// target returns the settings of a place; nil if the place has no enabled storage.
func (s *Storage) target(place Place, session string) *Settings {
	s.mu.Lock()
	settings := s.global
	if place == PlaceSession {
		settings = s.settings[session]
	}
	s.mu.Unlock()
	if settings == nil || !settings.Enabled {
		return nil
	}
	return settings
}

// note records the result of the last attempt; nil = success.
func (s *Storage) note(session string, problem *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.standing[session]
	if known == nil {
		known = &Standing{}
		s.standing[session] = known
	}
	known.LastError = problem
	if problem != nil {
		known.LastErrorAt = s.cfg.Now().UTC()
		return
	}
	known.Stored++
	known.LastStored = s.cfg.Now().UTC()
}

func (s *Storage) enter(ctx context.Context) error {
	select {
	case s.settingsLock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("s3: waiting to write: %w", ctx.Err())
	case <-s.ctx.Done():
		return ErrClosed
	}
}

func (s *Storage) leave() { <-s.settingsLock }

// globalLane is the prefix of the names of the operator's lanes.
const globalLane = "g:"

// laneOf returns the name of a session's lane: one for its own storage, one of a few for the operator's.
func laneOf(place Place, session string) string {
	if place == PlaceSession {
		return "s:" + session
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(session)) // never fails
	return globalLaneName(int(sum.Sum32() % globalLanes))
}

func globalLaneName(n int) string { return fmt.Sprintf("%s%d", globalLane, n) }

// randomName returns a name that cannot be guessed, because objects may be public.
func randomName() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
