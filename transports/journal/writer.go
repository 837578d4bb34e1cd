package journal

import (
	"context"
	"fmt"
	"slices"

	"github.com/oklog/ulid/v2"
)

// writer converts the records of one transaction into events.
type writer struct {
	j     *Journal
	batch []*operation

	// Recreated by each write.
	logs    map[string]logRow // positions, advanced by the batch
	rows    []newRow
	results [][]Result // by operation
	guilty  *operation // operation whose projection failed
}

func (w *writer) sessions() []string {
	seen := make(map[string]struct{}, len(w.batch))
	names := make([]string, 0, len(w.batch))
	for _, op := range w.batch {
		if _, again := seen[op.session]; !again {
			seen[op.session] = struct{}{}
			names = append(names, op.session)
		}
	}
	slices.Sort(names) // processes with a common database lock the logs in one order
	return names
}

// write runs inside the transaction.
func (w *writer) write(ctx context.Context, tx storeTx) error {
	w.rows, w.guilty = w.rows[:0], nil
	w.results = make([][]Result, len(w.batch))
	var err error
	if w.logs, err = tx.logs(ctx, w.sessions(), true); err != nil {
		return err
	}
	used, err := w.usedKeys(ctx, tx)
	if err != nil {
		return err
	}
	moves := make(map[int64]*headMove, len(w.logs))
	for i, op := range w.batch {
		if err := w.assignOffsets(i, op, used, moves); err != nil {
			return err
		}
	}
	if len(w.rows) == 0 {
		return nil
	}
	heads := make([]headMove, 0, len(moves))
	for _, row := range w.logs {
		if m := moves[row.id]; m != nil {
			heads = append(heads, *m)
		}
	}
	if err := tx.insert(ctx, w.rows, heads); err != nil {
		return err
	}
	return w.runProjections(ctx)
}

func (w *writer) usedKeys(ctx context.Context, tx storeTx) (map[keyOf]keyHit, error) {
	var keys []keyOf
	for _, op := range w.batch {
		for i := range op.entries {
			if e := &op.entries[i]; e.keyed {
				keys = append(keys, keyOf{w.logs[op.session].id, e.hash})
			}
		}
	}
	if len(keys) == 0 {
		return map[keyOf]keyHit{}, nil
	}
	return tx.findKeys(ctx, keys)
}

// assignOffsets gives the records of one operation their offsets and ids.
func (w *writer) assignOffsets(i int, op *operation, used map[keyOf]keyHit, moves map[int64]*headMove) error {
	log := w.logs[op.session]
	w.results[i] = make([]Result, len(op.entries))
	now := w.j.cfg.Now()
	for k := range op.entries {
		e := &op.entries[k]
		r := &e.record
		key := keyOf{log.id, e.hash}
		if e.keyed {
			if hit, again := used[key]; again {
				w.results[i][k] = Result{Duplicate: true, Event: &Event{
					Session: op.session, Offset: hit.offset, ID: hit.id,
					Type: r.Type, Origin: r.Origin, Time: r.Time, Chats: r.Chats, Data: r.Data,
				}}
				continue
			}
		}
		id, err := w.j.newID(uint64(now.UnixMilli()))
		if err != nil {
			return err
		}
		log.head++
		event := &Event{
			Session: op.session, Offset: log.head, ID: id,
			Type: r.Type, Origin: r.Origin, Time: r.Time, Chats: r.Chats, Data: r.Data,
		}
		event.encode()
		if e.keyed {
			used[key] = keyHit{event.Offset, event.ID}
		}
		w.results[i][k] = Result{Event: event}
		w.rows = append(w.rows, newRow{log: log.id, event: event, keyed: e.keyed, hash: e.hash, stored: now})
		m := moves[log.id]
		if m == nil {
			m = &headMove{log: log.id}
			moves[log.id] = m
		}
		m.head = log.head
		m.bytes += int64(len(r.Data)) + rowOverhead
	}
	w.logs[op.session] = log
	return nil
}

// runProjections runs the producers' part of the transaction.
func (w *writer) runProjections(ctx context.Context) error {
	for i, op := range w.batch {
		for k := range op.entries {
			if run := op.entries[k].record.Project; run != nil && !w.results[i][k].Duplicate {
				if err := projectOne(ctx, run); err != nil {
					w.guilty = op
					return err
				}
			}
		}
	}
	return nil
}

func projectOne(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: panic: %v", ErrProjection, r)
		}
	}()
	if err = run(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrProjection, err)
	}
	return nil
}

// publish shows the committed events to readers, then completes the appends.
func (w *writer) publish() {
	duplicates := 0
	for i, op := range w.batch {
		op.results = w.results[i]
		for _, result := range op.results {
			if result.Duplicate {
				duplicates++
			}
		}
	}
	w.j.stats.appended.Add(uint64(len(w.rows)))
	w.j.stats.duplicates.Add(uint64(duplicates))
	fresh := make(map[string][]*Event, len(w.logs))
	for _, row := range w.rows {
		fresh[row.event.Session] = append(fresh[row.event.Session], row.event)
	}
	for session, events := range fresh {
		w.j.entryFor(session).publishEvents(w.logs[session], events, &w.j.cfg)
		delete(w.j.unsure, session)
		w.j.wake(session)
	}
}

// newID returns an id larger than all before, even if the clock goes back.
func (j *Journal) newID(now uint64) (string, error) {
	j.lastTime = max(j.lastTime, now)
	id, err := ulid.New(j.lastTime, j.ids)
	if err != nil { // the millisecond has no id left: borrow the next
		j.lastTime++
		if id, err = ulid.New(j.lastTime, j.ids); err != nil {
			return "", fmt.Errorf("journal: making an id: %w", err)
		}
	}
	return id.String(), nil
}
