package database

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.mau.fi/util/dbutil"
)

// SQLSTATE codes of PostgreSQL.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
)

const (
	// transactAttempts is how often Transact runs a transaction at most.
	transactAttempts = 8
	// The random pause before an attempt is at most transactPause before the second and twice as much before each further
	// one, up to transactMaxPause.
	transactPause    = 20 * time.Millisecond
	transactMaxPause = 500 * time.Millisecond
)

// Conflicted reports whether PostgreSQL rolled a transaction back because of another one: a deadlock (40P01) or a
// serialization failure (40001). Nothing of the transaction is stored then.
func Conflicted(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == serializationFailure || pg.Code == deadlockDetected)
}

// Retry calls fn, which runs one transaction, until its error is not a conflict with another transaction. It calls fn 8
// times at most, with random pauses of up to half a second between. It returns the last error of fn, also when ctx ends
// during a pause.
func Retry(ctx context.Context, fn func() error) (err error) {
	for attempt := range transactAttempts {
		if attempt > 0 && !retryPause(ctx, rand.N(min(transactPause<<(attempt-1), transactMaxPause))) {
			return err
		}
		if err = fn(); !Conflicted(err) {
			return err
		}
	}
	return err
}

// retryPause waits, and reports false when ctx ended first.
func retryPause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Transact runs fn in a transaction of db and repeats it as Retry does. fn must reset what an earlier call of it left in
// captured variables. When ctx carries a transaction already, fn runs once within that one: a conflict has rolled it back
// as a whole, and the code that began it repeats it.
func Transact(ctx context.Context, db *dbutil.Database, fn func(ctx context.Context) error) error {
	if InTransaction(ctx, db) {
		return fn(ctx)
	}
	return Retry(ctx, func() error { return db.DoTxn(ctx, nil, fn) })
}

// InTransaction reports whether ctx carries a transaction of db.
func InTransaction(ctx context.Context, db *dbutil.Database) bool {
	_, is := db.Execable(ctx).(dbutil.Transaction)
	return is
}

// Exec runs one statement that writes several rows, which on PostgreSQL may deadlock with a transaction that locks the
// same rows in another order. It repeats the statement as Retry does, unless ctx carries a transaction.
func Exec(ctx context.Context, db *dbutil.Database, query string, args ...any) (result sql.Result, err error) {
	if InTransaction(ctx, db) {
		return db.Exec(ctx, query, args...)
	}
	err = Retry(ctx, func() error {
		result, err = db.Exec(ctx, query, args...)
		return err
	})
	return result, err
}
