package objectstore

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Stats are figures of the retention worker; totals count from the start of the server.
type Stats struct {
	Running      bool // the worker is running
	CycleRunning bool
	Cycles       int
	LastRun      time.Time // start of the last cycle; zero = none yet
	LastDuration time.Duration
	Deleted      int   // objects
	Reclaimed    int64 // bytes
	Errors       int
	Sessions     int // number of sessions whose objects were checked
	Interval     time.Duration
	Concurrency  int // concurrent storages
	Batch        int // objects per request
	PerCycle     int // objects
}

// retention is the state of the retention worker.
type retention struct {
	trigger chan struct{}
	mu      sync.Mutex
	stats   Stats
}

// Retention returns the figures of the retention worker.
func (s *Storage) Retention() Stats {
	r := &s.retention
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.stats
	out.Interval, out.Concurrency, out.Batch, out.PerCycle = s.cfg.RetainEvery, s.cfg.RetainWorkers, s.cfg.RetainBatch, s.cfg.RetainObjects
	return out
}

// RunRetention starts a cycle. If one is already running, it schedules another one and returns false.
func (s *Storage) RunRetention() bool {
	r := &s.retention
	r.mu.Lock()
	busy := r.stats.CycleRunning
	r.mu.Unlock()
	select {
	case r.trigger <- struct{}{}: // runs after the present cycle, if there is one
	default:
	}
	return !busy
}

// retain runs cycles until Close.
func (s *Storage) retain() {
	r := &s.retention
	r.update(func(st *Stats) { st.Running = true })
	defer r.update(func(st *Stats) { st.Running = false })
	ticker := time.NewTicker(s.cfg.RetainEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
		case <-r.trigger:
		}
		began := time.Now()
		r.update(func(st *Stats) { st.CycleRunning, st.LastRun = true, s.cfg.Now().UTC() })
		s.cycle(s.ctx)
		r.update(func(st *Stats) { st.CycleRunning, st.LastDuration, st.Cycles = false, time.Since(began), st.Cycles+1 })
	}
}

func (r *retention) update(change func(*Stats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.stats)
}

// sweep describes objects to delete: those of one session, or all in a storage, up to a time.
type sweep struct {
	place   Place
	session string // "" = all
	target  *Settings
	until   time.Time
}

// cycle deletes expired objects and the objects of deleted sessions.
func (s *Storage) cycle(ctx context.Context) {
	var budget atomic.Int64
	budget.Store(int64(s.cfg.RetainObjects))
	workers := errgroup.Group{}
	workers.SetLimit(s.cfg.RetainWorkers)
	purges, err := s.store.purges(ctx)
	if err != nil {
		s.failed("", err)
	}
	for _, p := range purges {
		workers.Go(func() error { s.purge(ctx, p, &budget); return nil })
	}
	for _, one := range s.sweeps() {
		workers.Go(func() error { s.sweep(ctx, one, &budget); return nil })
	}
	_ = workers.Wait() // the functions count their errors
}

func (s *Storage) sweeps() (list []*sweep) {
	now := s.cfg.Now()
	age := func(c *Settings) time.Time { return now.Add(-time.Duration(c.RetentionDays) * dayLength) }
	s.mu.Lock()
	defer s.mu.Unlock()
	for session, own := range s.settings {
		if own.RetentionDays > 0 && own.AccessKey != "" {
			list = append(list, &sweep{PlaceSession, session, own, age(own)})
		}
	}
	if c := s.global; c.RetentionDays > 0 && c.AccessKey != "" {
		list = append(list, &sweep{PlaceGlobal, "", c, age(c)})
	}
	return list
}

// purge deletes the remaining objects of a deleted session.
func (s *Storage) purge(ctx context.Context, p *purge, budget *atomic.Int64) {
	target := p.target
	if p.place == PlaceGlobal {
		global := s.Global()
		target = &global
	}
	var done bool
	if target != nil && target.AccessKey != "" {
		done = s.sweep(ctx, &sweep{p.place, p.session, target, p.cutoff}, budget)
	} else { // the operator's storage is not configured now
		left, err := s.store.leftOf(ctx, p)
		if err != nil {
			s.failed(p.session, err)
		}
		done = err == nil && left == 0
	}
	if !done && s.cfg.Now().Sub(p.cutoff) < maxPurgeAge {
		return // the next cycle continues
	}
	if err := s.store.endPurge(ctx, p); err != nil {
		s.failed(p.session, err)
	}
}

// sweep deletes objects and reports whether all are deleted.
func (s *Storage) sweep(ctx context.Context, w *sweep, budget *atomic.Int64) (done bool) {
	c, err := s.client(w.place, w.target)
	if err != nil {
		s.failed(w.session, err)
		return false
	}
	sessions := map[string]bool{}
	if w.session != "" {
		sessions[w.session] = true
	}
	defer func() { s.retention.update(func(st *Stats) { st.Sessions += len(sessions) }) }()
	for ctx.Err() == nil {
		most := take(budget, int64(s.cfg.RetainBatch))
		if most == 0 {
			return false
		}
		batch, err := s.store.oldObjects(ctx, w.place, w.session, w.target, w.until, int(most))
		budget.Add(most - int64(len(batch)))
		if err != nil {
			s.failed(w.session, err)
			return false
		}
		if len(batch) == 0 {
			return true
		}
		asking, cancel := context.WithTimeout(ctx, s.cfg.UploadTimeout)
		gone, err := c.remove(asking, batch)
		cancel()
		if forgotten := s.store.forgetObjects(ctx, gone); forgotten != nil {
			s.failed(w.session, forgotten)
			return false
		}
		var bytes int64
		for _, o := range gone {
			bytes += o.size
			sessions[o.session] = true
		}
		s.retention.update(func(st *Stats) { st.Deleted += len(gone); st.Reclaimed += bytes })
		if err != nil {
			s.failed(w.session, explain(err))
			return false
		}
	}
	return false
}

// take takes at most most from the rest of a budget.
func take(budget *atomic.Int64, most int64) int64 {
	for {
		left := budget.Load()
		n := min(left, most)
		if n <= 0 || budget.CompareAndSwap(left, left-n) {
			return max(n, 0)
		}
	}
}

func (s *Storage) failed(session string, err error) {
	if s.ctx.Err() != nil {
		return
	}
	s.retention.update(func(st *Stats) { st.Errors++ })
	s.cfg.Log.Warn("old objects could not be deleted", "session", session, "error", err)
}
