package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/waystation/waystation/transports/journal"
)

// ErrTooManySkips is returned if one outlet already skips Config.MaxSkips ranges of a session's log that a lane may not have passed yet.
var ErrTooManySkips = errors.New("dispatch: too many skipped ranges that lanes have not passed yet")

// skipRange is a range of a session's log that an outlet does not receive.
type skipRange struct {
	outlet, epoch string
	from          uint64 // first skipped offset
	to            uint64 // last skipped offset; 0 = open-ended
}

func (w *skipRange) open() bool { return w.to == 0 }

// covers reports whether the range contains an offset. An open-ended range continues in a recreated log.
func (w *skipRange) covers(epoch string, offset uint64) bool {
	if w.epoch != epoch {
		return w.open()
	}
	return offset >= w.from && (w.open() || offset <= w.to)
}

// skips are the skipped ranges of all sessions, as stored.
type skips struct {
	mu        sync.RWMutex
	bySession map[string][]skipRange // lists are replaced, never modified
}

func (s *skips) forSession(session string) []skipRange {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.bySession[session]
}

func (s *skips) setSession(session string, list []skipRange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(list) == 0 {
		delete(s.bySession, session)
	} else {
		s.bySession[session] = list
	}
}

func (s *skips) sessions() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]string, 0, len(s.bySession))
	for session := range s.bySession {
		list = append(list, session)
	}
	return list
}

func (s *skips) covers(session, outlet, epoch string, offset uint64) bool {
	if outlet == "" {
		return false
	}
	for _, w := range s.forSession(session) {
		if w.outlet == outlet && w.covers(epoch, offset) {
			return true
		}
	}
	return false
}

// SetSkips sets which outlets a session skips, exactly from its next event on: events logged before are still delivered to them, however late, and
// events logged while they are skipped never are. also, which may be nil, stores related changes in the same transaction; its context carries the
// transaction, and it may run twice (see journal.At).
//
// Errors: ErrTooManySkips, the errors of also, those of journal.At.
func (d *Dispatcher) SetSkips(ctx context.Context, session string, outlets []string, also func(ctx context.Context) error) error {
	var after []skipRange
	return d.journal.At(ctx, session, func(ctx context.Context, log journal.Log) (err error) {
		if after, err = d.store.setSkips(ctx, log, outlets, d.cfg.MaxSkips); err == nil && also != nil {
			err = also(ctx)
		}
		return err
	}, func() { d.skips.setSession(session, after) })
}

// Skips reports whether a session currently skips an outlet.
func (d *Dispatcher) Skips(session, outlet string) bool {
	return outlet != "" && slices.ContainsFunc(d.skips.forSession(session), func(w skipRange) bool { return w.outlet == outlet && w.open() })
}

// Skipped reports whether an outlet skips an event. It is for outlets without lanes: lanes skip events by themselves.
func (d *Dispatcher) Skipped(session, outlet, epoch string, offset uint64) bool {
	return d.skips.covers(session, outlet, epoch, offset)
}

// setSkips runs in a transaction at the head of a session's log and returns the resulting ranges.
func (s *store) setSkips(ctx context.Context, log journal.Log, outlets []string, most int) ([]skipRange, error) {
	stored, err := s.loadSkips(ctx, log.Session)
	if err != nil {
		return nil, err
	}
	var after []skipRange
	for _, w := range stored[log.Session] {
		var keep bool
		if w, keep, err = s.passOn(ctx, log, w, slices.Contains(outlets, w.outlet)); err != nil {
			return nil, err
		}
		if keep {
			after = append(after, w)
		}
	}
	for _, outlet := range outlets {
		if after, err = s.openSkip(ctx, log, outlet, after, most); err != nil {
			return nil, err
		}
	}
	return after, nil
}

// passOn closes a range that is no longer wanted; keep is false if the range becomes empty.
func (s *store) passOn(ctx context.Context, log journal.Log, w skipRange, wanted bool) (after skipRange, keep bool, err error) {
	switch {
	case w.open() && wanted, !w.open() && w.epoch == log.Epoch && w.to >= log.Oldest:
		return w, true, nil
	case w.open() && w.epoch == log.Epoch && w.from <= log.Head:
		w.to = log.Head
		return w, true, s.putSkip(ctx, log.Session, w)
	}
	return w, false, s.dropSkip(ctx, log.Session, w)
}

// openSkip opens a range after the head, or extends one that ends there.
func (s *store) openSkip(ctx context.Context, log journal.Log, outlet string, list []skipRange, most int) ([]skipRange, error) {
	count := 0
	for i := range list {
		w := &list[i]
		switch {
		case w.outlet != outlet:
			continue
		case w.open():
			return list, nil
		case w.epoch == log.Epoch && w.to == log.Head:
			w.to = 0
			return list, s.putSkip(ctx, log.Session, *w)
		}
		count++
	}
	if count >= most {
		return nil, ErrTooManySkips
	}
	w := skipRange{outlet: outlet, epoch: log.Epoch, from: log.Head + 1}
	return append(list, w), s.putSkip(ctx, log.Session, w)
}

// sweepSkips deletes ranges that every lane has passed permanently, or that retention removed.
func (d *Dispatcher) sweepSkips(ctx context.Context) error {
	for _, session := range d.skips.sessions() {
		log, exists, err := d.journal.Lookup(ctx, session)
		if err != nil {
			return err
		}
		due := slices.ContainsFunc(d.skips.forSession(session), func(w skipRange) bool {
			return !w.open() && (d.lookupSink(w.outlet) != nil || w.epoch != log.Epoch || w.to < log.Oldest)
		})
		if !exists || !due { // the ranges of a purged log are deleted with the session, or by its next change
			continue
		}
		var after []skipRange
		err = d.journal.At(ctx, session, func(ctx context.Context, log journal.Log) (err error) {
			after, err = d.store.passedSkips(ctx, log, func(outlet string) bool { return d.lookupSink(outlet) != nil })
			return err
		}, func() { d.skips.setSession(session, after) })
		if err != nil {
			return fmt.Errorf("dispatch: delete skipped ranges: %w", err)
		}
	}
	return nil
}

// passedSkips deletes the ranges that no reader will reach and returns the others. Outlets without lanes have readers that may go back to the start
// of the log.
func (s *store) passedSkips(ctx context.Context, log journal.Log, hasLanes func(outlet string) bool) (after []skipRange, err error) {
	stored, err := s.loadSkips(ctx, log.Session)
	if err != nil {
		return nil, err
	}
	for _, w := range stored[log.Session] {
		passed := !w.open() && (w.epoch != log.Epoch || w.to < log.Oldest)
		if !w.open() && !passed && hasLanes(w.outlet) {
			if passed, err = s.isPassed(ctx, log.Session, w); err != nil {
				return nil, err
			}
		}
		if !passed {
			after = append(after, w)
		} else if err = s.dropSkip(ctx, log.Session, w); err != nil {
			return nil, err
		}
	}
	return after, nil
}
