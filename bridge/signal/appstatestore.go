package signal

import (
	"context"
	"errors"
	"sync"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/store"

	"github.com/waystation/waystation/transports/kit/database"
)

// AppStateStore makes one step of a collection one step of the database.
//
// whatsmeow stores a decoded patch in three writes: the new version with its
// hash, the entries that went, the entries that came. A patch encoded between
// them, on top of the new version but with the old entries, carries a hash that
// matches nothing. WhatsApp cannot check that and takes it, and from then on no
// device of the account can read the collection. A process killed between them
// ends up the same way. So the first two writes are held back and go out with
// the third, in one transaction; readers see the step before or after it.
//
// Reads of collections that whatsmeow starts by itself are refused and left to the session, see appStateReader.
type AppStateStore struct {
	store.AppStateStore
	db      *dbutil.Database
	refused func(collection string) // called for a read that was refused

	mu   sync.Mutex
	held map[string]*heldStep // by collection; whatsmeow decodes one patch of a client at a time
}

type heldStep struct {
	version uint64
	hash    [128]byte
	gone    [][]byte // index MACs
}

type appStateKey struct{}

// ReadingAppState marks the context of reads and writes of app state that the session does itself.
func ReadingAppState(ctx context.Context) context.Context {
	return context.WithValue(ctx, appStateKey{}, true)
}

func isReadingAppState(ctx context.Context) bool { return ctx.Value(appStateKey{}) != nil }

// errReadBySession refuses a read that whatsmeow started.
var errReadBySession = errors.New("bridge: the session reads the app state itself")

var _ store.AppStateStore = (*AppStateStore)(nil)

// NewAppStateStore wraps inner. refused is called with the collection of each read that whatsmeow began by itself.
func NewAppStateStore(db *dbutil.Database, inner store.AppStateStore, refused func(string)) *AppStateStore {
	return &AppStateStore{AppStateStore: inner, db: db, refused: refused, held: make(map[string]*heldStep)}
}

// GetAppStateVersion is the first step of every read and write of a collection. It fails with errReadBySession when the session did not start it.
func (s *AppStateStore) GetAppStateVersion(ctx context.Context, name string) (uint64, [128]byte, error) {
	if !isReadingAppState(ctx) {
		s.refused(name)
		return 0, [128]byte{}, errReadBySession
	}
	return s.AppStateStore.GetAppStateVersion(ctx, name)
}

// PutAppStateVersion begins a step; an earlier unfinished step is dropped.
func (s *AppStateStore) PutAppStateVersion(_ context.Context, name string, version uint64, hash [128]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[name] = &heldStep{version: version, hash: hash}
	return nil
}

// DeleteAppStateMutationMACs adds to a step that has begun.
func (s *AppStateStore) DeleteAppStateMutationMACs(ctx context.Context, name string, indexMACs [][]byte) error {
	s.mu.Lock()
	step := s.held[name]
	if step != nil {
		step.gone = append(step.gone, indexMACs...)
	}
	s.mu.Unlock()
	if step != nil {
		return nil
	}
	return s.AppStateStore.DeleteAppStateMutationMACs(ctx, name, indexMACs)
}

// PutAppStateMutationMACs ends a step and stores all of it.
func (s *AppStateStore) PutAppStateMutationMACs(ctx context.Context, name string, version uint64, mutations []store.AppStateMutationMAC) error {
	s.mu.Lock()
	step := s.held[name]
	delete(s.held, name)
	s.mu.Unlock()
	if step == nil || step.version != version {
		return s.AppStateStore.PutAppStateMutationMACs(ctx, name, version, mutations)
	}
	return database.Transact(ctx, s.db, func(ctx context.Context) error {
		if err := s.AppStateStore.PutAppStateVersion(ctx, name, version, step.hash); err != nil {
			return err
		}
		if err := s.AppStateStore.DeleteAppStateMutationMACs(ctx, name, step.gone); err != nil {
			return err
		}
		return s.AppStateStore.PutAppStateMutationMACs(ctx, name, version, mutations)
	})
}
