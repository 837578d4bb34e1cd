package consumer

import (
	"context"
	"time"

	"github.com/waystation/waystation/transports/kit/database"
)

// flushLoop writes changes some time after the first of them, or when there are many.
func (s *Store) flushLoop() {
	defer s.wg.Done()
	failed := false
	for {
		select {
		case <-s.dirty:
		case <-s.life.Done():
			return
		}
		full := s.full
		if failed { // do not press a database that is in trouble
			full = nil
		}
		timer := time.NewTimer(s.cfg.FlushEvery)
		select {
		case <-timer.C:
		case <-full:
		case <-s.life.Done():
		}
		timer.Stop()
		if s.life.Err() != nil {
			return // Close writes the rest
		}
		ctx, cancel := context.WithTimeout(s.life, s.cfg.WriteTimeout)
		err := s.Flush(ctx)
		cancel()
		if err != nil && !failed && s.life.Err() == nil {
			s.cfg.Log.Warn("cursors of consumers cannot be written; trying again", "error", err)
		}
		failed = err != nil
	}
}

// sweepLoop removes unused consumers.
func (s *Store) sweepLoop() {
	defer s.wg.Done()
	database.SweepEvery(s.life, s.cfg.SweepEvery, s.Sweep, s.cfg.Log, "unused consumers cannot be removed")
}

// Sweep removes the consumers that were not used for Config.KeepFor. Those that are open are in use, however quiet
// their sessions. The store does it by itself every SweepEvery.
func (s *Store) Sweep(ctx context.Context) error {
	if s.cfg.KeepFor < 0 {
		return nil
	}
	if err := s.lockWrites(ctx); err != nil {
		return err
	}
	defer s.unlockWrites()
	if err := s.flushPending(ctx); err != nil {
		return err
	}
	now := s.cfg.Now()
	s.mu.Lock()
	open := make([]ID, 0, len(s.opened))
	for id := range s.opened {
		open = append(open, id)
	}
	s.mu.Unlock()
	for _, id := range open {
		if err := s.touchUsed(ctx, id, now); err != nil {
			return err
		}
	}
	_, err := s.execStatement(ctx, `DELETE FROM consumer_cursors WHERE (principal, name) IN (SELECT principal, name FROM consumer_cursors
		GROUP BY principal, name HAVING MAX(updated) < $1)`, now.Add(-s.cfg.KeepFor).UnixMilli())
	return err
}
