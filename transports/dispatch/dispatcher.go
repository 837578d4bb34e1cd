package dispatch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
)

// Dispatcher delivers events from the journal to targets. Its methods are safe for concurrent use.
type Dispatcher struct {
	cfg     Config
	journal *journal.Journal
	store   *store
	router  *message.Router
	commits *committer
	skips   skips
	unwatch func()
	sweeps  sweeps
	watches watches

	life       context.Context // context of attempts: ends when Close stops waiting for them
	end        context.CancelFunc
	waiting    context.Context // context of everything else: ends when Close begins
	endWaiting context.CancelFunc
	watching   context.Context // context of watches: ends when EndWatches is called, or Close begins
	workers    sync.WaitGroup

	changeLock chan struct{} // contains one element while a call changes targets or the archive

	mu        sync.RWMutex
	sinks     map[string]*sink
	bySession map[string][]*target // lists are replaced, never modified

	lanesMu sync.Mutex
	closing bool
	lanes   sync.WaitGroup // running lanes
}

// Open migrates the tables and subscribes to the journal. Close it before the journal and the database.
func Open(ctx context.Context, db *dbutil.Database, j *journal.Journal, cfg Config) (*Dispatcher, error) {
	d := &Dispatcher{
		cfg: cfg.withDefaults(), journal: j, changeLock: make(chan struct{}, 1),
		sinks: map[string]*sink{}, bySession: map[string][]*target{},
	}
	var err error
	if d.store, err = openStore(ctx, db, d.cfg.Now); err != nil {
		return nil, fmt.Errorf("dispatch: open: %w", err)
	}
	if err = d.openWatches(ctx); err != nil {
		return nil, fmt.Errorf("dispatch: open: %w", err)
	}
	if d.skips.bySession, err = d.store.loadSkips(ctx, ""); err != nil {
		return nil, fmt.Errorf("dispatch: open: %w", err)
	}
	if d.router, err = message.NewRouter(message.RouterConfig{CloseTimeout: d.cfg.DrainTimeout}, routerLog{d}); err != nil {
		return nil, fmt.Errorf("dispatch: open: %w", err)
	}
	d.life, d.end = context.WithCancel(context.Background())
	d.waiting, d.endWaiting = context.WithCancel(d.life)
	d.watching, d.watches.end = context.WithCancel(d.waiting)
	d.sweeps.next.Store(d.cfg.Now().Add(d.cfg.SweepEvery).UnixMilli())
	d.commits = newCommitter(d.store, &d.cfg, d.watches.notify)
	go d.commits.loop()
	d.workers.Go(func() {
		database.SweepEvery(d.waiting, d.cfg.SweepEvery, d.sweepInTurn, d.cfg.Log, "retention of the archive failed")
	})
	d.workers.Go(func() {
		if err := d.router.Run(context.Background()); err != nil {
			d.cfg.Log.Error("dispatch router ended", "error", err)
		}
	})
	<-d.router.Running()
	d.unwatch = j.Watch("", watcher{d})
	return d, nil
}

// AddSink registers a transport under a name. Register it before its targets. ErrInvalid: the name is in use.
func (d *Dispatcher) AddSink(name string, impl Sink, policy Policy) error {
	s := &sink{
		d: d, name: name, sink: impl, policy: policy.withDefaults(), source: newSource(),
		targets: map[string]*target{}, keys: map[string]int{},
	}
	s.breakers = breakers{
		failures: s.policy.BreakerFailures, pause: s.policy.BreakerPause, maxAge: s.policy.MaxAge, now: d.cfg.Now, byKey: map[string]*breaker{},
	}
	if d.cfg.ObserveAttempts != nil {
		s.observe = d.cfg.ObserveAttempts(name)
	}
	s.outages = outages{now: d.cfg.Now, byKey: map[string]*outage{}}
	if err := d.lockChanges(d.waiting); err != nil {
		return err
	}
	defer d.unlockChanges()
	if d.lookupSink(name) != nil {
		return fmt.Errorf("%w: transport %q already exists", ErrInvalid, name)
	}
	d.router.AddConsumerHandler(name, topic, s.source, s.handler())
	if err := d.router.RunHandlers(context.Background()); err != nil {
		return fmt.Errorf("dispatch: add transport %s: %w", name, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sinks[name] = s
	return nil
}

func (d *Dispatcher) lookupSink(name string) *sink {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.sinks[name]
}

// lockChanges acquires the lock for changes of targets or the archive.
func (d *Dispatcher) lockChanges(ctx context.Context) error {
	select {
	case d.changeLock <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("dispatch: waiting for another change: %w", ctx.Err())
	case <-d.waiting.Done():
		return ErrClosed
	}
	if d.waiting.Err() != nil {
		d.unlockChanges()
		return ErrClosed
	}
	return nil
}

func (d *Dispatcher) unlockChanges() { <-d.changeLock }

// spawnLane runs a lane unless Close has begun.
func (d *Dispatcher) spawnLane(run func()) bool {
	d.lanesMu.Lock()
	defer d.lanesMu.Unlock()
	if d.closing {
		return false
	}
	d.lanes.Go(run)
	return true
}

// Close stops the dispatcher: it starts no attempts, waits up to Config.DrainTimeout for running ones and stores their outcomes. It returns at the
// latest when ctx ends; interrupted deliveries are repeated after the next start.
func (d *Dispatcher) Close(ctx context.Context) error {
	d.unwatch()
	d.lanesMu.Lock()
	again := d.closing
	d.closing = true
	d.lanesMu.Unlock()
	if again {
		return nil
	}
	d.endWaiting()
	drain, cancel := context.WithTimeout(ctx, d.cfg.DrainTimeout)
	defer cancel()
	err := waitFor(drain, &d.lanes)
	d.end()
	if err != nil {
		err = waitFor(ctx, &d.lanes)
	}
	d.commits.close(ctx)
	return errors.Join(err, d.closeRouter(ctx))
}

// closeRouter stops the handlers, which are idle by now, and the dispatcher's goroutines.
func (d *Dispatcher) closeRouter(ctx context.Context) error {
	closed := make(chan error, 1)
	go func() {
		err := d.router.Close()
		d.workers.Wait()
		closed <- err
	}()
	select {
	case err := <-closed:
		return err
	case <-ctx.Done():
		return fmt.Errorf("dispatch: waiting for handlers to end: %w", ctx.Err())
	case <-time.After(2 * d.cfg.DrainTimeout): // longer than the router's own timeout
		return errors.New("dispatch: handlers did not end")
	}
}
