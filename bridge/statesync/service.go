package statesync

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
)

// Conn has the methods of a session that reading and writing its settings uses.
type Conn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
	// Client returns the client, also before it is connected; nil if there is none.
	Client() *whatsmeow.Client
	// Context ends when the bridge is closed.
	Context() context.Context
	// Spawn runs fn in a goroutine that the bridge waits for when it closes. It returns false, and runs nothing, once closing has begun.
	Spawn(fn func()) bool
	// ApplyEntries stores what other packages keep of the entries of a collection; whole = the entries are all of it.
	ApplyEntries(ctx context.Context, name appstate.WAPatchName, entries []appstate.Mutation, whole bool) error
}

// Service reads and writes the synchronised settings of one session's account.
type Service struct {
	conn   Conn
	log    func() *slog.Logger
	writes queue
	reads  queue // each read builds on the version before it

	mu        sync.Mutex
	requested []appstate.WAPatchName // collections to read, each once
	reading   bool                   // a goroutine reads the requested collections

	recoveryTimeout time.Duration // bounds the wait for the phone's copy of a collection
	recoveries      map[appstate.WAPatchName]*recovery
}

// NewService returns the reader and writer of a session's synchronised settings. The phone has recoveryTimeout to send its copy of a collection.
func NewService(conn Conn, recoveryTimeout time.Duration, log func() *slog.Logger) *Service {
	return &Service{conn: conn, log: log, recoveryTimeout: recoveryTimeout, recoveries: map[appstate.WAPatchName]*recovery{}}
}

// queue admits one caller at a time, since each read and each write builds on the version before it. Unlike a mutex it can be abandoned while
// waiting. The zero value is ready.
type queue struct {
	once sync.Once
	slot chan struct{}
}

func (q *queue) acquire(ctx context.Context) error {
	q.once.Do(func() { q.slot = make(chan struct{}, 1) })
	select {
	case q.slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *queue) release() { <-q.slot }
