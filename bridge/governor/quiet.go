package governor

import (
	"fmt"
	"time"
	_ "time/tzdata" // zones on machines without a database of them
)

// Quiet is a daily time without automatic sends other than replies, from a minute of the day until another, which may be
// on the next day. The zero value is no time at all.
type Quiet struct {
	From, Until time.Duration // since midnight
}

// ParseQuiet reads a time of the form 22:00-07:30; an empty text is none.
func ParseQuiet(text string) (Quiet, error) {
	if text == "" {
		return Quiet{}, nil
	}
	var fromHour, fromMinute, untilHour, untilMinute int
	n, err := fmt.Sscanf(text+" ", "%02d:%02d-%02d:%02d ", &fromHour, &fromMinute, &untilHour, &untilMinute)
	if err != nil || n != 4 || max(fromHour, untilHour) > 23 || max(fromMinute, untilMinute) > 59 || min(fromHour, fromMinute, untilHour, untilMinute) < 0 ||
		text != fmt.Sprintf("%02d:%02d-%02d:%02d", fromHour, fromMinute, untilHour, untilMinute) {
		return Quiet{}, fmt.Errorf("%q is not of the form 22:00-07:00", text)
	}
	of := func(hour, minute int) time.Duration {
		return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
	}
	return Quiet{From: of(fromHour, fromMinute), Until: of(untilHour, untilMinute)}, nil
}

// End reports whether a time is quiet in a zone (nil = UTC), and when that ends.
func (q Quiet) End(at time.Time, zone *time.Location) (end time.Time, quiet bool) {
	if q.From == q.Until {
		return end, false
	}
	if zone == nil {
		zone = time.UTC
	}
	at = at.In(zone)
	clock := func(days int, d time.Duration) time.Time {
		return time.Date(at.Year(), at.Month(), at.Day()+days, int(d/time.Hour), int(d%time.Hour/time.Minute), 0, 0, zone)
	}
	for _, days := range []int{-1, 0} { // the quiet time that began yesterday, and that of today
		from, until := clock(days, q.From), clock(days, q.Until)
		if q.Until < q.From {
			until = clock(days+1, q.Until)
		}
		if !at.Before(from) && at.Before(until) {
			return until, true
		}
	}
	return end, false
}
