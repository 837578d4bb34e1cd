package dispatch

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/waystation/waystation/transports/kit/database"
)

// result is what deliveries of a lane that ended write, all of it or nothing.
type result struct {
	cursor  int64 // row of the cursor that moves; 0 = none
	at      position
	entries []*Entry // for the archive
	body    []byte   // kept with the last of the entries; nil = the journal has it
	replay  *replayed

	err  error
	done chan struct{}
}

// replayed is how a replay ended, for all entries by which the event waited for the target.
type replayed struct {
	queue  int64 // row of the queue that was sent
	to     targetKey
	event  string
	failed *Entry // how the replay failed; nil = it was delivered
	body   []byte // of what failed
	unsent bool   // there was nothing to send: it counts as no replay
}

// committer gathers results of all lanes: while one transaction runs, the next batch gathers in the queue. A lane sends
// its next window only after its result is stored, so that a crash repeats one window of a lane at most.
type committer struct {
	store   *store
	tell    func() // that entries were stored
	cfg     *Config
	queue   chan *result
	dirty   chan struct{} // holds one after the first skip since the last write
	quit    chan struct{} // closed by close
	stopped chan struct{}
	life    context.Context // of transactions
	abort   context.CancelFunc
	failing bool // of the loop: the last transaction failed

	mu    sync.Mutex
	skips map[int64]position // cursors that only passed unwanted events
}

func newCommitter(s *store, cfg *Config, tell func()) *committer {
	c := &committer{
		store: s, tell: tell, cfg: cfg, queue: make(chan *result, cfg.MaxCommitRecords), dirty: make(chan struct{}, 1),
		quit: make(chan struct{}), stopped: make(chan struct{}), skips: map[int64]position{},
	}
	c.life, c.abort = context.WithCancel(context.Background())
	return c
}

// submit returns when r is stored, or with the error that kept it from being so.
func (c *committer) submit(r *result) error {
	r.err, r.done = nil, make(chan struct{})
	select {
	case c.queue <- r:
	case <-c.stopped:
		return ErrClosed
	}
	select {
	case <-r.done:
		return r.err
	case <-c.stopped:
		return ErrClosed
	}
}

// skip notes that a cursor passed events nobody wants. Losing it costs another look at them.
func (c *committer) skip(cursor int64, to position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skips[cursor] = to
	select {
	case c.dirty <- struct{}{}:
	default:
	}
}

// forget drops what is noted of a cursor.
func (c *committer) forget(cursor int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.skips, cursor)
}

// close writes what is left, within ctx, and ends the loop. No lane is at work any more, or the time is up.
func (c *committer) close(ctx context.Context) {
	close(c.quit)
	stop := context.AfterFunc(ctx, c.abort)
	<-c.stopped
	stop()
	c.abort()
}

func (c *committer) loop() {
	defer close(c.stopped)
	var tick <-chan time.Time
	for {
		select {
		case r := <-c.queue:
			runtime.Gosched() // lanes that had their answers at the same time bring theirs first: a fifth of the commits, and of the pages they write
			c.write(c.gather(r))
			tick = nil
		case <-c.dirty:
			if tick == nil {
				tick = time.After(c.cfg.SkipEvery)
			}
		case <-tick:
			c.write(nil)
			tick = nil
		case <-c.quit:
			c.write(c.gather(nil))
			return
		}
	}
}

// gather takes what is waiting.
func (c *committer) gather(first *result) (batch []*result) {
	if first != nil {
		batch = append(batch, first)
	}
	records := 0
	for records < c.cfg.MaxCommitRecords {
		select {
		case r := <-c.queue:
			batch = append(batch, r)
			records += max(1, len(r.entries))
		default:
			return batch
		}
	}
	return batch
}

// write stores a batch and answers it. When that fails and the database is there, the results are tried apart: one that
// cannot be stored costs no other lane.
func (c *committer) write(batch []*result) {
	skips := c.takeSkips(batch)
	err := c.commit(batch, skips)
	switch {
	case err == nil:
	case len(batch) < 2 || database.Gone(err):
		c.keepSkips(skips)
		for _, r := range batch {
			r.err = err
		}
	default:
		c.keepSkips(skips)
		for _, r := range batch {
			r.err = c.commit([]*result{r}, nil)
		}
	}
	for _, r := range batch {
		close(r.done)
	}
}

func (c *committer) commit(batch []*result, skips map[int64]position) error {
	if len(batch) == 0 && len(skips) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.life, c.cfg.CommitTimeout)
	defer cancel()
	err := c.store.commit(ctx, batch, skips)
	if err != nil && !c.failing {
		c.cfg.Log.Warn("deliveries cannot be recorded; lanes wait", "error", err)
	}
	c.failing = err != nil
	if err == nil && slices.ContainsFunc(batch, func(r *result) bool { return len(r.entries) > 0 || r.replay != nil }) {
		c.tell()
	}
	return err
}

// takeSkips takes the skips that no result of the batch is ahead of.
func (c *committer) takeSkips(batch []*result) map[int64]position {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.skips) == 0 {
		return nil
	}
	skips := c.skips
	c.skips = map[int64]position{}
	for _, r := range batch {
		delete(skips, r.cursor)
	}
	return skips
}

func (c *committer) keepSkips(skips map[int64]position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for cursor, at := range skips {
		if _, newer := c.skips[cursor]; !newer {
			c.skips[cursor] = at
		}
	}
	if len(c.skips) > 0 {
		select {
		case c.dirty <- struct{}{}:
		default:
		}
	}
}
