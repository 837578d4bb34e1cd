package journal

import (
	"sync/atomic"
	"testing"
	"time"
)

func TestFind(t *testing.T) {
	base := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	minutes := func(n float64) time.Time { return base.Add(time.Duration(n * float64(time.Minute))) }
	var clock atomic.Int64 // minutes after base
	cfg := Config{RetainEvents: -1, RetainFor: -1, RingEvents: 3, Now: func() time.Time { return minutes(float64(clock.Load())) }}
	onEach(t, cfg, func(t *testing.T, j *Journal, _ func() *Journal) {
		log := func(at, happened float64) {
			clock.Store(int64(at))
			r := record("", `1`)
			r.Time = minutes(happened)
			appendOne(t, j, "s", r)
		}
		if l, after, err := j.Find(t.Context(), "s", base); err != nil || after != 0 || l.Head != 0 || l.Epoch == "" {
			t.Fatalf("empty log: %+v, %d, %v", l, after, err)
		}
		log(0, 0)      // 1
		log(10, 10)    // 2
		log(200, 11)   // 3 to 5 arrived late, 4 before 3
		log(200, 10.5) // 4
		log(200, 190)  // 5
		log(201, 230)  // 6: a phone whose clock is ahead
		log(300, 300)  // 7
		log(300, 300)  // 8
		log(500, 500)  // 9
		for _, c := range []struct {
			at   float64
			want uint64
		}{
			{-1e6, 0},
			{-1, 0},
			{0, 0},
			{0.001, 1},
			{10, 1},
			{10.2, 2},
			{11, 2},
			{11.1, 4},
			{190, 4},
			{195, 5},
			{230, 5},
			{231, 6},
			{300, 6},
			{300.0001, 8},
			{400, 8},
			{500, 8},
			{501, 9},
			{1e6, 9},
		} {
			l, after, err := j.Find(t.Context(), "s", minutes(c.at))
			if err != nil || after != c.want || l.Head != 9 {
				t.Errorf("minute %v: after %d (%+v, %v), want %d", c.at, after, l, err, c.want)
			}
		}
		if _, after, err := j.Find(t.Context(), "s", time.Time{}); err != nil || after != 0 {
			t.Errorf("year 1: %d, %v", after, err)
		}
		// A time a fraction of a millisecond after an event is after it.
		if _, after, err := j.Find(t.Context(), "s", base.Add(time.Nanosecond)); err != nil || after != 1 {
			t.Errorf("a nanosecond later: %d, %v", after, err)
		}
	})
}

// Events removed by retention are not found, and the result begins at the oldest retained event.
func TestFindBeforeTheOldest(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond)
	cfg := Config{RetainEvents: 4, SweepBatch: 3, RingEvents: 1, Now: func() time.Time { return now }}
	onEach(t, cfg, func(t *testing.T, j *Journal, _ func() *Journal) {
		first := now
		for range 10 {
			now = now.Add(2 * time.Hour)
			r := record("", `1`)
			r.Time = now
			appendOne(t, j, "s", r)
		}
		if err := j.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		for ago, want := range map[time.Duration]uint64{now.Sub(first): 6, 11 * time.Hour: 6, 3 * time.Hour: 8, 0: 9, -time.Hour: 10} {
			log, after, err := j.Find(t.Context(), "s", now.Add(-ago))
			if err != nil || after != want || log.Oldest != 7 {
				t.Errorf("%s ago: after %d (%+v, %v), want %d", ago, after, log, err, want)
			}
		}
	})
}

// The search in a long run of late events is bounded, and skips no event after it.
func TestFindIsBounded(t *testing.T) {
	j := open(t, nil, Config{RetainEvents: -1})
	late := make([]Record, 500)
	for i := range late {
		late[i] = record("", `1`)
		late[i].Time = time.Now().Add(-48 * time.Hour)
	}
	for range findScan/len(late) + 3 {
		if _, err := j.Append(t.Context(), "s", late...); err != nil {
			t.Fatal(err)
		}
	}
	if _, after, err := j.Find(t.Context(), "s", time.Now().Add(-time.Minute)); err != nil || after != findScan {
		t.Errorf("after %d, %v, want %d", after, err, findScan)
	}
}
