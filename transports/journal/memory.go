package journal

import (
	"context"
	"slices"
	"sync"
	"time"
)

// memoryStore keeps all logs in memory.
type memoryStore struct {
	mu     sync.Mutex
	lastID int64
	byName map[string]*memoryLog
	byID   map[int64]*memoryLog
}

type memoryLog struct {
	row    logRow
	bytes  int64
	events []*Event
	keys   map[keyHash]memoryKey
}

type memoryKey struct {
	keyHit
	stored time.Time
}

func newMemoryStore() *memoryStore {
	return &memoryStore{byName: map[string]*memoryLog{}, byID: map[int64]*memoryLog{}}
}

func (m *memoryStore) inTransaction(context.Context) bool { return false }

func (m *memoryStore) close() error { return nil }

// commit applies the inserts of write when it succeeds. Projections run in it, so it holds no lock meanwhile; the committer is its only caller.
func (m *memoryStore) commit(ctx context.Context, write func(ctx context.Context, tx storeTx) error) error {
	tx := &memoryTx{store: m}
	if err := write(ctx, tx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range tx.rows {
		l := m.byID[row.log]
		l.events = append(l.events, row.event)
		if row.keyed {
			l.keys[row.hash] = memoryKey{keyHit{row.event.Offset, row.event.ID}, row.stored}
		}
	}
	for _, move := range tx.heads {
		l := m.byID[move.log]
		l.row.head, l.bytes = move.head, l.bytes+move.bytes
	}
	return nil
}

type memoryTx struct {
	store *memoryStore
	rows  []newRow
	heads []headMove
}

func (t *memoryTx) logs(_ context.Context, sessions []string, create bool) (map[string]logRow, error) {
	m := t.store
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := make(map[string]logRow, len(sessions))
	for _, session := range sessions {
		l := m.byName[session]
		if l == nil && create {
			m.lastID++
			l = &memoryLog{
				row:  logRow{id: m.lastID, session: session, epoch: newEpoch(), oldest: 1},
				keys: map[keyHash]memoryKey{},
			}
			m.byName[session], m.byID[l.row.id] = l, l
		}
		if l != nil {
			rows[session] = l.row
		}
	}
	return rows, nil
}

func (t *memoryTx) findKeys(_ context.Context, keys []keyOf) (map[keyOf]keyHit, error) {
	m := t.store
	m.mu.Lock()
	defer m.mu.Unlock()
	hits := map[keyOf]keyHit{}
	for _, key := range keys {
		if k, ok := m.byID[key.log].keys[key.hash]; ok {
			hits[key] = k.keyHit
		}
	}
	return hits, nil
}

func (t *memoryTx) eventID(_ context.Context, log int64, offset uint64) (string, error) {
	m := t.store
	m.mu.Lock()
	defer m.mu.Unlock()
	if l := m.byID[log]; l != nil && offset >= l.row.oldest && offset <= l.row.head {
		return l.events[offset-l.row.oldest].ID, nil
	}
	return "", nil
}

func (t *memoryTx) insert(_ context.Context, rows []newRow, heads []headMove) error {
	t.rows, t.heads = rows, heads
	return nil
}

func (t *memoryTx) purge(_ context.Context, session string) (int64, bool, error) {
	m := t.store
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.byName[session]
	if l == nil {
		return 0, false, nil
	}
	delete(m.byName, session)
	delete(m.byID, l.row.id)
	return l.row.id, true, nil
}

func (m *memoryStore) page(_ context.Context, log logRow, after uint64, maxEvents, maxBytes int) ([]*Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.byID[log.id]
	if l == nil || after+1 < l.row.oldest || after >= l.row.head {
		return nil, nil
	}
	var page []*Event
	size := 0
	for _, e := range l.events[after+1-l.row.oldest:] {
		if size += len(e.body); len(page) == maxEvents || len(page) > 0 && size > maxBytes || e.Offset > log.head {
			break
		}
		page = append(page, e)
	}
	return page, nil
}

func (m *memoryStore) idAt(ctx context.Context, log int64, offset uint64) (string, error) {
	return (&memoryTx{store: m}).eventID(ctx, log, offset)
}

func (m *memoryStore) firstAt(_ context.Context, log logRow, after, to uint64, at int64) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l := m.byID[log.id]; l != nil {
		for _, e := range l.events {
			if e.Offset > after && e.Offset <= to && e.Time.UnixMilli() >= at {
				return e.Offset, nil
			}
		}
	}
	return 0, nil
}

func (m *memoryStore) agedLogs(_ context.Context, above int64, limit int) ([]agedLog, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var logs []agedLog
	for id, l := range m.byID {
		if id <= above {
			continue
		}
		aged := agedLog{logRow: l.row, bytes: l.bytes}
		if len(l.events) > 0 {
			aged.oldestID = l.events[0].ID
		}
		logs = append(logs, aged)
	}
	slices.SortFunc(logs, func(a, b agedLog) int { return int(a.id - b.id) })
	return logs[:min(len(logs), limit)], nil
}

func (m *memoryStore) trim(_ context.Context, id int64, rule trimRule) (uint64, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.byID[id]
	if l == nil {
		return 0, false, nil
	}
	n := 0
	for n < len(l.events) && n < rule.batch && rule.drops(l.events[n].Offset, l.events[n].ID, l.bytes) {
		l.bytes -= int64(len(l.events[n].Data)) + rowOverhead
		n++
	}
	l.events = slices.Clone(l.events[n:])
	l.row.oldest += uint64(n)
	return l.row.oldest, n == rule.batch, nil
}

// drops reports whether the rule removes the oldest event of a log with that many bytes.
func (r *trimRule) drops(offset uint64, id string, bytes int64) bool {
	return offset < r.keepFrom || id < r.before || r.maxBytes >= 0 && bytes > r.maxBytes
}

func (m *memoryStore) drain(context.Context, int64, int) (bool, error) { return false, nil }

func (m *memoryStore) expireKeys(_ context.Context, before time.Time, _ int) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.byID {
		for hash, key := range l.keys {
			if key.stored.Before(before) {
				delete(l.keys, hash)
			}
		}
	}
	return false, nil
}
