package journal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// exclusions is the number of retries of a batch without the append whose projection failed, before all remaining appends are tried one by one.
	exclusions = 4
	// failuresInRow is the number of consecutive appends of a failed batch that fail alone before the rest is failed too: then the store is at fault,
	// not a record.
	failuresInRow = 3
	// settleEvery is the pause between attempts to determine the outcome of an interrupted commit.
	settleEvery = time.Second
)

// commitLoop is the only writer. While one commit runs, the next batch accumulates in the queue.
func (j *Journal) commitLoop() {
	defer j.workers.Done()
	defer close(j.stopped)
	var appenders concurrency
	for {
		var settle <-chan time.Time
		if len(j.unsure) > 0 {
			settle = time.After(settleEvery)
		}
		select {
		case op := <-j.queue:
			appenders.recordBatch(j.process(op, appenders.expected()))
		case <-settle:
			j.settleUnsure()
		case <-j.life.Done():
			j.finishWaiting()
			return
		}
	}
}

// finishWaiting commits the operations queued before Close.
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

// process commits op together with the other queued operations, and returns the number of appends. If several sessions are appending it waits longer
// for others to join.
func (j *Journal) process(op *operation, concurrent bool) int {
	j.gatherBatch(concurrent)
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

// commitBatch commits all operations in one transaction. If that fails they are retried separately, so one invalid record fails no other append.
func (j *Journal) commitBatch(batch []*operation) {
	for range exclusions {
		if len(batch) == 0 {
			return
		}
		guilty, err := j.commit(batch)
		if err == nil || len(batch) == 1 || affectsAll(err) {
			completeAll(batch, err)
			return
		}
		if guilty == nil {
			break
		}
		_, err = j.commit([]*operation{guilty}) // it may succeed alone
		completeAll([]*operation{guilty}, err)
		batch = withoutOperation(batch, guilty)
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
		completeAll([]*operation{op}, err)
	}
}

func completeAll(batch []*operation, err error) {
	for _, op := range batch {
		op.finish(err)
	}
}

func withoutOperation(batch []*operation, guilty *operation) []*operation {
	rest := make([]*operation, 0, len(batch)-1)
	for _, op := range batch {
		if op != guilty {
			rest = append(rest, op)
		}
	}
	return rest
}

// commit writes the operations in one durable transaction and publishes them. After an error, guilty is the operation whose projection failed, or
// nil.
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

// resolve determines whether a commit that returned an error took place. If that is impossible now, the positions of the sessions are read again
// before they are used.
func (j *Journal) resolve(w *writer, cause error) error {
	ctx, cancel := context.WithTimeout(context.Background(), j.cfg.CommitTimeout)
	defer cancel()
	committed := false
	err := j.store.commit(ctx, func(ctx context.Context, tx storeTx) error {
		// This waits for our transaction if it is still running in the database.
		if _, err := tx.logs(ctx, w.sessions(), true); err != nil {
			return err
		}
		if len(w.rows) == 0 {
			committed = true // all were duplicates: nothing to store
			return nil
		}
		first := w.rows[0]
		id, err := tx.eventID(ctx, first.log, first.event.Offset)
		committed = id == first.event.ID
		return err
	})
	switch {
	case err == nil && committed:
		return nil
	case err == nil:
		return cause // it did not take place: the store is unchanged
	}
	for _, session := range w.sessions() {
		j.entryFor(session).invalidate()
		j.unsure[session] = struct{}{}
	}
	return cause
}

// settleUnsure reads the true position of sessions whose last commit was interrupted, and wakes their readers if it took place.
func (j *Journal) settleUnsure() {
	for session := range j.unsure {
		ctx, cancel := context.WithTimeout(context.Background(), j.cfg.CommitTimeout)
		_, err := j.loadPosition(ctx, session, false)
		cancel()
		if err != nil {
			return // still unreachable
		}
	}
}
