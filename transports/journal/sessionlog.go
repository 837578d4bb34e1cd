package journal

import "sync"

// sessionLog is what memory holds of one session's log: its position and a ring of
// the newest events. Only the committer changes it.
type sessionLog struct {
	watchers watcherList

	mu     sync.RWMutex
	loaded bool
	epoch  string
	head   uint64
	oldest uint64
	ring   []*Event // consecutive offsets ending at head; empty while nothing was appended since start
	bytes  int      // of the ring's bodies
}

// logRow is a log's position as the store has it.
type logRow struct {
	epoch        string
	head, oldest uint64
}

func (l *sessionLog) isLoaded() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.loaded
}

func (l *sessionLog) setPosition(row logRow) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch, l.head, l.oldest, l.loaded = row.epoch, row.head, row.oldest, true
	l.ring, l.bytes = nil, 0
}

// forget makes the next use read the position from the store again.
func (l *sessionLog) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loaded, l.ring, l.bytes = false, nil, 0
}

func (l *sessionLog) headOffset() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.head
}

// advance publishes committed events.
func (l *sessionLog) advance(events []*Event, maxEvents, maxBytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		l.ring = append(l.ring, e)
		l.bytes += len(e.body)
	}
	l.head = events[len(events)-1].Offset
	drop := 0
	for drop < len(l.ring)-1 && (len(l.ring)-drop > maxEvents || l.bytes > maxBytes) {
		l.bytes -= len(l.ring[drop].body)
		l.ring[drop] = nil // the array lives on until append moves it
		drop++
	}
	l.ring = l.ring[drop:]
}

// trimmed follows a retention run.
func (l *sessionLog) trimmed(oldest uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.oldest = oldest
	for len(l.ring) > 0 && l.ring[0].Offset < oldest {
		l.bytes -= len(l.ring[0].body)
		l.ring[0] = nil
		l.ring = l.ring[1:]
	}
}

// tail reads from the ring. inMemory is false when the store has to be asked.
func (l *sessionLog) tail(after uint64, maxEvents, maxBytes int) (events []*Event, inMemory bool, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	switch {
	case after >= l.head:
		return nil, true, nil
	case after+1 < l.oldest:
		return nil, false, ErrPositionLost
	case len(l.ring) == 0 || after+1 < l.ring[0].Offset:
		return nil, false, nil
	}
	rest := l.ring[after+1-l.ring[0].Offset:]
	rest = rest[:min(len(rest), maxEvents)]
	size := 0
	for i, e := range rest {
		if size += len(e.body); i > 0 && maxBytes > 0 && size > maxBytes {
			rest = rest[:i]
			break
		}
	}
	return append(make([]*Event, 0, len(rest)), rest...), true, nil
}
