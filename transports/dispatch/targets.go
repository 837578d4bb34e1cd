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

// target is a Target in use. While idle it uses memory only.
type target struct {
	d           *Dispatcher
	sink        *sink
	id, session string
	current     atomic.Pointer[settings]
	apart       atomic.Bool // the target has a separate breaker, because its last attempt failed for reasons of its own

	life    context.Context // context of attempts
	waiting context.Context // context of everything between attempts; ends first when the dispatcher closes
	end     context.CancelFunc

	events  eventLane
	replays replayLane
	signals signalLane

	mu   sync.Mutex
	gone bool
	runs sync.WaitGroup // running lanes
}

// settings are the mutable settings of a target.
type settings struct {
	Target
	changed chan struct{} // closed when the settings are replaced
}

// breakerKey returns the key of the breaker shared by the targets of a Key.
func (s *settings) breakerKey() string {
	if s.Key == "" {
		return ownKey(s.ID)
	}
	return s.Key
}

// breakerKey returns the key of the breaker used by attempts.
func (t *target) breakerKey(s *settings) string {
	if t.apart.Load() {
		return t.ownKey()
	}
	return s.breakerKey()
}

func (t *target) ownKey() string { return ownKey(t.id) }

// ownKey returns the breaker key of a single target. It cannot collide with keys chosen by sinks.
func ownKey(id string) string { return "\n" + id }

func (s *sink) newTarget(spec Target, c cursor) *target {
	t := &target{d: s.d, sink: s, id: spec.ID, session: spec.Session}
	t.current.Store(&settings{spec, make(chan struct{})})
	var endWaiting context.CancelFunc
	t.life, t.end = context.WithCancel(s.d.life)
	t.waiting, endWaiting = context.WithCancel(s.d.waiting)
	context.AfterFunc(t.life, endWaiting)
	t.events = eventLane{lane: lane{t: t}, cursor: c.id, at: c.at}
	t.events.work = t.events.followLog
	t.replays = replayLane{lane: lane{t: t}}
	t.replays.work = t.replays.sendQueued
	t.signals = signalLane{lane: lane{t: t}}
	t.signals.work = t.signals.sendQueued
	return t
}

func (t *target) settings() *settings { return t.current.Load() }

// isEnding reports whether no new work may begin.
func (t *target) isEnding() bool { return t.waiting.Err() != nil }

// spawnLane runs a lane unless the target or the dispatcher has ended.
func (t *target) spawnLane(run func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gone {
		return false
	}
	t.runs.Add(1)
	started := t.d.spawnLane(func() {
		defer t.runs.Done()
		run()
	})
	if !started {
		t.runs.Done()
	}
	return started
}

// pause waits for a time, or until changed is closed, and reports whether the target is still in use.
func (t *target) pause(wait time.Duration, changed <-chan struct{}) bool {
	if wait <= 0 {
		return !t.isEnding()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-t.waiting.Done():
	}
	return !t.isEnding()
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

// PutTargets adds targets or replaces those of the same transport and id. A new target begins at the current head of the session's log, which is
// stored before PutTargets returns; a known target continues at its cursor, applies the changes from the next attempt on, and retries a waiting
// delivery immediately. A transport puts all its targets at every start, preferably in one call. Errors: ErrInvalid, the journal's, the database's.
func (d *Dispatcher) PutTargets(ctx context.Context, specs ...Target) error {
	specs = slices.Clone(specs)
	sinks, err := d.resolveTargets(specs)
	if err != nil {
		return err
	}
	if err := d.lockChanges(ctx); err != nil {
		return err
	}
	defer d.unlockChanges()
	for i := range specs {
		if t := sinks[i].lookupTarget(specs[i].ID); t != nil && t.session != specs[i].Session {
			if err := d.removeTarget(ctx, specs[i].Transport, specs[i].ID); err != nil {
				return err
			}
		}
	}
	stored, err := d.store.loadCursors(ctx, specs)
	if err != nil {
		return err
	}
	queued, err := d.store.queuedTargets(ctx)
	if err != nil {
		return err
	}
	for i, spec := range specs {
		if sinks[i].updateTarget(spec) {
			continue
		}
		at, known := stored[placeOf(spec)]
		if !known {
			if at, err = d.createCursor(ctx, spec); err != nil {
				return err
			}
		}
		t := sinks[i].newTarget(spec, at)
		d.addTarget(t)
		if queued[targetKey{spec.Transport, spec.ID}] {
			t.replays.wake()
		}
	}
	return nil
}

// resolveTargets checks targets and finds their sinks; it copies the filters.
func (d *Dispatcher) resolveTargets(specs []Target) ([]*sink, error) {
	sinks, named := make([]*sink, len(specs)), make(map[targetKey]bool, len(specs))
	for i := range specs {
		spec := &specs[i]
		spec.Filter.Events = slices.Clone(spec.Filter.Events)
		if err := spec.check(); err != nil {
			return nil, err
		}
		if sinks[i] = d.lookupSink(spec.Transport); sinks[i] == nil {
			return nil, fmt.Errorf("%w: unknown transport %q", ErrInvalid, spec.Transport)
		}
		key := targetKey{spec.Transport, spec.ID}
		if named[key] {
			return nil, fmt.Errorf("%w: duplicate target %q", ErrInvalid, spec.ID)
		}
		named[key] = true
	}
	return sinks, nil
}

// createCursor stores the head of the session's log as the position of a new target.
func (d *Dispatcher) createCursor(ctx context.Context, spec Target) (cursor, error) {
	log, err := d.journal.Log(ctx, spec.Session)
	if err != nil {
		return cursor{}, err
	}
	return d.store.createCursor(ctx, spec, position{log.Epoch, log.Head})
}

// updateTarget replaces the settings of a known target.
func (s *sink) updateTarget(spec Target) bool {
	t := s.lookupTarget(spec.ID)
	if t == nil {
		return false
	}
	next := &settings{spec, make(chan struct{})}
	s.useKey(next.breakerKey())
	if t.apart.Swap(false) { // the change may have removed the cause
		s.breakers.forgetKey(t.ownKey())
	}
	before := t.current.Swap(next)
	close(before.changed)
	s.dropKey(before.breakerKey())
	return true
}

// ReleaseTarget starts the target's next attempt immediately: it closes the breaker that holds the target's events and ends the pause before a retry.
// Call it when the target is known to work again. It is a no-op for a target that is not in use.
func (d *Dispatcher) ReleaseTarget(transport, id string) {
	s := d.lookupSink(transport)
	if s == nil {
		return
	}
	t := s.lookupTarget(id)
	if t == nil {
		return
	}
	before := t.settings()
	s.breakers.forgetKey(t.breakerKey(before))
	if next := (&settings{before.Target, make(chan struct{})}); t.current.CompareAndSwap(before, next) {
		close(before.changed) // a concurrent settings change has already released the target
	}
}

func (d *Dispatcher) addTarget(t *target) {
	t.sink.useKey(t.settings().breakerKey())
	d.mu.Lock()
	t.sink.targets[t.id] = t
	d.bySession[t.session] = append(slices.Clone(d.bySession[t.session]), t)
	d.mu.Unlock()
	// Events logged since the cursor was read or created woke no lane.
	t.events.wake()
}

func (s *sink) lookupTarget(id string) *target {
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

// dropKey deletes the breaker of a key that no target uses any more.
func (s *sink) dropKey(key string) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if s.keys[key]--; s.keys[key] <= 0 {
		delete(s.keys, key)
		s.breakers.forgetKey(key)
		s.outages.forgetKey(key)
	}
}

// RemoveTarget ends a target: the running attempt is cancelled, its cursor and queued replays are deleted. Archive entries stay. To switch a target
// off, remove it: when it is put again, it begins at the head. If ctx ends before the attempt does, the target has still ended, but its stored data
// may remain; removing it again deletes them.
func (d *Dispatcher) RemoveTarget(ctx context.Context, transport, id string) error {
	if err := d.lockChanges(ctx); err != nil {
		return err
	}
	defer d.unlockChanges()
	return d.removeTarget(ctx, transport, id)
}

// RemoveTargets is RemoveTarget for all targets of a transport whose ids begin with prefix, whether or not they are in use.
func (d *Dispatcher) RemoveTargets(ctx context.Context, transport, prefix string) error {
	if err := d.lockChanges(ctx); err != nil {
		return err
	}
	defer d.unlockChanges()
	for _, t := range d.targetsWith(transport, prefix) {
		if err := d.detachTarget(ctx, t); err != nil {
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

// removeTarget is RemoveTarget for callers that hold the change lock.
func (d *Dispatcher) removeTarget(ctx context.Context, transport, id string) error {
	if s := d.lookupSink(transport); s != nil {
		if t := s.lookupTarget(id); t != nil {
			if err := d.detachTarget(ctx, t); err != nil {
				return err
			}
		}
	}
	return d.store.removeTarget(ctx, transport, id)
}

// detachTarget removes a target from the targets in use.
func (d *Dispatcher) detachTarget(ctx context.Context, t *target) error {
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
	t.sink.breakers.forgetKey(t.ownKey())
	t.sink.outages.forgetKey(t.ownKey())
	d.commits.forgetCursor(t.events.cursor)
	return err
}

// DeleteSession removes all targets of a session and all its stored data: cursors, archive entries, bodies and queued replays.
func (d *Dispatcher) DeleteSession(ctx context.Context, session string) error {
	if err := d.lockChanges(ctx); err != nil {
		return err
	}
	defer d.unlockChanges()
	for _, t := range d.targetsOf(session) {
		if err := d.detachTarget(ctx, t); err != nil {
			return err
		}
	}
	d.skips.setSession(session, nil)
	return d.store.removeSession(ctx, session, d.cfg.SweepBatch)
}

func (d *Dispatcher) targetsOf(session string) []*target {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.bySession[session]
}

// watcher adapts the dispatcher to the journal.
type watcher struct{ *Dispatcher }

var _ journal.Watcher = watcher{}

// Wake implements journal.Watcher. For a session without targets it is a single map lookup.
func (w watcher) Wake(session string) {
	for _, t := range w.targetsOf(session) {
		t.events.wake()
	}
}

// Signal implements journal.Watcher.
func (w watcher) Signal(s *journal.Signal) {
	for _, t := range w.targetsOf(s.Session) {
		set := t.settings()
		if set.Filter.Signals && set.Filter.matches(s.Type) && !w.Skips(s.Session, set.Outlet) {
			t.signals.push(s)
		}
	}
}
