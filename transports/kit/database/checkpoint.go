package database

import (
	"context"
	"database/sql/driver"
	"io"
	"sync"
)

const (
	// checkpointAfter is how many commits start a checkpoint. The journal's largest
	// commits are some 200 pages, so the WAL stays around 25 MB under full load.
	checkpointAfter = 128
	// autoCheckpoint (pages) makes SQLite do it within a commit, as a last resort when
	// the checkpointer cannot keep up or another process writes.
	autoCheckpoint = "PRAGMA wal_autocheckpoint=20000"
	// checkpoint moves the WAL's pages into the database file as far as readers allow.
	checkpoint = "PRAGMA wal_checkpoint(PASSIVE)"
)

// checkpointer moves the WAL into the database file beside the writers. SQLite would
// do it every 1,000 pages within some writer's commit, which at full speed is every
// sixth commit of the journal and then takes several times as long.
type checkpointer struct {
	gate    *gate
	open    func() (driver.Conn, error)
	commits chan struct{} // filled by commits
	stop    context.CancelFunc
	life    context.Context
	done    sync.WaitGroup
}

func startCheckpointer(g *gate, open func() (driver.Conn, error)) *checkpointer {
	c := &checkpointer{gate: g, open: open, commits: make(chan struct{}, checkpointAfter)}
	c.life, c.stop = context.WithCancel(context.Background())
	c.done.Add(1)
	go c.run()
	return c
}

// afterCommit counts a commit; it never waits.
func (c *checkpointer) afterCommit() {
	select {
	case c.commits <- struct{}{}:
	default:
	}
}

func (c *checkpointer) close() {
	c.stop()
	c.done.Wait()
}

func (c *checkpointer) run() {
	defer c.done.Done()
	var conn driver.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	for {
		for range checkpointAfter {
			select {
			case <-c.commits:
			case <-c.life.Done():
				return
			}
		}
		if conn == nil {
			var err error
			if conn, err = c.open(); err != nil {
				continue // the file is away; SQLite's own checkpoint remains
			}
		}
		if err := c.checkpoint(conn); err != nil {
			_ = conn.Close()
			conn = nil
		}
	}
}

// checkpoint copies most of the WAL while writers continue, and the remainder with the gate closed: only if nothing is left can the next writer start
// the WAL over.
func (c *checkpointer) checkpoint(conn driver.Conn) error {
	if err := runQuery(conn, checkpoint); err != nil {
		return err
	}
	if err := c.gate.acquire(c.life); err != nil {
		return nil // closing, or a long transaction: next time
	}
	defer c.gate.release()
	return runQuery(conn, checkpoint)
}

func runQuery(conn driver.Conn, statement string) error {
	rows, err := conn.(driver.QueryerContext).QueryContext(context.Background(), statement, nil)
	if err != nil {
		return err
	}
	defer rows.Close()
	values := make([]driver.Value, len(rows.Columns()))
	for {
		if err := rows.Next(values); err == io.EOF { //nolint:errorlint // drivers return io.EOF itself
			return nil
		} else if err != nil {
			return err
		}
	}
}
