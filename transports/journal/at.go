package journal

import (
	"context"
	"errors"
)

// At runs write between two commits, with the current log of a session, which it creates if there is none. Changes that write stores in the
// transaction carried by its context apply exactly from the session's next event on; done, which may be nil, is called after the commit and before
// any reader can see that event. write may run again when the outcome of a commit is unknown, so it must start from the stored state; neither may
// call the journal. Both may run after an At whose context ended.
//
// Errors are those of Append; ErrProjection wraps those of write.
func (j *Journal) At(ctx context.Context, session string, write func(ctx context.Context, log Log) error, done func()) error {
	if err := checkSession(session); err != nil {
		return err
	}
	if j.store.inTransaction(ctx) {
		return ErrInTransaction
	}
	op := newOperation(ctx, session)
	op.run = func(ctx context.Context) error {
		commit := func() error {
			return j.store.commit(ctx, func(ctx context.Context, tx storeTx) error {
				rows, err := tx.logs(ctx, []string{session}, true)
				if err != nil {
					return err
				}
				row := rows[session]
				return projectOne(ctx, func(ctx context.Context) error { return write(ctx, row.log()) })
			})
		}
		err := commit()
		if errors.Is(err, errOutcomeUnknown) {
			err = commit() // no commit in between: the log is unchanged
		}
		if err == nil && done != nil {
			done()
		}
		return err
	}
	return j.submit(ctx, op)
}
