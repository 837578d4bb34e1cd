package consumer

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Errors of the methods of Store, besides errors of the database and the context.
var (
	// ErrTooMany says that the principal has Config.MaxConsumers names already.
	ErrTooMany = errors.New("consumer: too many names")
	// ErrInUse says that the consumer is open.
	ErrInUse = errors.New("consumer: in use")
	// ErrNotFound says that there is no consumer of that name.
	ErrNotFound = errors.New("consumer: not found")
)

// ID is a named consumer. Names of different principals have nothing to do with each other.
type ID struct{ Principal, Name string }

// Position is a place in a session's log: the last offset that was dealt with.
type Position struct {
	Epoch  string
	Offset uint64
}

// Cursor is the stored cursor of one session.
type Cursor struct {
	Name, Session string
	Position
	Updated time.Time // when it was last moved or used
}

// Store keeps cursors. Its methods may be called concurrently.
type Store struct {
	db   *dbutil.Database
	cfg  Config
	life context.Context // ends with Close
	end  context.CancelFunc
	wg   sync.WaitGroup

	writeLock chan struct{} // contains one element while a call writes, so that rows change in one order
	dirty     chan struct{} // holds one after the first change since the last flush
	full      chan struct{} // holds one when FlushChanges have gathered

	mu      sync.Mutex
	pending map[cursorKey]change
	opened  map[ID]int // how often each consumer is open
}

// Open brings the table up to date and begins to write. End it with Close before the database.
func Open(ctx context.Context, db *dbutil.Database, cfg Config) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("consumer: %w", err)
	}
	owned, err := database.Migrate(ctx, db, "consumer", files)
	if err != nil {
		return nil, fmt.Errorf("consumer: %w", err)
	}
	s := &Store{
		db: owned, cfg: cfg.withDefaults(),
		writeLock: make(chan struct{}, 1), dirty: make(chan struct{}, 1), full: make(chan struct{}, 1),
		pending: make(map[cursorKey]change), opened: make(map[ID]int),
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.wg.Add(2)
	go s.flushLoop()
	go s.sweepLoop()
	return s, nil
}

// Close writes pending changes and ends the store's goroutines.
func (s *Store) Close(ctx context.Context) error {
	s.end()
	s.wg.Wait()
	return s.Flush(ctx)
}

// Acquire writes the pending changes of a consumer, returns its cursors by session and prevents its expiry until Release. A new name has none.
// ErrTooMany: the principal has too many others.
func (s *Store) Acquire(ctx context.Context, id ID) (map[string]Position, error) {
	if err := s.lockWrites(ctx); err != nil {
		return nil, err
	}
	defer s.unlockWrites()
	if err := s.flushOf(ctx, id); err != nil {
		return nil, err
	}
	cursors, err := s.readCursors(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(cursors) == 0 {
		if err := s.admitConsumer(ctx, id); err != nil {
			return nil, err
		}
	}
	positions := make(map[string]Position, len(cursors))
	used := time.Time{}
	for _, c := range cursors {
		positions[c.Session] = c.Position
		if c.Updated.After(used) {
			used = c.Updated
		}
	}
	now := s.cfg.Now()
	if s.cfg.KeepFor > 0 && len(cursors) > 0 && now.Sub(used) > s.cfg.KeepFor/10 { // not each time: a reconnect would be a commit
		if err := s.touchUsed(ctx, id, now); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	s.opened[id]++
	s.mu.Unlock()
	return positions, nil
}

// admitConsumer refuses a new name to a principal that has enough; the caller has the turn.
func (s *Store) admitConsumer(ctx context.Context, id ID) error {
	names, err := s.consumerNames(ctx, id.Principal)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for other := range s.opened {
		if other.Principal == id.Principal {
			names[other.Name] = struct{}{}
		}
	}
	if _, known := names[id.Name]; !known && len(names) >= s.cfg.MaxConsumers {
		return ErrTooMany
	}
	return nil
}

// Release ends an Acquire and writes the pending changes of the consumer. After an error they are still pending.
func (s *Store) Release(ctx context.Context, id ID) error {
	s.mu.Lock()
	if s.opened[id]--; s.opened[id] <= 0 {
		delete(s.opened, id)
	}
	s.mu.Unlock()
	if err := s.lockWrites(ctx); err != nil {
		return err
	}
	defer s.unlockWrites()
	return s.flushOf(ctx, id)
}

// List returns all cursors of a principal by name and session, those of one consumer if name is not empty.
func (s *Store) List(ctx context.Context, principal, name string) ([]Cursor, error) {
	if err := s.Flush(ctx); err != nil {
		return nil, err
	}
	return s.readCursors(ctx, ID{principal, name})
}

// Delete removes a consumer. ErrInUse: it is open. ErrNotFound: there is nothing of it.
func (s *Store) Delete(ctx context.Context, id ID) error {
	if err := s.lockWrites(ctx); err != nil {
		return err
	}
	defer s.unlockWrites()
	s.mu.Lock()
	open := s.opened[id] > 0 // for good, as Acquire needs the turn
	s.mu.Unlock()
	if open {
		return ErrInUse
	}
	s.discardPending(func(p cursorKey) bool { return p.ID == id })
	n, err := s.execStatement(ctx, `DELETE FROM consumer_cursors WHERE principal=$1 AND name=$2`, id.Principal, id.Name)
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// DeleteSession removes the cursors of all consumers on a session. They must not be moved any more.
func (s *Store) DeleteSession(ctx context.Context, session string) error {
	if err := s.lockWrites(ctx); err != nil {
		return err
	}
	defer s.unlockWrites()
	s.discardPending(func(p cursorKey) bool { return p.session == session })
	_, err := s.execStatement(ctx, `DELETE FROM consumer_cursors WHERE session=$1`, session)
	return err
}

// lockWrites takes the turn to write.
func (s *Store) lockWrites(ctx context.Context) error {
	select {
	case s.writeLock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("consumer: waiting to write: %w", ctx.Err())
	}
}

func (s *Store) unlockWrites() { <-s.writeLock }
