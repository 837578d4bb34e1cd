package consumer

import "context"

// cursorKey is one cursor.
type cursorKey struct {
	ID
	session string
}

// kind is the conflict rule of a change for stored cursors; a larger one includes the smaller.
type kind int

const (
	begin   kind = iota // creates a missing cursor
	advance             // as begin, and moves it forward, or to another epoch
	move                // puts it there, also back
)

type change struct {
	kind kind
	to   Position
}

// mergeWith is the change that has the effect of c followed by next.
func (c change) mergeWith(next change) change {
	switch {
	case next.kind == begin:
		return c
	case next.kind == move || c.to.Epoch != next.to.Epoch && c.kind != move:
		return next
	case c.to.Epoch != next.to.Epoch: // a move is in force whatever is stored
		return change{move, next.to}
	}
	return change{max(c.kind, next.kind), Position{c.to.Epoch, max(c.to.Offset, next.to.Offset)}}
}

// Begin makes a cursor unless it exists. Like Advance and Move it only notes the change in memory, for the next flush;
// the order of calls is the order of changes.
func (s *Store) Begin(id ID, session string, at Position) {
	s.recordChange(id, session, change{begin, at})
}

// Advance moves a cursor forward; within an epoch it never goes back.
func (s *Store) Advance(id ID, session string, to Position) {
	s.recordChange(id, session, change{advance, to})
}

// Move puts a cursor anywhere, also back.
func (s *Store) Move(id ID, session string, to Position) {
	s.recordChange(id, session, change{move, to})
}

func (s *Store) recordChange(id ID, session string, c change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := cursorKey{id, session}
	if before, ok := s.pending[p]; ok {
		c = before.mergeWith(c)
	}
	s.pending[p] = c
	signal(s.dirty)
	if len(s.pending) >= s.cfg.FlushChanges {
		signal(s.full)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Flush writes pending changes. Concurrent calls share the work.
func (s *Store) Flush(ctx context.Context) error {
	if err := s.lockWrites(ctx); err != nil {
		return err
	}
	defer s.unlockWrites()
	return s.flushPending(ctx)
}

// flushPending is called while holding the lock. Failed changes stay pending; they are bounded by the cursors of consumers that were open when the database
// failed.
func (s *Store) flushPending(ctx context.Context) error {
	s.mu.Lock()
	batch := s.pending
	s.pending = make(map[cursorKey]change)
	s.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	err := s.writeChanges(ctx, batch)
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, c := range s.pending {
		if before, ok := batch[p]; ok {
			c = before.mergeWith(c)
		}
		batch[p] = c
	}
	s.pending = batch
	signal(s.dirty)
	return err
}

// flushOf writes all pending changes if one belongs to the consumer, so that many short-lived consumers do not cause a commit each; the caller holds
// the lock.
func (s *Store) flushOf(ctx context.Context, id ID) error {
	s.mu.Lock()
	waits := false
	for p := range s.pending {
		if waits = p.ID == id; waits {
			break
		}
	}
	s.mu.Unlock()
	if !waits {
		return nil
	}
	return s.flushPending(ctx)
}

// discardPending drops pending changes; the caller has the turn.
func (s *Store) discardPending(which func(cursorKey) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.pending {
		if which(p) {
			delete(s.pending, p)
		}
	}
}
