package socket

import (
	"testing"

	"github.com/waystation/waystation/transports/journal"
)

// For any position of a client or a stored cursor: it continues inside the log, and the range in between is a
// reported gap or empty.
func FuzzResume(f *testing.F) {
	f.Add(true, uint64(0), uint64(0), uint64(0))
	f.Add(true, uint64(25), uint64(30), uint64(20))
	f.Add(true, uint64(19), uint64(30), uint64(20))
	f.Add(true, uint64(99), uint64(30), uint64(30))
	f.Add(false, uint64(1<<63), uint64(1<<62), uint64(1))
	f.Fuzz(func(t *testing.T, same bool, offset, head, dropped uint64) {
		head %= 1 << 62
		dropped = min(dropped, head)
		log := journal.Log{Epoch: "e", Head: head, Oldest: dropped + 1}
		epoch := "e"
		if !same {
			epoch = "other"
		}
		pos, g := resumeAt(log, epoch, offset)
		if pos < dropped || pos > head {
			t.Fatalf("goes on at %d of %+v", pos, log)
		}
		switch {
		case g == nil:
			if !same || pos != offset {
				t.Fatalf("from %d on at %d without a gap", offset, pos)
			}
		case !same:
			if g.Reason != gapEpoch || pos != dropped || g.From != 1 || g.To != dropped {
				t.Fatalf("%+v, on at %d", g, pos)
			}
		case offset > head:
			if g.Reason != gapEpoch || pos != head || g.From != head+1 || g.To != offset {
				t.Fatalf("%+v, on at %d", g, pos)
			}
		default:
			if g.Reason != gapRetention || g.From != offset+1 || g.To != pos || pos != dropped {
				t.Fatalf("%+v, on at %d", g, pos)
			}
		}
	})
}
