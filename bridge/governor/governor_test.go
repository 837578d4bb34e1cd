package governor

import (
	"testing"
	"time"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func TestPausesAreRandomWithinTheirBounds(t *testing.T) {
	l := Limits{PauseMin: 3 * time.Second, PauseMax: 8 * time.Second}
	g, seen := New(nil), map[time.Duration]bool{}
	if at, why := g.Next(noon, Bulk, l, 0); at != noon || why != None {
		t.Errorf("the first send waits until %v: %s", at, why)
	}
	for range 50 {
		g.Record(noon, l)
		at, why := g.Next(noon, Reply, l, 0)
		pause := at.Sub(noon)
		if pause < l.PauseMin || pause > l.PauseMax || why != Pause {
			t.Fatalf("a pause of %v: %s", pause, why)
		}
		seen[pause] = true
	}
	if len(seen) < 2 {
		t.Error("all pauses are the same")
	}
}

func TestLimitsOfMinuteHourAndDay(t *testing.T) {
	for _, c := range []struct {
		limits Limits
		length time.Duration
		why    Reason
	}{{Limits{PerMinute: 4}, time.Minute, PerMinute}, {Limits{PerHour: 4}, time.Hour, PerHour}, {Limits{PerDay: 4}, day, PerDay}} {
		g := New(nil)
		for i := range 3 {
			g.Record(noon.Add(time.Duration(i)*time.Second), c.limits)
		}
		now := noon.Add(10 * time.Second)
		if at, why := g.Next(now, Bulk, c.limits, 0); at != noon.Add(c.length) || why != c.why {
			t.Errorf("bulk has more than three quarters of the limit: %v, %s", at, why)
		}
		if at, why := g.Next(now, Scheduled, c.limits, 0); at != now || why != None {
			t.Errorf("the last quarter is not for others: %v, %s", at, why)
		}
		g.Record(now, c.limits)
		if at, why := g.Next(now, Reply, c.limits, 0); at != noon.Add(c.length) || why != c.why {
			t.Errorf("a reply over the limit: %v, %s", at, why)
		}
		if at, why := New(g.sent).Next(now, Reply, c.limits, 0); at != noon.Add(c.length) || why != c.why {
			t.Errorf("after a restart: %v, %s", at, why)
		}
	}
}

func TestWarmUp(t *testing.T) {
	for paired, want := range map[time.Duration]int{0: 10, 5 * day: 55, 10 * day: 100, 20 * day: 100} {
		if got := warm(100, 10*day, paired); got != want {
			t.Errorf("%v after pairing: %d, not %d", paired, got, want)
		}
	}
	if warm(3, day, 0) != 1 || warm(0, day, 0) != 0 || warm(7, 0, 0) != 7 {
		t.Error("small limits, no limit or no warm-up")
	}
}

func TestQuietHours(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	q, err := ParseQuiet("22:00-07:30")
	if err != nil {
		t.Fatal(err)
	}
	at := func(day, hour, minute int) time.Time { return time.Date(2030, 3, day, hour, minute, 0, 0, zone) }
	for _, c := range []struct{ now, end time.Time }{
		{at(1, 21, 59), time.Time{}},
		{at(1, 22, 0), at(2, 7, 30)},
		{at(2, 3, 0), at(2, 7, 30)},
		{at(2, 7, 30), time.Time{}},
		{at(30, 23, 0), at(31, 7, 30)}, // the night in which summer time begins
	} {
		if end, quiet := q.End(c.now.UTC(), zone); !end.Equal(c.end) || quiet != !c.end.IsZero() {
			t.Errorf("%v: quiet until %v, not %v", c.now, end, c.end)
		}
	}
	l := Limits{Quiet: q, Zone: zone}
	night := at(1, 23, 0)
	if got, why := New(nil).Next(night, Scheduled, l, 0); !got.Equal(at(2, 7, 30)) || why != QuietTime {
		t.Errorf("%v, %s", got, why)
	}
	if got, why := New(nil).Next(night, Reply, l, 0); got != night || why != None {
		t.Errorf("a reply at night: %v, %s", got, why)
	}
	for _, bad := range []string{"22-7", "24:00-07:00", "22:00-07:60", "22:00", "x", "22:00-07:00x", "-1:00-02:00"} {
		if _, err := ParseQuiet(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
