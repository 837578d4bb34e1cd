package socket

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/journal"
)

// ledger appends events and keeps the frames that every receiver must get.
type ledger struct {
	journal *journal.Journal
	ids     []string     // sessions
	total   atomic.Int64 // events of all sessions

	mu     sync.RWMutex
	frames map[string][][]byte // by session; [0] is the event with offset 1
}

// newLedger makes a ledger of some sessions, which become the only ones of the world.
func newLedger(w *world, sessions int) *ledger {
	l := &ledger{journal: w.journal, frames: make(map[string][][]byte)}
	for i := range sessions {
		l.ids = append(l.ids, fmt.Sprintf("s%d", i+1))
	}
	w.directory.mu.Lock()
	w.directory.ids = slices.Clone(l.ids)
	w.directory.mu.Unlock()
	return l
}

func (l *ledger) append(t testing.TB, session, kind string) {
	t.Helper()
	l.appendData(t, session, kind, object{"n": l.total.Load(), "text": "the body of a message of ordinary length"})
}

func (l *ledger) appendData(t testing.TB, session, kind string, body object) {
	t.Helper()
	data, _ := json.Marshal(body)
	res, err := l.journal.Append(context.Background(), session, journal.Record{Type: kind, Data: data})
	if err != nil {
		t.Error(err)
		return
	}
	encoded := res[0].Event.Body()
	frame := append(append(append(make([]byte, 0, len(encoded)+64), eventHead...), encoded...), eventTail...)
	l.mu.Lock()
	l.frames[session] = append(l.frames[session], frame)
	l.mu.Unlock()
	l.total.Add(1)
}

// frame is the frame of an event, nil when it is not known yet: a receiver may be faster than the appender.
func (l *ledger) frame(session string, offset uint64) []byte {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if list := l.frames[session]; offset > 0 && offset <= uint64(len(list)) {
		return list[offset-1]
	}
	return nil
}

// pollUntil checks a condition every millisecond.
func pollUntil(within time.Duration, what string, done func() bool) error {
	for end := time.Now().Add(within); !done(); {
		if time.Now().After(end) {
			return fmt.Errorf("%s: not within %s", what, within)
		}
		<-time.After(time.Millisecond)
	}
	return nil
}
