package journal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// exclusions is how often a batch is tried again without the append whose
	// projection failed, before all that are left are tried one by one.
	exclusions = 4
	// failuresInRow is how many appends of a broken batch fail alone before the rest
	// is answered too: then it is the store that fails, not a record.
	failuresInRow = 3
	// settleEvery is the pause between attempts to learn the outcome of a commit that
	// was cut off.
	settleEvery = time.Second
)

// commitLoop is the only writer. While one commit runs, the next batch gathers in
// the queue.
func (j *Journal) commitLoop() {
	defer j.workers.Done()
	defer close(j.stopped)
	var company company
	for {
		var settle <-chan time.Time
		if len(j.unsure) > 0 {
			settle = time.After(settleEvery)
		}
		select {
		case op := <-j.queue:
			company.note(j.process(op, company.expected()))
		case <-settle:
			j.settle()
		case <-j.life.Done():
			j.finishWaiting()
			return
		}
	}
}

// finishWaiting commits what was queued before Close.
func (j *Journal) finishWaiting() {
	for {
		select {
		case op := <-j.queue:
			j.process(op, false)
		default:
			return
		}
	}
}

// process commits op together with what else is waiting, and returns how many
// appends that were. With company it waits longer for others to join.
func (j *Journal) process(op *operation, company bool) int {
	j.gather(company)
	var batch []*operation
	records, bytes := 0, 0
	for op != nil {
		switch {
		case op.ctx.Err() != nil:
			op.finish(fmt.Errorf("journal: waiting for the commit: %w", op.ctx.Err()))
		case op.run != nil:
			j.commitBatch(batch)
			batch, records, bytes = nil, 0, 0
			op.finish(j.runAlone(op))
		default:
			batch = append(batch, op)
			records, bytes = records+len(op.entries), bytes+op.bytes
		}
		op = nil
		if records < j.cfg.MaxBatchRecords && bytes < j.cfg.MaxBatchBytes {
			select {
			case op = <-j.queue:
			default:
			}
		}
	}
	appends := len(batch)
	j.commitBatch(batch)
	return appends
}

func (j *Journal) runAlone(op *operation) error {
	ctx, cancel := context.WithTimeout(context.Background(), j.cfg.CommitTimeout)
	defer cancel()
	return op.run(ctx)
}

// commitBatch commits all operations in one transaction. When that fails they are
// tried apart, so that one bad record costs no other append.
func (j *Journal) commitBatch(batch []*operation) {
	for range exclusions {
		if len(batch) == 0 {
			return
		}
		guilty, err := j.commit(batch)
		if err == nil || len(batch) == 1 || isGone(err) {
			answer(batch, err)
			return
		}
		if guilty == nil {
			break
		}
		_, err = j.commit([]*operation{guilty}) // alone it may be fine
		answer([]*operation{guilty}, err)
		batch = without(batch, guilty)
	}
	failures := 0
	var err error
	for _, op := range batch {
		if failures < failuresInRow {
			if _, err = j.commit([]*operation{op}); err == nil || errors.Is(err, ErrProjection) {
				failures = 0
			} else {
				failures++
			}
		}
		answer([]*operation{op}, err)
	}
}

func answer(batch []*operation, err error) {
	for _, op := range batch {
		op.finish(err)
	}
}

func without(batch []*operation, guilty *operation) []*operation {
	rest := make([]*operation, 0, len(batch)-1)
	for _, op := range batch {
		if op != guilty {
			rest = append(rest, op)
		}
	}
	return rest
}

// commit writes the operations in one durable transaction and publishes them. After
// an error, guilty is the operation whose projection failed, if that was it.
func (j *Journal) commit(batch []*operation) (guilty *operation, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), j.cfg.CommitTimeout)
	defer cancel()
	w := &writer{j: j, batch: batch}
	j.stats.commits.Add(1)
	err = j.store.commit(ctx, w.write)
	if errors.Is(err, errOutcomeUnknown) {
		err = j.resolve(w, err)
	}
	j.stats.failing.Store(err != nil && w.guilty == nil)
	if err != nil {
		j.cfg.Log.Warn("journal commit failed", "error", err, "appends", len(batch))
		return w.guilty, err
	}
	w.publish()
	return nil, nil
}

// resolve finds out whether a commit took place whose answer was an error. When even
// that cannot be known now, the sessions are looked up again before anything else is
// believed of them.
func (j *Journal) resolve(w *writer, cause error) error {
	ctx, cancel := context.WithTimeout(context.Background(), j.cfg.CommitTimeout)
	defer cancel()
	landed := false
	err := j.store.commit(ctx, func(ctx context.Context, tx storeTx) error {
		// This waits for a transaction of ours that is still under way in the database.
		if _, err := tx.logs(ctx, w.sessions(), true); err != nil {
			return err
		}
		if len(w.rows) == 0 {
			landed = true // all were duplicates: nothing to store
			return nil
		}
		first := w.rows[0]
		id, err := tx.eventID(ctx, first.log, first.event.Offset)
		landed = id == first.event.ID
		return err
	})
	switch {
	case err == nil && landed:
		return nil
	case err == nil:
		return cause // it did not take place: the store is as before
	}
	for _, session := range w.sessions() {
		j.entryFor(session).forget()
		j.unsure[session] = struct{}{}
	}
	return cause
}

// settle learns the true position of sessions whose last commit was cut off, and
// wakes their readers if it took place after all.
func (j *Journal) settle() {
	for session := range j.unsure {
		ctx, cancel := context.WithTimeout(context.Background(), j.cfg.CommitTimeout)
		_, err := j.learn(ctx, session, false)
		cancel()
		if err != nil {
			return // still away
		}
	}
}
