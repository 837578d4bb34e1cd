package journal

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// sqlStore keeps the logs in SQLite or PostgreSQL.
type sqlStore struct {
	db         *dbutil.Database
	statements statements

	// On SQLite the committer has its own connection with synchronous=FULL: its commit syncs all earlier WAL writes of other connections (NORMAL) to
	// disk. PostgreSQL waits for the disk by default (synchronous_commit) and uses any connection of the pool.
	mu   sync.Mutex
	full dbutil.Conn
}

func openSQLStore(ctx context.Context, db *dbutil.Database) (*sqlStore, error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	owned, err := database.Migrate(ctx, db, "journal", files)
	if err != nil {
		return nil, err
	}
	return &sqlStore{db: owned, statements: newStatements(owned.Dialect)}, nil
}

func (s *sqlStore) inTransaction(ctx context.Context) bool {
	_, is := s.db.Execable(ctx).(dbutil.Transaction)
	return is
}

func (s *sqlStore) close() error { return s.dropConn() }

// durableConn returns the connection for durable transactions, nil for any.
func (s *sqlStore) durableConn(ctx context.Context) (dbutil.Conn, error) {
	if s.db.Dialect != dbutil.SQLite {
		return nil, nil
	}
	s.mu.Lock()
	full := s.full
	s.mu.Unlock()
	if full != nil {
		return full, nil
	}
	full, err := s.db.AcquireConn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err = full.ExecContext(ctx, "PRAGMA synchronous=FULL"); err != nil {
		return nil, errors.Join(err, releaseConn(full))
	}
	s.mu.Lock()
	s.full = full
	s.mu.Unlock()
	return full, nil
}

// dropConn returns the connection in its original state. The next commit acquires another.
func (s *sqlStore) dropConn() error {
	s.mu.Lock()
	full := s.full
	s.full = nil
	s.mu.Unlock()
	if full == nil {
		return nil
	}
	_, err := full.ExecContext(context.Background(), "PRAGMA synchronous=NORMAL")
	return errors.Join(err, releaseConn(full))
}

func releaseConn(conn dbutil.Conn) error {
	// dbutil has no method to release a connection.
	if logging, ok := conn.(*dbutil.LoggingExecable); ok {
		if raw, ok := logging.UnderlyingExecable.(*sql.Conn); ok {
			return raw.Close()
		}
	}
	return fmt.Errorf("journal: cannot release a connection of type %T", conn)
}

// beginAttempts is the number of dead connections that one commit skips: the pool keeps them idle after a restart of PostgreSQL, and notices when
// they are used.
const beginAttempts = 2 * database.DefaultMaxIdleConns

func retryBegin(err error, attempt int) bool {
	return err != nil && attempt < beginAttempts && database.ConnectionLost(err)
}

// commit runs write in a transaction, and retries as database.Retry does: projections write rows that other transactions may lock in another order.
func (s *sqlStore) commit(ctx context.Context, write func(ctx context.Context, tx storeTx) error) error {
	return database.Retry(ctx, func() error { return s.commitOnce(ctx, write) })
}

func (s *sqlStore) commitOnce(ctx context.Context, write func(ctx context.Context, tx storeTx) error) error {
	err := s.tryCommit(ctx, write)
	if errors.Is(err, dbutil.ErrTxnBegin) && errors.Is(err, sql.ErrConnDone) {
		// A cancelled transaction may close its connection some time after its error was returned. Nothing was written yet.
		_ = s.dropConn()
		err = s.tryCommit(ctx, write)
	}
	return err
}

func (s *sqlStore) tryCommit(ctx context.Context, write func(ctx context.Context, tx storeTx) error) error {
	conn, err := s.durableConn(ctx)
	if err != nil {
		return storeError(err)
	}
	// The context that DoTxn passes on carries the transaction, so that a projection's db.Exec(ctx, ...) joins it on this very connection.
	err = s.db.DoTxn(ctx, &dbutil.TxnOptions{Conn: conn, RetryBegin: retryBegin}, func(ctx context.Context) error {
		return write(ctx, &sqlTx{sqlStore: s})
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, dbutil.ErrTxnCommit):
		_ = s.dropConn()
		return fmt.Errorf("%w: %w", errOutcomeUnknown, storeError(err))
	case errors.Is(err, ErrProjection) && !affectsAll(err):
		return err
	}
	_ = s.dropConn() // its state is uncertain
	return storeError(err)
}
