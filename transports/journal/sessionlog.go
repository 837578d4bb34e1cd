package journal

import (
	"sync"
	"time"
)

// logRow is a log's position as stored.
type logRow struct {
	id           int64 // of the log; a purged session's next log has another, larger one
	session      string
	epoch        string
	head, oldest uint64
}

func (r *logRow) log() Log {
	return Log{Session: r.session, Epoch: r.epoch, Head: r.head, Oldest: r.oldest}
}

// sessionLog is the memory entry of one session's log: its position and a ring of the newest events. Only the committer moves the head.
type sessionLog struct {
	mu      sync.RWMutex
	known   bool // row is the stored position
	row     logRow
	ring    []*Event // consecutive offsets ending at head; empty before the first append
	bytes   int      // of the ring's bodies
	touched time.Time
}

// position returns the log's row; ok is false if the store has to be read.
func (l *sessionLog) position() (row logRow, ok bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.row, l.known
}

// setPosition applies a position read from the store. moved reports that readers have not seen it.
func (l *sessionLog) setPosition(row logRow) (moved bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	moved = l.row.id != row.id || l.row.head != row.head
	if moved {
		l.ring, l.bytes = nil, 0
	}
	l.row, l.known = row, true
	return moved
}

// invalidate makes the next use read the store. The known position stays for comparison.
func (l *sessionLog) invalidate() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known = false
}

// publishEvents publishes committed events that lead to row.
func (l *sessionLog) publishEvents(row logRow, events []*Event, cfg *Config) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.row.id != row.id || l.row.head+1 != events[0].Offset {
		l.ring, l.bytes = nil, 0 // another log, or events of an earlier commit are missing
	}
	row.oldest = max(row.oldest, l.row.oldestOf(row.id))
	l.row, l.known, l.touched = row, true, cfg.Now()
	l.ring = append(l.ring, events...)
	for _, e := range events {
		l.bytes += len(e.body)
	}
	drop := 0
	for drop < len(l.ring)-1 && (len(l.ring)-drop > cfg.RingEvents || l.bytes > cfg.RingBytes) {
		l.dropOldest(drop)
		drop++
	}
	l.ring = l.ring[drop:]
}

func (r *logRow) oldestOf(id int64) uint64 {
	if r.id != id {
		return 0
	}
	return r.oldest
}

// dropOldest clears an entry; its slot stays until append moves the ring.
func (l *sessionLog) dropOldest(at int) {
	l.bytes -= len(l.ring[at].body)
	l.ring[at] = nil
}

// applyTrim applies a retention run on the log id.
func (l *sessionLog) applyTrim(id int64, oldest uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.row.id != id || oldest <= l.row.oldest {
		return
	}
	l.row.oldest = oldest
	drop := 0
	for drop < len(l.ring) && l.ring[drop].Offset < oldest {
		l.dropOldest(drop)
		drop++
	}
	l.ring = l.ring[drop:]
}

// releaseRing frees the ring if the session had no append since before.
func (l *sessionLog) releaseRing(before time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ring != nil && l.touched.Before(before) {
		l.ring, l.bytes = nil, 0
	}
}

// tailAnswer is the kind of result of tail.
type tailAnswer int

const (
	tailServed  tailAnswer = iota // the returned events, possibly empty
	tailLost                      // the position is not of this log
	tailInStore                   // older than the ring
	tailUnknown                   // the position has to be read first
)

// readTail reads from the ring.
func (l *sessionLog) readTail(after uint64, maxEvents, maxBytes int) (events []*Event, row logRow, answer tailAnswer) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	switch {
	case !l.known:
		return nil, l.row, tailUnknown
	case after > l.row.head || after+1 < l.row.oldest:
		return nil, l.row, tailLost
	case after == l.row.head:
		return nil, l.row, tailServed
	case len(l.ring) == 0 || after+1 < l.ring[0].Offset:
		return nil, l.row, tailInStore
	}
	rest := l.ring[after+1-l.ring[0].Offset:]
	rest = rest[:min(len(rest), maxEvents)]
	size := 0
	for i, e := range rest {
		if size += len(e.body); i > 0 && size > maxBytes {
			rest = rest[:i]
			break
		}
	}
	return append(make([]*Event, 0, len(rest)), rest...), l.row, tailServed
}
