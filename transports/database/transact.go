package database

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"go.mau.fi/util/dbutil"
)

// SQLSTATE codes of PostgreSQL.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	inFailedTransaction  = "25P02"
)

func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// Transact runs fn in a transaction, and once more when PostgreSQL rolled the first back because of another one: a
// deadlock or a serialization failure. fn must begin anew each time. Within the transaction of a caller fn is not
// repeated, since that transaction has failed as a whole.
func Transact(ctx context.Context, db *dbutil.Database, fn func(ctx context.Context) error) error {
	err := db.DoTxn(ctx, nil, fn)
	if code := sqlState(err); code != serializationFailure && code != deadlockDetected {
		return err
	}
	if again := db.DoTxn(ctx, nil, fn); sqlState(again) != inFailedTransaction {
		return again
	}
	return err
}
