package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrTooManyWatches says that Config.MaxWatches are open.
var ErrTooManyWatches = errors.New("dispatch: too many watches are open")

// Watch follows the archive: a position in the sequence of its entries, which moves as its owner asks for more. It holds no
// entries, so that one who is slow costs nobody anything. It is used by one goroutine at a time and ended with Close.
type Watch struct {
	// Stored is how many entries of before the watch come first.
	Stored int

	d    *Dispatcher
	q    Query
	pos  int64 // last id that was dealt with
	told int64 // newest id that retention took and that needs no word any more
	gap  *Missed
	read time.Time // when the archive was last looked at
	once sync.Once
}

// Missed is a stretch of ids, From to To, of which entries may be missing: retention took them before they were read, or
// Query.Limit left them out.
type Missed struct{ From, To int64 }

// News is what a watch has next: what is missing, if anything, comes before the entries.
type News struct {
	Missed  *Missed
	Entries []Entry // in the order of their ids
}

// watches are the open ones.
type watches struct {
	end context.CancelFunc // of all

	mu      sync.Mutex
	open    int
	changed chan struct{}    // closed at the next commit with entries
	dropped map[Status]int64 // newest id of each kind that retention took: kinds are kept for different times
}

// openWatches finds out what retention took before: all that is older than the oldest entry, and of what was delivered, which
// is kept for a shorter time, all that is older than the oldest of that.
func (d *Dispatcher) openWatches(ctx context.Context) error {
	d.watches = watches{changed: make(chan struct{}), dropped: map[Status]int64{}}
	for kind, of := range map[Status]Status{Delivered: Delivered, DeadLetter: "", Gap: ""} {
		oldest, err := d.store.oldest(ctx, of)
		if err != nil {
			return err
		}
		d.watches.dropped[kind] = max(oldest-1, 0)
	}
	return nil
}

func (w *watches) tell() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open > 0 {
		close(w.changed)
		w.changed = make(chan struct{})
	}
}

// drop notes what retention is about to take.
func (w *watches) drop(expired []Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range expired {
		w.dropped[expired[i].Status] = max(w.dropped[expired[i].Status], expired[i].ID)
	}
}

// news is closed at the next commit with entries.
func (w *watches) news() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// taken is the newest id that retention took of what a query selects by its kind.
func (w *watches) taken(q *Query) (newest int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for status, id := range w.dropped {
		if (q.Status == "" || q.Status == status) && (!q.Failed || status != Delivered) {
			newest = max(newest, id)
		}
	}
	return newest
}

// Watch begins to follow the entries that a query selects by Status, Failed, Transport, Target, Sessions, Own and Type. It
// begins after the entry After, or at the time Since, whose entries that are stored come first, else with the next entry.
// Limit bounds the stored ones, of which the newest are taken; alone it asks for so many. An id that was read before goes
// on without a hole and without a repetition. Other fields of the query must be zero. Errors: ErrTooManyWatches,
// ErrClosed, ErrInvalid, the database's.
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
	if err := w.begin(ctx); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// begin finds the position to begin at.
func (w *Watch) begin(ctx context.Context) error {
	after, limit := w.q.After, w.q.Limit
	w.q.After, w.q.Limit, w.q.OldestFirst = 0, 0, true
	head, err := w.d.store.newest(ctx)
	if err != nil {
		return err
	}
	w.told = w.d.watches.taken(&w.q)
	top := max(head, w.d.watches.taken(&Query{})) // retention may have taken the newest of all
	resumed := after > 0
	switch {
	case resumed:
		w.pos = min(after, top) // above it only if the newest entries were deleted
		w.told = min(w.told, w.pos)
	case w.q.Since.IsZero() && limit <= 0:
		w.pos = top
	}
	if w.pos >= head {
		return nil
	}
	stored := w.q
	stored.After, stored.upTo = w.pos, head
	if w.Stored, err = w.d.store.count(ctx, stored); err != nil || limit <= 0 || w.Stored <= limit {
		return err
	}
	stored.Limit, stored.OldestFirst = limit, false
	newest, err := w.d.store.list(ctx, stored)
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

// Next waits for entries and returns them, a page at most. It looks into the archive every Config.WatchEvery at most.
// Errors: ErrClosed when the dispatcher ends, the context's, the database's.
func (w *Watch) Next(ctx context.Context) (News, error) {
	for {
		if err := w.pause(ctx); err != nil {
			return News{}, err
		}
		changed := w.d.watches.news()
		news, err := w.look(ctx)
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

// pause keeps a watch from reading for every single commit.
func (w *Watch) pause(ctx context.Context) error {
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

// look reads the next page, up to the head that the archive has before it.
func (w *Watch) look(ctx context.Context) (news News, err error) {
	news.Missed = w.gap
	head, err := w.d.store.newest(ctx)
	if err != nil {
		return News{}, err
	}
	if head > w.pos {
		page := w.q
		page.After, page.upTo, page.Limit = w.pos, head, watchPage
		if news.Entries, err = w.d.store.list(ctx, page); err != nil {
			return News{}, err
		}
	}
	// Asked after reading: what was taken meanwhile counts, what is taken from now on does not.
	if taken := w.d.watches.taken(&w.q); taken > max(w.pos, w.told) {
		news.Missed = &Missed{max(w.pos, w.told) + 1, taken}
		w.told = taken
	}
	w.gap = nil
	if n := len(news.Entries); n == watchPage {
		w.pos, w.read = max(w.pos, news.Entries[n-1].ID), time.Time{} // there may be more: no pause
	} else {
		w.pos, w.read = max(w.pos, head), time.Now()
	}
	return news, nil
}

// watchPage is how many entries a watch reads at once.
const watchPage = 200

// Close ends the watch.
func (w *Watch) Close() {
	w.once.Do(func() {
		w.d.watches.mu.Lock()
		defer w.d.watches.mu.Unlock()
		w.d.watches.open--
	})
}

// Ended is closed when no more will come, because the dispatcher ends.
func (w *Watch) Ended() <-chan struct{} { return w.d.watching.Done() }

// Watches is how many are open.
func (d *Dispatcher) Watches() int {
	d.watches.mu.Lock()
	defer d.watches.mu.Unlock()
	return d.watches.open
}

// EndWatches ends all watches with ErrClosed and lets no new ones begin, so that those who wait in them can go before the
// dispatcher does.
func (d *Dispatcher) EndWatches() { d.watches.end() }
