package dispatch

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/waystation/waystation/transports/kit/database"
)

// result holds the writes of finished deliveries of one lane. All of them are stored, or none.
type result struct {
	cursor  int64 // id of the cursor row to move; 0 = no cursor
	at      position
	entries []*Entry // for the archive
	body    []byte   // stored with the last of the entries; nil = the journal has it
	replay  *replayed

	err  error
	done chan struct{}
}

// replayed is the outcome of a replay, for all entries that had this event queued for the target.
type replayed struct {
	queue  int64 // id of the queue row that was sent
	to     targetKey
	event  string
	failed *Entry // dead letter of the failed replay; nil = delivered
	body   []byte // body of the failed event
	unsent bool   // nothing could be sent; not counted as a replay
}

// committer batches the results of all lanes: while one transaction runs, the next batch accumulates in the queue. A lane sends its next window only
// after its previous result is stored, so a crash repeats at most one window per lane.
type committer struct {
	store    *store
	onStored func() // called after entries were stored
	cfg      *Config
	queue    chan *result
	dirty    chan struct{} // contains one element after the first skip since the last write
	quit     chan struct{} // closed by close
	stopped  chan struct{}
	life     context.Context // context of transactions
	abort    context.CancelFunc
	failing  bool // used by the loop only: the last transaction failed

	mu    sync.Mutex
	skips map[int64]position // cursors that passed only unwanted events
}

func newCommitter(s *store, cfg *Config, tell func()) *committer {
	c := &committer{
		store: s, onStored: tell, cfg: cfg, queue: make(chan *result, cfg.MaxCommitRecords), dirty: make(chan struct{}, 1),
		quit: make(chan struct{}), stopped: make(chan struct{}), skips: map[int64]position{},
	}
	c.life, c.abort = context.WithCancel(context.Background())
	return c
}

// submit returns after r is stored, or the error that prevented it.
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

// skip records that a cursor passed unwanted events. If the record is lost, the events are only filtered again.
func (c *committer) skip(cursor int64, to position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skips[cursor] = to
	select {
	case c.dirty <- struct{}{}:
	default:
	}
}

// forgetCursor drops the recorded skip of a cursor.
func (c *committer) forgetCursor(cursor int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.skips, cursor)
}

// close writes the queued results, within ctx, and ends the loop. All lanes have stopped, or the drain timeout has expired.
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
			runtime.Gosched() // Lanes whose responses arrived together submit their results first: saves a fifth of the commits and written pages.
			c.writeBatch(c.gatherBatch(r))
			tick = nil
		case <-c.dirty:
			if tick == nil {
				tick = time.After(c.cfg.SkipEvery)
			}
		case <-tick:
			c.writeBatch(nil)
			tick = nil
		case <-c.quit:
			c.writeBatch(c.gatherBatch(nil))
			return
		}
	}
}

// gatherBatch returns the first result and all queued ones, up to the batch limit.
func (c *committer) gatherBatch(first *result) (batch []*result) {
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

// writeBatch stores a batch and reports the outcome to each lane. If the transaction fails while the database is reachable, each result is stored
// separately, so one invalid result does not block other lanes.
func (c *committer) writeBatch(batch []*result) {
	skips := c.takeSkips(batch)
	err := c.commitBatch(batch, skips)
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
			r.err = c.commitBatch([]*result{r}, nil)
		}
	}
	for _, r := range batch {
		close(r.done)
	}
}

func (c *committer) commitBatch(batch []*result, skips map[int64]position) error {
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
		c.onStored()
	}
	return err
}

// takeSkips returns the recorded skips that are ahead of the results of the batch.
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
