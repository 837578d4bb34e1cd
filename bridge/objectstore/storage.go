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

// Storage is the object storages of all sessions. Its methods may be called from any goroutine.
type Storage struct {
	cfg    Config
	store  *store
	opened time.Time
	turn   chan struct{} // holds one while somebody changes settings

	slots    chan struct{} // one for each upload under way
	suspects chan struct{} // and of those, one for each to a storage that failed last

	mu       sync.Mutex
	files    Files                // nil before Start
	global   *Settings            // the operator's; never changed, only replaced
	settings map[string]*Settings // by session; never changed, only replaced
	lanes    map[string]*lane
	waiting  map[string]int       // files by lane
	standing map[string]*Standing // by session, "" = the operator's

	retention retention
	ctx       context.Context
	stop      context.CancelFunc
	running   sync.WaitGroup
}

// Standing is how a storage fared since the server started.
type Standing struct {
	Waiting     int // files
	Stored      int // files
	LastStored  time.Time
	LastError   *Error // of the last attempt; nil = it did not fail
	LastErrorAt time.Time
}

// Open brings the tables up to date and reads the settings. Nothing is stored before Start.
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
		cfg: cfg, store: &store{owned, vault}, opened: cfg.Now(), turn: make(chan struct{}, 1), slots: make(chan struct{}, cfg.Uploads),
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

// Start begins to store files, and to remove old ones.
func (s *Storage) Start(files Files) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = files
	for name := range s.waiting {
		s.wakeLane(name)
	}
	s.running.Go(s.retain)
}

// Close ends what is under way; it is taken up by the next Start.
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

// Settings of a session's own storage; what is not set has its default.
func (s *Storage) Settings(session string) Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own := s.settings[session]; own != nil {
		return *own
	}
	return Settings{Delivery: DeliveryBoth}
}

// Standing tells how a session's own storage fares.
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

// GlobalStanding tells how the operator's storage fares.
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

// Global are the settings of the operator's storage.
func (s *Storage) Global() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.global
}

// CheckGlobal tells what SetGlobal would refuse: refusal.Problems or nil.
func (s *Storage) CheckGlobal(settings Settings) error {
	_, err := settings.operators()
	return err
}

// SetGlobal changes the operator's storage for files that are stored from then on, those that wait included. An upload
// under way ends where it began. Objects in another storage, or bucket, than before stay there, whatever the retention.
// The error is refusal.Problems; then nothing has changed.
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
		known.LastError = nil // it is about another storage, or other keys
	}
	for n := range globalLanes {
		s.wakeLane(globalLaneName(n))
	}
	return nil
}

// Check tells what Update would refuse for a session without settings: refusal.Problems or nil.
func (s *Storage) Check(ctx context.Context, c *Change) error {
	settings := Settings{Delivery: DeliveryBoth}
	c.apply(&settings)
	return s.check(ctx, &settings)
}

// Update changes a session's settings and returns them. They hold for files that are stored from then on, those that wait
// included.
func (s *Storage) Update(ctx context.Context, session string, c *Change) (Settings, error) {
	// Before the turn, because it may take as long as a look-up of the endpoint's host: nobody must wait for it but the caller.
	settings := s.Settings(session)
	c.apply(&settings)
	if err := s.check(ctx, &settings); err != nil {
		return Settings{}, err
	}
	if err := s.enter(ctx); err != nil {
		return Settings{}, err
	}
	defer s.leave()
	settings = s.Settings(session) // another change may have come first; its endpoint was checked as well
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

// Delete removes a session's settings; false when there were none. Objects stay; files that wait are told of in events
// without one.
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

// DropSession forgets a session that is deleted. With purge its objects are deleted in the background, else they stay.
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

// Test tries a session's stored settings: a small object is written and deleted. The error is an *Error.
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

// target returns the settings of a place; nil when there is nothing to store to.
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

// note remembers how the last attempt went; nil = well.
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
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("s3: waiting to write: %w", ctx.Err())
	case <-s.ctx.Done():
		return ErrClosed
	}
}

func (s *Storage) leave() { <-s.turn }

// globalLane begins the names of the lanes to the operator's storage.
const globalLane = "g:"

// laneOf names the lane of a session's files: one for its own storage, one of a few for the operator's.
func laneOf(place Place, session string) string {
	if place == PlaceSession {
		return "s:" + session
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(session)) // never fails
	return globalLaneName(int(sum.Sum32() % globalLanes))
}

func globalLaneName(n int) string { return fmt.Sprintf("%s%d", globalLane, n) }

// randomName cannot be guessed: objects may be public.
func randomName() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
