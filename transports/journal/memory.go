package journal

import (
	"context"
	"sync"
	"time"
)

// memoryStore forgets everything at the end of the process.
type memoryStore struct {
	mu   sync.Mutex
	logs map[string]*memoryLog
}

type memoryLog struct {
	row    logRow
	events []*Event
	keys   map[string]*Event
	byOfs  map[uint64]string // dedupe keys by offset, to drop them with their events
}

func newMemoryStore() *memoryStore { return &memoryStore{logs: map[string]*memoryLog{}} }

func (m *memoryStore) openLog(_ context.Context, session, epoch string) (logRow, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.logs[session]
	if l == nil {
		l = &memoryLog{row: logRow{epoch: epoch, oldest: 1}, keys: map[string]*Event{}, byOfs: map[uint64]string{}}
		m.logs[session] = l
	}
	return l.row, nil
}

// commit applies the inserts of write when it succeeds.
func (m *memoryStore) commit(ctx context.Context, write func(ctx context.Context) error) error {
	tx := &memoryTx{}
	if err := write(context.WithValue(ctx, memoryTxKey{}, tx)); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, e := range tx.events {
		l := m.logs[e.Session]
		l.events = append(l.events, e)
		l.row.head = e.Offset
		if key := tx.keys[i]; key != "" {
			l.keys[key], l.byOfs[e.Offset] = e, key
		}
	}
	return nil
}

type memoryTxKey struct{}

type memoryTx struct {
	events []*Event
	keys   []string
}

func (m *memoryStore) insert(ctx context.Context, events []*Event, keys []string, _ map[string]uint64) error {
	tx := ctx.Value(memoryTxKey{}).(*memoryTx)
	tx.events, tx.keys = append(tx.events, events...), append(tx.keys, keys...)
	return nil
}

func (m *memoryStore) findKeys(_ context.Context, session string, keys []string, known map[dedupeKey]*Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		if e := m.logs[session].keys[key]; e != nil {
			known[dedupeKey{session, key}] = e
		}
	}
	return nil
}

func (m *memoryStore) page(_ context.Context, session string, after uint64, maxEvents, maxBytes int) ([]*Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.logs[session]
	if l == nil || len(l.events) == 0 || after+1 < l.events[0].Offset || after >= l.row.head {
		return nil, nil
	}
	var page []*Event
	size := 0
	for _, e := range l.events[after+1-l.events[0].Offset:] {
		if size += len(e.body); len(page) == maxEvents || len(page) > 0 && maxBytes > 0 && size > maxBytes {
			break
		}
		page = append(page, e)
	}
	return page, nil
}

func (m *memoryStore) trim(_ context.Context, session string, keepFrom uint64, before time.Time, limit int) (uint64, int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.logs[session]
	if l == nil {
		return 1, 0, nil
	}
	n := 0
	for n < len(l.events) && n < limit && (l.events[n].Offset < keepFrom || l.events[n].Time.Before(before)) {
		delete(l.keys, l.byOfs[l.events[n].Offset])
		delete(l.byOfs, l.events[n].Offset)
		n++
	}
	l.events = append([]*Event(nil), l.events[n:]...)
	l.row.oldest += uint64(n)
	return l.row.oldest, n, nil
}

func (m *memoryStore) purge(_ context.Context, session string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.logs, session)
	return nil
}

func (m *memoryStore) sessions(context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name, l := range m.logs {
		if len(l.events) > 0 {
			names = append(names, name)
		}
	}
	return names, nil
}

func (m *memoryStore) close() error { return nil }
