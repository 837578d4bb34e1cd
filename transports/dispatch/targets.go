package dispatch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waystation/waystation/transports/journal"
)

// target is a Target in use. While nothing is to be sent it is memory alone.
type target struct {
	d           *Dispatcher
	sink        *sink
	id, session string
	current     atomic.Pointer[settings]
	apart       atomic.Bool // the breaker is its own, since the last attempt failed for reasons of its own

	life    context.Context // of attempts
	waiting context.Context // of everything between attempts; ends first when the dispatcher closes
	end     context.CancelFunc

	events  eventLane
	replays replayLane
	signals signalLane

	mu   sync.Mutex
	gone bool
	runs sync.WaitGroup // lanes at work
}

// settings are what may change of a target.
type settings struct {
	Target
	changed chan struct{} // closed when others take their place
}

// breakerKey names the breaker of what is up or down as a whole.
func (s *settings) breakerKey() string {
	if s.Key == "" {
		return ownKey(s.ID)
	}
	return s.Key
}

// breakerKey names the breaker that attempts pass.
func (t *target) breakerKey(s *settings) string {
	if t.apart.Load() {
		return t.ownKey()
	}
	return s.breakerKey()
}

func (t *target) ownKey() string { return ownKey(t.id) }

// ownKey names the breaker of a single target. It cannot meet those that sinks choose.
func ownKey(id string) string { return "\n" + id }

func (s *sink) newTarget(spec Target, c cursor) *target {
	t := &target{d: s.d, sink: s, id: spec.ID, session: spec.Session}
	t.current.Store(&settings{spec, make(chan struct{})})
	var endWaiting context.CancelFunc
	t.life, t.end = context.WithCancel(s.d.life)
	t.waiting, endWaiting = context.WithCancel(s.d.waiting)
	context.AfterFunc(t.life, endWaiting)
	t.events = eventLane{lane: lane{t: t}, cursor: c.id, at: c.at}
	t.events.work = t.events.follow
	t.replays = replayLane{lane: lane{t: t}}
	t.replays.work = t.replays.empty
	t.signals = signalLane{lane: lane{t: t}}
	t.signals.work = t.signals.empty
	return t
}

func (t *target) settings() *settings { return t.current.Load() }

// ending tells whether nothing new is to be begun.
func (t *target) ending() bool { return t.waiting.Err() != nil }

// spawn runs a lane unless the target or the dispatcher has ended.
func (t *target) spawn(run func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gone {
		return false
	}
	t.runs.Add(1)
	started := t.d.spawn(func() {
		defer t.runs.Done()
		run()
	})
	if !started {
		t.runs.Done()
	}
	return started
}

// pause waits for a time, less when changed is closed, and tells whether the target is still there.
func (t *target) pause(wait time.Duration, changed <-chan struct{}) bool {
	if wait <= 0 {
		return !t.ending()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-t.waiting.Done():
	}
	return !t.ending()
}

// stop ends the target's lanes and waits for them.
func (t *target) stop(ctx context.Context) error {
	t.mu.Lock()
	t.gone = true
	t.mu.Unlock()
	t.end()
	return waitFor(ctx, &t.runs)
}

func waitFor(ctx context.Context, group *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("dispatch: waiting for attempts to end: %w", ctx.Err())
	}
}

// PutTargets adds targets or replaces those of the same transport and id. One that is new begins at the head that the
// session's log has now, which is stored before PutTargets returns; one that is known goes on at its cursor, with what
// changed from the next attempt on, and a delivery that waits for its retry is tried at once. A transport puts all its
// targets at every start, best in one call. Errors: ErrInvalid, the journal's, the database's.
func (d *Dispatcher) PutTargets(ctx context.Context, specs ...Target) error {
	specs = slices.Clone(specs)
	sinks, err := d.resolve(specs)
	if err != nil {
		return err
	}
	if err := d.enter(ctx); err != nil {
		return err
	}
	defer d.leave()
	for i := range specs {
		if t := sinks[i].target(specs[i].ID); t != nil && t.session != specs[i].Session {
			if err := d.remove(ctx, specs[i].Transport, specs[i].ID); err != nil {
				return err
			}
		}
	}
	stored, err := d.store.cursors(ctx, specs)
	if err != nil {
		return err
	}
	queued, err := d.store.queuedTargets(ctx)
	if err != nil {
		return err
	}
	for i, spec := range specs {
		if sinks[i].change(spec) {
			continue
		}
		at, known := stored[placeOf(spec)]
		if !known {
			if at, err = d.begin(ctx, spec); err != nil {
				return err
			}
		}
		t := sinks[i].newTarget(spec, at)
		d.add(t)
		if queued[targetKey{spec.Transport, spec.ID}] {
			t.replays.wake()
		}
	}
	return nil
}

// resolve checks targets and finds their sinks; it makes the filters our own.
func (d *Dispatcher) resolve(specs []Target) ([]*sink, error) {
	sinks, named := make([]*sink, len(specs)), make(map[targetKey]bool, len(specs))
	for i := range specs {
		spec := &specs[i]
		spec.Filter.Events = slices.Clone(spec.Filter.Events)
		if err := spec.check(); err != nil {
			return nil, err
		}
		if sinks[i] = d.sink(spec.Transport); sinks[i] == nil {
			return nil, fmt.Errorf("%w: there is no transport %q", ErrInvalid, spec.Transport)
		}
		key := targetKey{spec.Transport, spec.ID}
		if named[key] {
			return nil, fmt.Errorf("%w: target %q is there twice", ErrInvalid, spec.ID)
		}
		named[key] = true
	}
	return sinks, nil
}

// begin stores the head of the session's log as the position of a new target.
func (d *Dispatcher) begin(ctx context.Context, spec Target) (cursor, error) {
	log, err := d.journal.Log(ctx, spec.Session)
	if err != nil {
		return cursor{}, err
	}
	return d.store.begin(ctx, spec, position{log.Epoch, log.Head})
}

// change puts other settings in the place of those a known target has.
func (s *sink) change(spec Target) bool {
	t := s.target(spec.ID)
	if t == nil {
		return false
	}
	next := &settings{spec, make(chan struct{})}
	s.useKey(next.breakerKey())
	if t.apart.Swap(false) { // what changed may be what was wrong
		s.gates.forget(t.ownKey())
	}
	before := t.current.Swap(next)
	close(before.changed)
	s.dropKey(before.breakerKey())
	return true
}

// ReleaseTarget has the target's next attempt made at once: it closes the breaker that holds the target's events and ends the
// pause before a retry. Call it when the target is known to work again. It does nothing for a target that is not in use.
func (d *Dispatcher) ReleaseTarget(transport, id string) {
	s := d.sink(transport)
	if s == nil {
		return
	}
	t := s.target(id)
	if t == nil {
		return
	}
	before := t.settings()
	s.gates.forget(t.breakerKey(before))
	if next := (&settings{before.Target, make(chan struct{})}); t.current.CompareAndSwap(before, next) {
		close(before.changed) // a settings change at the same time has released the target already
	}
}

func (d *Dispatcher) add(t *target) {
	t.sink.useKey(t.settings().breakerKey())
	d.mu.Lock()
	t.sink.targets[t.id] = t
	d.bySession[t.session] = append(slices.Clone(d.bySession[t.session]), t)
	d.mu.Unlock()
	// What was logged since the cursor was read or made woke nobody.
	t.events.wake()
}

func (s *sink) target(id string) *target {
	s.d.mu.RLock()
	defer s.d.mu.RUnlock()
	return s.targets[id]
}

func (s *sink) useKey(key string) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	s.keys[key]++
}

func (s *sink) usesKey(key string) bool {
	s.d.mu.RLock()
	defer s.d.mu.RUnlock()
	return s.keys[key] > 0
}

// dropKey forgets the breaker of a key that no target has any more.
func (s *sink) dropKey(key string) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if s.keys[key]--; s.keys[key] <= 0 {
		delete(s.keys, key)
		s.gates.forget(key)
		s.outages.forget(key)
	}
}

// RemoveTarget ends a target: the attempt under way is cancelled, its cursor and queued replays are forgotten. Archive
// entries stay. Switching a target off is removing it: put again, it begins at the head. When ctx ends before the attempt
// does, the target has ended all the same, but what is stored of it may be left; removing it again deletes that.
func (d *Dispatcher) RemoveTarget(ctx context.Context, transport, id string) error {
	if err := d.enter(ctx); err != nil {
		return err
	}
	defer d.leave()
	return d.remove(ctx, transport, id)
}

// RemoveTargets is RemoveTarget for all targets of a transport whose ids begin with prefix, whether or not they are in use.
func (d *Dispatcher) RemoveTargets(ctx context.Context, transport, prefix string) error {
	if err := d.enter(ctx); err != nil {
		return err
	}
	defer d.leave()
	for _, t := range d.targetsWith(transport, prefix) {
		if err := d.detach(ctx, t); err != nil {
			return err
		}
	}
	return d.store.removeTargets(ctx, transport, prefix)
}

func (d *Dispatcher) targetsWith(transport, prefix string) (list []*target) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if s := d.sinks[transport]; s != nil {
		for id, t := range s.targets {
			if strings.HasPrefix(id, prefix) {
				list = append(list, t)
			}
		}
	}
	return list
}

// remove is RemoveTarget for who has the turn.
func (d *Dispatcher) remove(ctx context.Context, transport, id string) error {
	if s := d.sink(transport); s != nil {
		if t := s.target(id); t != nil {
			if err := d.detach(ctx, t); err != nil {
				return err
			}
		}
	}
	return d.store.removeTarget(ctx, transport, id)
}

// detach takes a target out of use.
func (d *Dispatcher) detach(ctx context.Context, t *target) error {
	d.mu.Lock()
	delete(t.sink.targets, t.id)
	rest := slices.DeleteFunc(slices.Clone(d.bySession[t.session]), func(other *target) bool { return other == t })
	if len(rest) == 0 {
		delete(d.bySession, t.session)
	} else {
		d.bySession[t.session] = rest
	}
	d.mu.Unlock()
	err := t.stop(ctx)
	t.sink.dropKey(t.settings().breakerKey())
	t.sink.gates.forget(t.ownKey())
	t.sink.outages.forget(t.ownKey())
	d.commits.forget(t.events.cursor)
	return err
}

// DeleteSession removes all targets of a session and everything that is stored of it: cursors, archive entries, bodies
// and queued replays.
func (d *Dispatcher) DeleteSession(ctx context.Context, session string) error {
	if err := d.enter(ctx); err != nil {
		return err
	}
	defer d.leave()
	for _, t := range d.targetsOf(session) {
		if err := d.detach(ctx, t); err != nil {
			return err
		}
	}
	d.skips.set(session, nil)
	return d.store.removeSession(ctx, session, d.cfg.SweepBatch)
}

func (d *Dispatcher) targetsOf(session string) []*target {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.bySession[session]
}

// watcher is the dispatcher as the journal sees it.
type watcher struct{ *Dispatcher }

var _ journal.Watcher = watcher{}

// Wake implements journal.Watcher. For a session without targets it is one look into a map.
func (w watcher) Wake(session string) {
	for _, t := range w.targetsOf(session) {
		t.events.wake()
	}
}

// Signal implements journal.Watcher.
func (w watcher) Signal(s *journal.Signal) {
	for _, t := range w.targetsOf(s.Session) {
		set := t.settings()
		if set.Filter.Signals && set.Filter.wants(s.Type) && !w.Skips(s.Session, set.Outlet) {
			t.signals.push(s)
		}
	}
}
