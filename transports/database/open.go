package database

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	"go.mau.fi/util/dbutil"
)

// Defaults of Options.
const (
	// DefaultBusyTimeout is long enough for a checkpoint of a large WAL, short
	// enough that a stuck writer shows.
	DefaultBusyTimeout = 10 * time.Second
	// DefaultMaxOpenConns suits PostgreSQL's default of 100 connections with a few
	// nodes; SQLite needs one per concurrent reader.
	DefaultMaxOpenConns = 16
	// DefaultMaxIdleConns keeps the prepared pages of busy connections warm.
	DefaultMaxIdleConns = 8
)

// Options tune a handle. The zero value is right for most installations.
type Options struct {
	MaxOpenConns int                   // connections at most; 0 = DefaultMaxOpenConns
	MaxIdleConns int                   // idle connections kept; 0 = DefaultMaxIdleConns
	BusyTimeout  time.Duration         // SQLite: how long a writer waits for its turn; 0 = DefaultBusyTimeout
	Log          dbutil.DatabaseLogger // nil = silent
}

func (o Options) withDefaults() Options {
	if o.MaxOpenConns <= 0 {
		o.MaxOpenConns = DefaultMaxOpenConns
	}
	if o.MaxIdleConns <= 0 {
		o.MaxIdleConns = DefaultMaxIdleConns
	}
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = DefaultBusyTimeout
	}
	return o
}

// memoryCount names in-memory databases apart.
var memoryCount atomic.Uint64

// Open opens a database and returns the handle that all packages share.
//
// A url beginning with postgres:// or postgresql:// is PostgreSQL. Anything else
// is SQLite: a file path, optionally after "sqlite:", or ":memory:" (also "")
// for a database that ends with the handle. SQLite runs in WAL mode with foreign
// keys, immediate transactions and synchronous=NORMAL; the journal raises its
// own connection to FULL. The url may hold a password: errors never repeat it.
func Open(ctx context.Context, url string, opts Options) (*dbutil.Database, error) {
	opts = opts.withDefaults()
	var db *dbutil.Database
	var err error
	if isPostgres(url) {
		db, err = openPostgres(url)
	} else {
		db, err = openSQLite(strings.TrimPrefix(url, "sqlite:"), opts)
	}
	if err != nil {
		return nil, err
	}
	db.RawDB.SetMaxOpenConns(opts.MaxOpenConns)
	db.RawDB.SetMaxIdleConns(opts.MaxIdleConns)
	if opts.Log != nil {
		db.Log = opts.Log
	}
	if err = db.RawDB.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("database: cannot connect: %w", err)
	}
	return db, nil
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

func openPostgres(url string) (*dbutil.Database, error) {
	raw, err := sql.Open("pgx", url)
	if err != nil {
		return nil, fmt.Errorf("database: the PostgreSQL address is not valid")
	}
	return dbutil.NewWithDB(raw, "pgx")
}

func openSQLite(path string, opts Options) (*dbutil.Database, error) {
	dsn := url.Values{}
	dsn.Set("_foreign_keys", "on")
	dsn.Set("_busy_timeout", fmt.Sprint(opts.BusyTimeout.Milliseconds()))
	dsn.Set("_txlock", "immediate")
	dsn.Set("_synchronous", "NORMAL")
	name := path
	if path == "" || path == ":memory:" {
		// memdb gives all connections of the pool the same database, with ordinary
		// locks (a shared cache would answer SQLITE_LOCKED to readers).
		name = fmt.Sprintf("/waystation-%d", memoryCount.Add(1))
		dsn.Set("vfs", "memdb")
	} else {
		dsn.Set("_journal_mode", "WAL")
		if dir := filepath.Dir(path); dir != "." {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return nil, fmt.Errorf("database: cannot make the folder of the database: %w", err)
			}
		}
	}
	escaped := (&url.URL{Path: name}).EscapedPath()
	raw := sql.OpenDB(newGatedConnector("file:"+escaped+"?"+dsn.Encode(), opts.BusyTimeout))
	if name != path {
		// The database lives as long as one connection does.
		raw.SetConnMaxLifetime(0)
		raw.SetConnMaxIdleTime(0)
	}
	return dbutil.NewWithDB(raw, "sqlite3")
}
