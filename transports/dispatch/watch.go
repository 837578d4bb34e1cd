package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrTooManyWatches is returned if Config.MaxWatches are open.
var ErrTooManyWatches = errors.New("dispatch: too many watches are open")

// Watch follows the archive: a position in the sequence of its entries, which advances when its owner calls Next. It buffers no entries, so a slow
// reader costs no memory. It is used by one goroutine at a time and ended with Close.
type Watch struct {
	// Stored is the number of entries older than the watch that come first.
	Stored int

	d            *Dispatcher
	q            Query
	pos          int64 // last processed id
	lastReported int64 // newest id removed by retention that has been reported or need not be
	gap          *Missed
	read         time.Time // time of the last archive read
	once         sync.Once
}

// Missed is a range of ids, From to To, in which entries may be missing: retention removed them before they were read, or Query.Limit excluded them.
type Missed struct{ From, To int64 }

// News is the next result of a watch: Missed, if set, precedes the entries.
type News struct {
	Missed  *Missed
	Entries []Entry // in the order of their ids
}

// watches are the open watches.
type watches struct {
	end context.CancelFunc // ends all watches

	mu      sync.Mutex
	open    int
	changed chan struct{}    // closed at the next commit with entries
	dropped map[Status]int64 // newest id of each kind removed by retention: kinds have different retention times
}

// openWatches determines the ids removed before the start: all ids below the oldest entry, and of delivered events, which are kept for a shorter
// time, all below the oldest delivered entry.
func (d *Dispatcher) openWatches(ctx context.Context) error {
	d.watches = watches{changed: make(chan struct{}), dropped: map[Status]int64{}}
	for kind, of := range map[Status]Status{Delivered: Delivered, DeadLetter: "", Gap: ""} {
		oldest, err := d.store.oldestEntry(ctx, of)
		if err != nil {
			return err
		}
		d.watches.dropped[kind] = max(oldest-1, 0)
	}
	return nil
}

func (w *watches) notify() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open > 0 {
		close(w.changed)
		w.changed = make(chan struct{})
	}
}

// recordDropped records the entries that retention is about to remove.
func (w *watches) recordDropped(expired []Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range expired {
		w.dropped[expired[i].Status] = max(w.dropped[expired[i].Status], expired[i].ID)
	}
}

// changes returns a channel that is closed at the next commit with entries.
func (w *watches) changes() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// newestDropped returns the newest id removed by retention among the kinds that a query selects.
func (w *watches) newestDropped(q *Query) (newest int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for status, id := range w.dropped {
		if (q.Status == "" || q.Status == status) && (!q.Failed || status != Delivered) {
			newest = max(newest, id)
		}
	}
	return newest
}

// Watch begins to follow the entries that a query selects by Status, Failed, Transport, Target, Sessions, Own and Type. It begins after the entry
// After, or at the time Since, and returns the stored entries from there first, else with the next entry. Limit bounds the stored entries, the newest
// are returned; Limit alone requests that many. Passing the last id read as After continues without gaps or repetitions. Other fields of the query
// must be zero. Errors: ErrTooManyWatches, ErrClosed, ErrInvalid, the database's.
func (d *Dispatcher) Watch(ctx context.Context, q Query) (*Watch, error) {
	if d.watching.Err() != nil {
		return nil, ErrClosed
	}
	d.watches.mu.Lock()
	full := d.watches.open >= d.cfg.MaxWatches
	if !full {
		d.watches.open++
	}
	d.watches.mu.Unlock()
	if full {
		return nil, ErrTooManyWatches
	}
	w := &Watch{d: d, q: q}
	if err := w.findStart(ctx); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// findStart determines the start position.
func (w *Watch) findStart(ctx context.Context) error {
	after, limit := w.q.After, w.q.Limit
	w.q.After, w.q.Limit, w.q.OldestFirst = 0, 0, true
	head, err := w.d.store.newestEntry(ctx)
	if err != nil {
		return err
	}
	w.lastReported = w.d.watches.newestDropped(&w.q)
	top := max(head, w.d.watches.newestDropped(&Query{})) // retention may have removed the newest entry
	resumed := after > 0
	switch {
	case resumed:
		w.pos = min(after, top) // above it only if the newest entries were deleted
		w.lastReported = min(w.lastReported, w.pos)
	case w.q.Since.IsZero() && limit <= 0:
		w.pos = top
	}
	if w.pos >= head {
		return nil
	}
	stored := w.q
	stored.After, stored.upTo = w.pos, head
	if w.Stored, err = w.d.store.countEntries(ctx, stored); err != nil || limit <= 0 || w.Stored <= limit {
		return err
	}
	stored.Limit, stored.OldestFirst = limit, false
	newest, err := w.d.store.listEntries(ctx, stored)
	if err != nil || len(newest) == 0 {
		return err
	}
	from := w.pos + 1
	w.pos, w.Stored = newest[len(newest)-1].ID-1, len(newest)
	if resumed || !w.q.Since.IsZero() {
		w.gap = &Missed{from, w.pos}
	}
	return nil
}

// Next waits for entries and returns them, at most one page. It reads the archive at most every Config.WatchEvery. Errors: ErrClosed when the
// dispatcher ends, the context's, the database's.
func (w *Watch) Next(ctx context.Context) (News, error) {
	for {
		if err := w.waitInterval(ctx); err != nil {
			return News{}, err
		}
		changed := w.d.watches.changes()
		news, err := w.readPage(ctx)
		if err != nil || news.Missed != nil || len(news.Entries) > 0 {
			return news, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return News{}, ctx.Err()
		case <-w.d.watching.Done():
			return News{}, ErrClosed
		}
	}
}

// waitInterval limits the rate of archive reads.
func (w *Watch) waitInterval(ctx context.Context) error {
	wait := time.Duration(0)
	if !w.read.IsZero() {
		wait = w.d.cfg.WatchEvery - time.Since(w.read)
	}
	timer := time.NewTimer(max(wait, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-w.d.watching.Done():
	}
	if w.d.watching.Err() != nil {
		return ErrClosed
	}
	return ctx.Err()
}

// readPage reads the next page, up to the head of the archive before the read.
func (w *Watch) readPage(ctx context.Context) (news News, err error) {
	news.Missed = w.gap
	head, err := w.d.store.newestEntry(ctx)
	if err != nil {
		return News{}, err
	}
	if head > w.pos {
		page := w.q
		page.After, page.upTo, page.Limit = w.pos, head, watchPage
		if news.Entries, err = w.d.store.listEntries(ctx, page); err != nil {
			return News{}, err
		}
	}
	// Queried after reading: removals before the read count, later ones do not.
	if taken := w.d.watches.newestDropped(&w.q); taken > max(w.pos, w.lastReported) {
		news.Missed = &Missed{max(w.pos, w.lastReported) + 1, taken}
		w.lastReported = taken
	}
	w.gap = nil
	if n := len(news.Entries); n == watchPage {
		w.pos, w.read = max(w.pos, news.Entries[n-1].ID), time.Time{} // there may be more: no pause
	} else {
		w.pos, w.read = max(w.pos, head), time.Now()
	}
	return news, nil
}

// watchPage is the number of entries per read of a watch.
const watchPage = 200

// Close ends the watch.
func (w *Watch) Close() {
	w.once.Do(func() {
		w.d.watches.mu.Lock()
		defer w.d.watches.mu.Unlock()
		w.d.watches.open--
	})
}

// Ended is closed when the dispatcher ends and no further entries will follow.
func (w *Watch) Ended() <-chan struct{} { return w.d.watching.Done() }

// Watches returns the number of open watches.
func (d *Dispatcher) Watches() int {
	d.watches.mu.Lock()
	defer d.watches.mu.Unlock()
	return d.watches.open
}

// EndWatches ends all watches with ErrClosed and rejects new ones, so that callers blocked in Next return before the dispatcher closes.
func (d *Dispatcher) EndWatches() { d.watches.end() }
