package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// ErrBusy says that a writer did not get its turn within Options.BusyTimeout.
var ErrBusy = errors.New("database: busy")

// gate lets one writer of a SQLite file in at a time. SQLite allows only one
// anyway, but makes the others sleep and try again (up to 100 ms a turn), which
// costs more than the writes themselves when small transactions of many sessions
// and the journal's commits meet. Waiting on a channel hands over at once.
type gate struct {
	turn    chan struct{}
	timeout time.Duration
}

func (g *gate) enter(ctx context.Context) error {
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

func (g *gate) leave() { <-g.turn }

type gatedConnector struct {
	driver *sqlite3.SQLiteDriver
	dsn    string
	gate   *gate
}

func newGatedConnector(dsn string, timeout time.Duration) *gatedConnector {
	return &gatedConnector{
		driver: &sqlite3.SQLiteDriver{}, dsn: dsn,
		gate: &gate{turn: make(chan struct{}, 1), timeout: timeout},
	}
}

func (c *gatedConnector) Driver() driver.Driver { return c.driver }

func (c *gatedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	// Opening sets pragmas, of which WAL mode writes.
	if err := c.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer c.gate.leave()
	conn, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return &gatedConn{SQLiteConn: conn.(*sqlite3.SQLiteConn), gate: c.gate}, nil
}

// gatedConn passes the gate for a transaction (all are immediate) and for each
// statement executed outside one. Queries do not: readers never block in WAL
// mode, and the few that write (RETURNING) fall back on SQLite's own waiting.
type gatedConn struct {
	*sqlite3.SQLiteConn
	gate *gate
	inTx bool // database/sql serialises all use of a connection
}

func (c *gatedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if err := c.gate.enter(ctx); err != nil {
		return nil, err
	}
	tx, err := c.SQLiteConn.BeginTx(ctx, opts)
	if err != nil {
		c.gate.leave()
		return nil, err
	}
	c.inTx = true
	return &gatedTx{Tx: tx, conn: c}, nil
}

func (c *gatedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if !c.inTx {
		if err := c.gate.enter(ctx); err != nil {
			return nil, err
		}
		defer c.gate.leave()
	}
	return c.SQLiteConn.ExecContext(ctx, query, args)
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
		if err := s.conn.gate.enter(ctx); err != nil {
			return nil, err
		}
		defer s.conn.gate.leave()
	}
	return s.SQLiteStmt.ExecContext(ctx, args)
}

type gatedTx struct {
	driver.Tx
	conn *gatedConn
}

func (t *gatedTx) Commit() error {
	defer t.end()
	err := t.Tx.Commit()
	return err
}

func (t *gatedTx) Rollback() error {
	defer t.end()
	return t.Tx.Rollback()
}

func (t *gatedTx) end() {
	t.conn.inTx = false
	t.conn.gate.leave()
}
