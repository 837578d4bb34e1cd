package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// ErrBusy says that a writer did not get its turn within Options.BusyTimeout.
var ErrBusy = errors.New("database: busy")

// gate lets one writer of a SQLite file in at a time. SQLite allows only one
// anyway, but makes the others sleep (up to 100 ms a turn) and leaves the file to
// whoever happens to try in the right moment. Waiting on a channel hands it over at
// once and in order. Measured on two busy cores, 50 sessions with transactions of one
// row beside one connection that commits to the disk without pause: 8,700 writes/s
// and 570 disk commits/s with the gate, 4,400 and 1,000 to 2,300 (the committer
// crowds the others out) without; see BenchmarkSmallWritesBesideFullCommits.
type gate struct {
	turn    chan struct{}
	timeout time.Duration
}

func (g *gate) acquire(ctx context.Context) error {
	select {
	case g.turn <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(g.timeout)
	defer timer.Stop()
	select {
	case g.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return fmt.Errorf("%w: no turn to write within %s", ErrBusy, g.timeout)
	}
}

func (g *gate) release() { <-g.turn }

// gatedConnector opens the connections of one SQLite database. sql.DB closes it.
type gatedConnector struct {
	driver       *sqlite3.SQLiteDriver
	dsn          string
	gate         *gate
	files        *fileIdentity // nil for a database in memory
	checkpointer *checkpointer // nil for a database in memory
}

func newGatedConnector(dsn string, files *fileIdentity, timeout time.Duration) *gatedConnector {
	c := &gatedConnector{
		driver: &sqlite3.SQLiteDriver{}, dsn: dsn, files: files,
		gate: &gate{turn: make(chan struct{}, 1), timeout: timeout},
	}
	if files != nil {
		c.checkpointer = startCheckpointer(c.gate, c.open)
	}
	return c
}

// Driver and Connect make it a driver.Connector.
func (c *gatedConnector) Driver() driver.Driver { return fileDriver{c.driver, c.files} }

// open refuses to mix connections to two files in one pool.
func (c *gatedConnector) open() (driver.Conn, error) {
	if err := c.files.check(); err != nil {
		return nil, err
	}
	return c.driver.Open(c.dsn)
}

// Connect opens a connection.
func (c *gatedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	// Opening sets pragmas, of which WAL mode writes.
	if err := c.gate.acquire(ctx); err != nil {
		return nil, err
	}
	defer c.gate.release()
	opened, err := c.open()
	if err != nil {
		return nil, err
	}
	conn := &gatedConn{SQLiteConn: opened.(*sqlite3.SQLiteConn), gate: c.gate, files: c.files, checkpointer: c.checkpointer}
	c.files.opened()
	if c.checkpointer != nil {
		if _, err := conn.SQLiteConn.ExecContext(ctx, autoCheckpoint, nil); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	if err := c.files.check(); err != nil { // replaced meanwhile; it also records the log of the first connection
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// Close ends the checkpointer.
func (c *gatedConnector) Close() error {
	if c.checkpointer != nil {
		c.checkpointer.close()
	}
	return nil
}

// gatedConn passes the gate for a transaction (all are immediate) and for each
// statement outside of one that may write. Plain reads do not: in WAL mode they
// never wait.
type gatedConn struct {
	*sqlite3.SQLiteConn
	gate         *gate
	files        *fileIdentity
	checkpointer *checkpointer
	inTx         bool // database/sql serialises all use of a connection
}

// acquireGate waits for the turn to write to a file that is still at its path.
func (c *gatedConn) acquireGate(ctx context.Context) error {
	if err := c.gate.acquire(ctx); err != nil {
		return err
	}
	if err := c.files.check(); err != nil {
		c.gate.release()
		return err
	}
	return nil
}

func (c *gatedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if err := c.acquireGate(ctx); err != nil {
		return nil, err
	}
	tx, err := c.SQLiteConn.BeginTx(ctx, opts)
	if err != nil {
		c.gate.release()
		return nil, err
	}
	c.inTx = true
	return &gatedTx{Tx: tx, conn: c}, nil
}

func (c *gatedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if !c.inTx {
		if err := c.acquireGate(ctx); err != nil {
			return nil, err
		}
		defer c.gate.release()
	}
	return c.SQLiteConn.ExecContext(ctx, query, args)
}

// QueryContext gates queries that write, as INSERT ... RETURNING does: until their
// rows are closed, since SQLite ends the statement only then.
func (c *gatedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.inTx || readsOnly(query) {
		return c.SQLiteConn.QueryContext(ctx, query, args)
	}
	if err := c.acquireGate(ctx); err != nil {
		return nil, err
	}
	rows, err := c.SQLiteConn.QueryContext(ctx, query, args)
	if err != nil {
		c.gate.release()
		return nil, err
	}
	return &gatedRows{SQLiteRows: rows.(*sqlite3.SQLiteRows), gate: c.gate}, nil
}

func readsOnly(query string) bool {
	query = strings.TrimLeft(query, " \t\r\n(")
	for _, verb := range []string{"SELECT", "PRAGMA", "EXPLAIN", "VALUES"} {
		if len(query) >= len(verb) && strings.EqualFold(query[:len(verb)], verb) {
			return true
		}
	}
	return false
}

type gatedRows struct {
	*sqlite3.SQLiteRows
	gate *gate
	once sync.Once
}

func (r *gatedRows) Close() error {
	defer r.once.Do(r.gate.release)
	return r.SQLiteRows.Close()
}

// PrepareContext gates statements that database/sql prepares and runs later.
func (c *gatedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.SQLiteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &gatedStmt{SQLiteStmt: stmt.(*sqlite3.SQLiteStmt), conn: c}, nil
}

type gatedStmt struct {
	*sqlite3.SQLiteStmt
	conn *gatedConn
}

func (s *gatedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if !s.conn.inTx {
		if err := s.conn.acquireGate(ctx); err != nil {
			return nil, err
		}
		defer s.conn.gate.release()
	}
	return s.SQLiteStmt.ExecContext(ctx, args)
}

type gatedTx struct {
	driver.Tx
	conn *gatedConn
}

func (t *gatedTx) Commit() error {
	defer t.releaseGate()
	if err := t.Tx.Commit(); err != nil {
		return err
	}
	if t.conn.checkpointer != nil {
		t.conn.checkpointer.afterCommit()
	}
	return nil
}

func (t *gatedTx) Rollback() error {
	defer t.releaseGate()
	return t.Tx.Rollback()
}

func (t *gatedTx) releaseGate() {
	t.conn.inTx = false
	t.conn.gate.release()
}
