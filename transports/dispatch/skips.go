package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/waystation/waystation/transports/journal"
)

// ErrTooManySkips says that Config.MaxSkips stretches of a session's log are left out by one outlet already and that a lane
// may still come to them.
var ErrTooManySkips = errors.New("dispatch: too many changes that lanes have not come to yet")

// window is a stretch of a session's log that an outlet does not get.
type window struct {
	outlet, epoch string
	from          uint64 // first offset that is left out
	to            uint64 // last one; 0 = it has no end yet
}

func (w *window) open() bool { return w.to == 0 }

// covers tells whether the window has an offset. One without end goes on in a log that was made anew.
func (w *window) covers(epoch string, offset uint64) bool {
	if w.epoch != epoch {
		return w.open()
	}
	return offset >= w.from && (w.open() || offset <= w.to)
}

// skips are the windows of all sessions, as they are stored.
type skips struct {
	mu        sync.RWMutex
	bySession map[string][]window // lists are replaced, never changed
}

func (s *skips) of(session string) []window {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.bySession[session]
}

func (s *skips) set(session string, list []window) {
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
	for _, w := range s.of(session) {
		if w.outlet == outlet && w.covers(epoch, offset) {
			return true
		}
	}
	return false
}

// SetSkips says which outlets a session stays out of, exactly from its next event on: what is logged before goes to them
// still, however late, and what is logged while they are left out never does. also, which may be nil, stores in the same
// transaction whatever must change with it; its context carries that, and it may run twice (see journal.At).
//
// Errors: ErrTooManySkips, what also answers, those of journal.At.
func (d *Dispatcher) SetSkips(ctx context.Context, session string, outlets []string, also func(ctx context.Context) error) error {
	var after []window
	return d.journal.At(ctx, session, func(ctx context.Context, log journal.Log) (err error) {
		if after, err = d.store.setSkips(ctx, log, outlets, d.cfg.MaxSkips); err == nil && also != nil {
			err = also(ctx)
		}
		return err
	}, func() { d.skips.set(session, after) })
}

// Skips tells whether a session stays out of an outlet now.
func (d *Dispatcher) Skips(session, outlet string) bool {
	return outlet != "" && slices.ContainsFunc(d.skips.of(session), func(w window) bool { return w.outlet == outlet && w.open() })
}

// Skipped tells whether an outlet leaves out an event. For outlets without lanes: those of lanes keep to it by themselves.
func (d *Dispatcher) Skipped(session, outlet, epoch string, offset uint64) bool {
	return d.skips.covers(session, outlet, epoch, offset)
}

// setSkips runs in a transaction at the head of a session's log and returns the windows afterwards.
func (s *store) setSkips(ctx context.Context, log journal.Log, outlets []string, most int) ([]window, error) {
	stored, err := s.skips(ctx, log.Session)
	if err != nil {
		return nil, err
	}
	var after []window
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

// passOn ends a window that is no longer wanted; keep is false when there is nothing left of it.
func (s *store) passOn(ctx context.Context, log journal.Log, w window, wanted bool) (after window, keep bool, err error) {
	switch {
	case w.open() && wanted, !w.open() && w.epoch == log.Epoch && w.to >= log.Oldest:
		return w, true, nil
	case w.open() && w.epoch == log.Epoch && w.from <= log.Head:
		w.to = log.Head
		return w, true, s.putSkip(ctx, log.Session, w)
	}
	return w, false, s.dropSkip(ctx, log.Session, w)
}

// openSkip begins a window behind the head, or goes on with one that ends there.
func (s *store) openSkip(ctx context.Context, log journal.Log, outlet string, list []window, most int) ([]window, error) {
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
	w := window{outlet: outlet, epoch: log.Epoch, from: log.Head + 1}
	return append(list, w), s.putSkip(ctx, log.Session, w)
}

// sweepSkips forgets windows that every lane has passed for good, or that retention took.
func (d *Dispatcher) sweepSkips(ctx context.Context) error {
	for _, session := range d.skips.sessions() {
		log, exists, err := d.journal.Lookup(ctx, session)
		if err != nil {
			return err
		}
		due := slices.ContainsFunc(d.skips.of(session), func(w window) bool {
			return !w.open() && (d.sink(w.outlet) != nil || w.epoch != log.Epoch || w.to < log.Oldest)
		})
		if !exists || !due { // the windows of a purged log go with the session, or with its next change
			continue
		}
		var after []window
		err = d.journal.At(ctx, session, func(ctx context.Context, log journal.Log) (err error) {
			after, err = d.store.passedSkips(ctx, log, func(outlet string) bool { return d.sink(outlet) != nil })
			return err
		}, func() { d.skips.set(session, after) })
		if err != nil {
			return fmt.Errorf("dispatch: forget what was skipped: %w", err)
		}
	}
	return nil
}

// passedSkips drops the windows that no reader will come to and returns the others. Outlets without lanes have readers that
// may go back as far as the log does.
func (s *store) passedSkips(ctx context.Context, log journal.Log, hasLanes func(outlet string) bool) (after []window, err error) {
	stored, err := s.skips(ctx, log.Session)
	if err != nil {
		return nil, err
	}
	for _, w := range stored[log.Session] {
		passed := !w.open() && (w.epoch != log.Epoch || w.to < log.Oldest)
		if !w.open() && !passed && hasLanes(w.outlet) {
			if passed, err = s.passed(ctx, log.Session, w); err != nil {
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
