package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/testkit"
)

// newBackloggedWorld returns a world whose target has n events to catch up with.
func newBackloggedWorld(t *testing.T, db *dbutil.Database, s Sink, p Policy, n int) *world {
	t.Helper()
	w := openWorld(t, db, Config{})
	w.addSink(&recorder{}, p)
	w.putTargets(allEvents("a"))
	w.close()
	w.appendEvents("a", "Message", n)
	w.openDispatcher(Config{})
	w.addSink(s, p)
	w.putTargets(allEvents("a"))
	return w
}

// batchSink records each batch, and returns the configured result.
type batchSink struct {
	recorder
	answerAll func(all []Delivery) (taken int, err error) // nil = accepts all

	mu    sync.Mutex
	calls [][]uint64
}

func (b *batchSink) DeliverAll(ctx context.Context, t Target, all []Delivery) (taken, code int, err error) {
	taken = len(all)
	if b.answerAll != nil {
		taken, err = b.answerAll(all)
	}
	list := make([]uint64, len(all))
	for i := range all {
		list[i] = all[i].Event.Offset
		if i < taken {
			_, _ = b.Deliver(ctx, t, &all[i])
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, list)
	return taken, 200, err
}

func (b *batchSink) recordedBatches() [][]uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.calls)
}

// requireOrdered fails the test unless all n events arrived once, in order.
func requireOrdered(t *testing.T, seen []attempt, n int) {
	t.Helper()
	want := make([]uint64, n)
	for i := range want {
		want[i] = uint64(i + 1)
	}
	if got := attemptOffsets(seen); !slices.Equal(got, want) {
		t.Errorf("received as %v", got)
	}
}

// A crash repeats less than 1 % of the events that a lane has sent in a row, plus one event.
func TestWindowShare(t *testing.T) {
	p := Policy{}.withDefaults()
	for row, want := range map[int]int{0: 1, 1: 1, 127: 1, 128: 2, 1000: 8, 1919: 15, 1920: 16, 1_000_000: 16} {
		if got := p.windowSize(row); got != want {
			t.Errorf("%d after %d, want %d", got, row, want)
		}
	}
}

// The window of a lane that catches up grows from a single event up to the policy's size.
func TestWindowGrows(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		b := &batchSink{}
		w := newBackloggedWorld(t, db, b, Policy{Window: 8, WindowShare: 1}, 30)
		b.awaitAttempts(t, 30)
		testkit.Eventually(t, "the end", func() bool { return len(w.listEntries(Query{})) == 30 })
		requireOrdered(t, b.recordedAttempts(), 30)
		want := [][]uint64{{2, 3}, {4, 5, 6, 7}, {8, 9, 10, 11, 12, 13, 14, 15}, {16, 17, 18, 19, 20, 21, 22, 23}, {24, 25, 26, 27, 28, 29, 30}}
		if got := b.recordedBatches(); !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("windows %v", got)
		}
		if st := w.Stats()[0]; st.Attempts != 30 || st.Retries != 0 {
			t.Errorf("%+v", st)
		}
		entries := w.listEntries(Query{OldestFirst: true})
		if len(entries) != 30 || entries[29].Offset != 30 || entries[29].Attempts != 1 || entries[29].Code != 200 {
			t.Errorf("%d entries, the last %+v", len(entries), entries[len(entries)-1])
		}
	})
}

// A failure in the middle of a window: the deliveries before it are stored immediately and not repeated, even after a restart; the failed one is
// retried alone, with its own attempts, and the following ones wait for it.
func TestWindowFails(t *testing.T) {
	for _, together := range []bool{true, false} {
		t.Run(fmt.Sprint("together=", together), func(t *testing.T) {
			onEach(t, func(t *testing.T, db *dbutil.Database) {
				const bad = 10
				no := errors.New("no")
				b := &batchSink{}
				b.answerAll = func(all []Delivery) (int, error) {
					if i := slices.IndexFunc(all, func(d Delivery) bool { return d.Event.Offset == bad }); i >= 0 {
						return i, no
					}
					return len(all), nil
				}
				b.answer = func(_ context.Context, _ Target, d *Delivery) (int, error) {
					if d.Event.Offset == bad {
						return 500, no
					}
					return 200, nil
				}
				var s Sink = b
				if !together {
					s = struct{ Sink }{b}
				}
				p := Policy{MaxAttempts: 5, BackoffBase: 300 * time.Millisecond, Window: 8, WindowShare: 1}
				w := newBackloggedWorld(t, db, s, p, 20)
				testkit.Eventually(t, "a pause after a failure", func() bool { // each may be as short as nothing
					live := w.Live(nil)
					return len(live) == 1 && live[0].Offset == bad && live[0].Attempts >= 1 && !live[0].Active
				})
				if st := w.Stats()[0]; st.Delivered != bad-1 {
					t.Errorf("%+v", st)
				}
				w.close() // while it waits for its next attempt
				if got := len(w.listEntries(Query{Status: Delivered})); got != bad-1 {
					t.Errorf("%d entries are stored of %d", got, bad-1)
				}
				before := len(b.recordedAttempts())
				w.openDispatcher(Config{})
				w.addSink(s, p)
				w.putTargets(allEvents("a"))
				testkit.Eventually(t, "the end", func() bool { return w.Stats()[0].Delivered == 20-bad })
				for _, a := range b.recordedAttempts()[before:] {
					if a.offset < bad {
						t.Errorf("%d was sent again", a.offset)
					}
				}
				dead := w.listEntries(Query{Status: DeadLetter})
				if len(dead) != 1 || dead[0].Offset != bad || dead[0].Attempts != p.MaxAttempts || dead[0].Error != "no" {
					t.Errorf("%+v", dead)
				}
				if body, err := w.Body(context.Background(), dead[0]); err != nil || body == nil {
					t.Errorf("body %s, %v", body, err)
				}
				var came []uint64
				for _, o := range attemptOffsets(b.recordedAttempts()) {
					if o != bad {
						came = append(came, o)
					}
				}
				if len(came) != 19 || !slices.IsSorted(came) {
					t.Errorf("received as %v", came)
				}
			})
		})
	}
}

// A Batcher that delivers nothing without an error is treated as a failure of its lane.
func TestBatchDeliversNothing(t *testing.T) {
	onEach(t, func(t *testing.T, db *dbutil.Database) {
		b := &batchSink{answerAll: func([]Delivery) (int, error) { return 0, nil }}
		w := newBackloggedWorld(t, db, b, Policy{BackoffBase: time.Millisecond, WindowShare: 1}, 5)
		testkit.Eventually(t, "the end", func() bool { return w.Stats()[0].Delivered == 5 })
		requireOrdered(t, b.recordedAttempts(), 5)
	})
}

// A window ends when its time is up: outcomes of a slow target are stored soon.
func TestWindowTime(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		r := &recorder{answer: func(context.Context, Target, *Delivery) (int, error) {
			time.Sleep(30 * time.Millisecond)
			return 200, nil
		}}
		w.addSink(r, Policy{WindowTime: 50 * time.Millisecond, WindowShare: 1})
		w.putTargets(allEvents("a"))
		w.appendEvents("a", "Message", 12)
		most := 0
		for delivered := 0; delivered < 12; {
			time.Sleep(10 * time.Millisecond)
			delivered = int(w.Stats()[0].Delivered)
			stored := len(w.listEntries(Query{}))
			most = max(most, delivered-stored)
		}
		if most > 2 {
			t.Errorf("%d deliveries had ended and were not stored", most)
		}
		requireOrdered(t, r.recordedAttempts(), 12)
	})
}
