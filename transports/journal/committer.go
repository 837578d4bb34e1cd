package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
)

// commitTimeout ends a transaction that the database does not answer.
const commitTimeout = 30 * time.Second

// failuresInRow is how many appends of a broken batch are tried alone before the
// rest is answered too: then it is the store that fails, not a record.
const failuresInRow = 3

// operation is one Append, or one run that must not happen beside a commit.
type operation struct {
	ctx     context.Context
	session string
	records []Record
	run     func(ctx context.Context) error // instead of records

	results []Result
	fresh   []*Event
	err     error
	done    chan struct{}
}

func (op *operation) finish(err error) {
	op.err = err
	close(op.done)
}

// commitLoop is the only writer. While one commit runs, the next batch gathers in
// the queue; it never waits for company, so a lone append commits at once.
func (j *Journal) commitLoop() {
	defer j.workers.Done()
	for {
		select {
		case <-j.closing:
			j.refuseWaiting()
			return
		case op := <-j.queue:
			j.process(op)
		}
	}
}

func (j *Journal) refuseWaiting() {
	for {
		select {
		case op := <-j.queue:
			op.finish(ErrClosed)
		default:
			return
		}
	}
}

func (j *Journal) process(op *operation) {
	var batch []*operation
	records := 0
	for op != nil {
		switch {
		case op.ctx.Err() != nil:
			op.finish(op.ctx.Err())
		case op.run != nil:
			j.commitBatch(batch)
			batch, records = nil, 0
			op.finish(j.runAlone(op))
		default:
			batch = append(batch, op)
			records += len(op.records)
		}
		op = nil
		if records < j.cfg.MaxBatch {
			select {
			case op = <-j.queue:
			default:
			}
		}
	}
	j.commitBatch(batch)
}

func (j *Journal) runAlone(op *operation) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("journal: internal error: %v", r)
		}
	}()
	return op.run(ctx)
}

// commitBatch commits all operations in one transaction; when that fails, each
// alone, so that one bad record costs no other append.
func (j *Journal) commitBatch(batch []*operation) {
	if len(batch) == 0 {
		return
	}
	err := j.commit(batch)
	if err == nil || len(batch) == 1 {
		j.answer(batch, err)
		return
	}
	failures := 0
	for _, op := range batch {
		if failures < failuresInRow {
			if err = j.commit([]*operation{op}); err == nil || errors.Is(err, ErrProjection) {
				failures = 0
			} else {
				failures++
			}
		}
		j.answer([]*operation{op}, err)
	}
}

func (j *Journal) answer(batch []*operation, err error) {
	for _, op := range batch {
		if err == nil {
			j.publish(op)
		}
		op.finish(err)
	}
}

func (j *Journal) publish(op *operation) {
	if len(op.fresh) == 0 {
		return
	}
	j.entry(op.session).advance(op.fresh, j.cfg.RingEvents, j.cfg.RingBytes)
	j.watchersOf(op.session, func(w Watcher) { w.Wake(op.session) })
}

// commit writes the operations in one durable transaction. After an error nothing
// of them is stored, or positions are read from the store again.
func (j *Journal) commit(batch []*operation) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	heads := map[string]uint64{}
	for _, op := range batch {
		l := j.entry(op.session)
		if err = j.load(ctx, op.session, l); err != nil {
			return err
		}
		heads[op.session] = l.headOffset()
	}
	j.stats.commits.Add(1)
	var appended, duplicates int
	err = j.store.commit(ctx, func(ctx context.Context) error {
		appended, duplicates = 0, 0
		w := writer{j: j, heads: heads}
		if err := w.write(ctx, batch); err != nil {
			return err
		}
		appended, duplicates = len(w.events), w.duplicates
		return nil
	})
	if err == nil {
		j.stats.appended.Add(uint64(appended))
		j.stats.duplicates.Add(uint64(duplicates))
		return nil
	}
	if errors.Is(err, ErrProjection) {
		return err // raised inside: the transaction was rolled back
	}
	j.cfg.Log.Warn("journal commit failed", "error", err, "appends", len(batch))
	if j.landed(batch) {
		return nil
	}
	for session := range heads {
		j.entry(session).forget()
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// landed tells whether a commit that reported an error took place all the same (the
// answer got lost): then its first event stands in the store under its id.
func (j *Journal) landed(batch []*operation) bool {
	for _, op := range batch {
		if len(op.fresh) == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		stored, err := j.store.page(ctx, op.session, op.fresh[0].Offset-1, 1, 0)
		return err == nil && len(stored) == 1 && stored[0].ID == op.fresh[0].ID
	}
	return false
}

// writer turns the records of one transaction into events.
type writer struct {
	j          *Journal
	heads      map[string]uint64
	events     []*Event
	keys       []string
	duplicates int
}

func (w *writer) write(ctx context.Context, batch []*operation) error {
	known, err := w.knownKeys(ctx, batch)
	if err != nil {
		return err
	}
	var projections []func(context.Context) error
	for _, op := range batch {
		op.results, op.fresh = make([]Result, 0, len(op.records)), nil
		for i := range op.records {
			r := &op.records[i]
			id := dedupeKey{op.session, r.Key}
			if earlier := known[id]; r.Key != "" && earlier != nil {
				op.results = append(op.results, Result{Event: earlier, Duplicate: true})
				w.duplicates++
				continue
			}
			e, err := w.event(op.session, r)
			if err != nil {
				return err
			}
			if r.Key != "" {
				known[id] = e
			}
			w.events, w.keys = append(w.events, e), append(w.keys, r.Key)
			op.results, op.fresh = append(op.results, Result{Event: e}), append(op.fresh, e)
			if r.Project != nil {
				projections = append(projections, r.Project)
			}
		}
	}
	if len(w.events) == 0 {
		return nil
	}
	if err := w.j.store.insert(ctx, w.events, w.keys, w.heads); err != nil {
		return err
	}
	for _, project := range projections {
		if err := runProjection(ctx, project); err != nil {
			return err
		}
	}
	return nil
}

func runProjection(ctx context.Context, project func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: panic: %v", ErrProjection, r)
		}
	}()
	if err = project(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrProjection, err)
	}
	return nil
}

func (w *writer) event(session string, r *Record) (*Event, error) {
	id, err := ulid.New(ulid.Timestamp(w.j.cfg.Now()), w.j.entropy)
	if err != nil { // 2^80 ids in one millisecond, or a clock before 1970
		return nil, fmt.Errorf("journal: making an event id: %w", err)
	}
	w.heads[session]++
	e := &Event{
		Session: session, Offset: w.heads[session], ID: id.String(), Type: r.Type, Origin: r.Origin,
		Time: eventTime(r.Time, w.j.cfg.Now), Chats: r.Chats, Data: r.Data,
	}
	e.encode()
	return e, nil
}

type dedupeKey struct{ session, key string }

func (w *writer) knownKeys(ctx context.Context, batch []*operation) (map[dedupeKey]*Event, error) {
	asked := map[string][]string{}
	for _, op := range batch {
		for i := range op.records {
			if key := op.records[i].Key; key != "" {
				asked[op.session] = append(asked[op.session], key)
			}
		}
	}
	known := map[dedupeKey]*Event{}
	for session, keys := range asked {
		if err := w.j.store.findKeys(ctx, session, keys, known); err != nil {
			return nil, err
		}
	}
	return known, nil
}
