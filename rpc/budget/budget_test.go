package budget

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestBoundsOfOneAndOfAll(t *testing.T) {
	for name, c := range map[string]struct {
		total, share int64
		held         map[string]int64
		principal    string
		n            int64
		want         bool
	}{
		"empty":                          {100, 25, nil, "a", 25, true},
		"share by default a quarter":     {100, 0, map[string]int64{"a": 20}, "a", 6, false},
		"share reached exactly":          {100, 25, map[string]int64{"a": 20}, "a", 5, true},
		"share exceeded":                 {100, 25, map[string]int64{"a": 20}, "a", 6, false},
		"others do not count":            {100, 25, map[string]int64{"a": 25, "b": 25}, "c", 25, true},
		"total reached exactly":          {100, 50, map[string]int64{"a": 50, "b": 40}, "c", 10, true},
		"total exceeded":                 {100, 50, map[string]int64{"a": 50, "b": 40}, "c", 11, false},
		"above the share, none held":     {100, 25, map[string]int64{"b": 10}, "a", 80, true},
		"above the share, total reached": {100, 25, map[string]int64{"b": 30}, "a", 80, false},
		"above the total, all free":      {100, 25, nil, "a", 1000, true},
		"share above the total":          {100, 400, map[string]int64{"a": 20}, "a", 10, false},
		"nothing":                        {100, 25, map[string]int64{"a": 500}, "a", 0, true},
		"no name is a principal":         {100, 25, map[string]int64{"": 20}, "", 6, false},
	} {
		b := New(c.total, c.share)
		for id, n := range c.held {
			b.Charge(id, n)
		}
		if got := b.TryAcquire(c.principal, c.n); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if !c.want {
			if err := b.Acquire(ctx, c.principal, c.n); !errors.Is(err, ErrFull) || !errors.Is(err, context.Canceled) {
				t.Errorf("%s: Acquire: %v", name, err)
			}
		}
		if c.want {
			b.Release(c.principal, c.n)
		}
		for id, n := range c.held {
			b.Release(id, n)
		}
		if b.Held() != 0 || len(b.byOwner) != 0 || len(b.waiting) != 0 {
			t.Errorf("%s: left behind: %d bytes, %d principals, %d waiting", name, b.Held(), len(b.byOwner), len(b.waiting))
		}
	}
}

func TestOnePrincipalAtItsShareHoldsUpOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(100, 25)
		b.Charge("greedy", 25)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if err := b.Acquire(t.Context(), "greedy", 5); err != nil {
					t.Error(err)
				}
				b.Release("greedy", 5)
			})
		}
		synctest.Wait()
		var small sync.WaitGroup
		small.Go(func() { // would fit into the share, but stands behind others of its principal
			if err := b.Acquire(t.Context(), "greedy", 1); err != nil {
				t.Error(err)
			}
			b.Release("greedy", 1)
		})
		synctest.Wait()
		b.Release("greedy", 2)
		synctest.Wait()
		if !b.TryAcquire("other", 25) {
			t.Error("another principal is refused")
		}
		b.Release("other", 25)
		if b.TryAcquire("greedy", 1) {
			t.Error("a call overtakes an earlier one of its principal")
		}
		b.Release("greedy", 23)
		wg.Wait()
		small.Wait()
		if b.Held() != 0 {
			t.Errorf("%d bytes left", b.Held())
		}
	})
}

func TestLargeAcquireIsNotStarvedBySmallOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(100, 100)
		b.Charge("a", 50)
		got := make(chan error, 1)
		go func() { got <- b.Acquire(t.Context(), "large", 80) }()
		synctest.Wait()
		if b.TryAcquire("small", 10) {
			t.Error("a small one overtakes a large one that waits for the total")
		}
		b.Release("a", 50)
		if err := <-got; err != nil {
			t.Error(err)
		}
		b.Release("large", 80)
	})
}

func TestAcquireThatGivesUpLetsOthersPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(100, 100)
		b.Charge("a", 50)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := b.Acquire(ctx, "large", 80); !errors.Is(err, ErrFull) || !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if err := b.Acquire(t.Context(), "small", 10); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		if b.HeldBy("small") != 10 || b.HeldBy("large") != 0 {
			t.Errorf("held: %d and %d", b.HeldBy("small"), b.HeldBy("large"))
		}
	})
}

func TestNilBudgetHasNoBounds(t *testing.T) {
	var b *Budget
	if !b.TryAcquire("a", 1<<60) || b.Acquire(t.Context(), "a", 1<<60) != nil || b.Held() != 0 {
		t.Error("nil is bounded")
	}
	b.Charge("a", 1)
	b.Release("a", 1)
}

func TestManyPrincipalsTogether(t *testing.T) {
	b := New(1000, 100)
	var wg sync.WaitGroup
	for i := range 40 {
		id := fmt.Sprint("p", i%8)
		wg.Go(func() {
			for n := range int64(200) {
				n = n%60 + 1
				if err := b.Acquire(t.Context(), id, n); err != nil {
					t.Error(err)
					return
				}
				if held, own := b.Held(), b.HeldBy(id); held > 1000 || own > 100 {
					t.Errorf("%d bytes held, %d of one", held, own)
				}
				b.Release(id, n)
			}
		})
	}
	wg.Wait()
	if b.Held() != 0 || len(b.byOwner) != 0 {
		t.Errorf("%d bytes left", b.Held())
	}
}
