package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"go.mau.fi/util/dbutil"
)

// Defaults of Options.
const (
	// DefaultBusyTimeout is long enough for a checkpoint of a large WAL, short
	// enough that a stuck writer shows.
	DefaultBusyTimeout = 10 * time.Second
	// DefaultMaxOpenConns suits PostgreSQL's default of 100 connections with a few
	// nodes. On SQLite it bounds page caches (2 MB a connection at most); writers
	// waiting at the gate hold one each.
	DefaultMaxOpenConns = 16
	// DefaultMaxIdleConns keeps caches and prepared statements of busy connections.
	DefaultMaxIdleConns = 8
	// DefaultConnectTimeout bounds the dialling of a PostgreSQL that does not answer.
	DefaultConnectTimeout = 5 * time.Second

	// minOpenConns is what SQLite needs to make progress: the journal keeps one
	// connection, and a transaction may meet a reader.
	minOpenConns = 4
	// statementCache is how many prepared statements a SQLite connection keeps: what
	// one event takes, in whatsmeow's store and ours.
	statementCache = 64
)

// Options tune a handle. The zero value is right for most installations.
type Options struct {
	MaxOpenConns int                   // connections at most; 0 = DefaultMaxOpenConns
	MaxIdleConns int                   // idle connections kept; 0 = DefaultMaxIdleConns
	BusyTimeout  time.Duration         // SQLite: how long a writer waits for its turn (ErrBusy); 0 = DefaultBusyTimeout
	Log          dbutil.DatabaseLogger // nil = silent
}

func (o Options) withDefaults() Options {
	if o.MaxOpenConns <= 0 {
		o.MaxOpenConns = DefaultMaxOpenConns
	}
	o.MaxOpenConns = max(o.MaxOpenConns, minOpenConns)
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
	config, err := pgx.ParseConfig(url)
	if err != nil {
		// The parser's text can show parts of the address.
		return nil, errors.New("database: the PostgreSQL address is not valid")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = DefaultConnectTimeout
	}
	return dbutil.NewWithDB(stdlib.OpenDB(*config), "pgx")
}

func openSQLite(path string, opts Options) (*dbutil.Database, error) {
	dsn := url.Values{}
	dsn.Set("_foreign_keys", "on")
	dsn.Set("_busy_timeout", strconv.FormatInt(opts.BusyTimeout.Milliseconds(), 10))
	dsn.Set("_txlock", "immediate")
	dsn.Set("_synchronous", "NORMAL")
	dsn.Set("_stmt_cache_size", strconv.Itoa(statementCache))
	var files *fileIdentity // nil for a database in memory
	name, inMemory := path, path == "" || path == ":memory:"
	if inMemory {
		// memdb gives all connections of the pool the same database, with ordinary
		// locks (a shared cache would answer SQLITE_LOCKED to readers).
		name = fmt.Sprintf("/waystation-%d", memoryCount.Add(1))
		dsn.Set("vfs", "memdb")
	} else {
		dsn.Set("_journal_mode", "WAL")
		dsn.Set("mode", "rw") // the file exists by now; when it is removed, SQLite must not create an empty one
		main, err := createPrivate(path)
		if err != nil {
			return nil, err
		}
		if files, err = newFileIdentity(path, main); err != nil {
			return nil, err
		}
	}
	keepFreed()
	raw := sql.OpenDB(newGatedConnector("file:"+(&url.URL{Path: name}).EscapedPath()+"?"+dsn.Encode(), files, opts.BusyTimeout))
	if inMemory {
		// The database lives as long as one connection does.
		raw.SetConnMaxLifetime(0)
		raw.SetConnMaxIdleTime(0)
	}
	return dbutil.NewWithDB(raw, "sqlite3")
}

// createPrivate creates the file, which holds keys of WhatsApp accounts, readable for its owner only, and returns its
// identity. SQLite gives its other files the same mode.
func createPrivate(path string) (os.FileInfo, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("database: cannot make the folder of the database: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("database: cannot open the database file: %w", err)
	}
	info, err := file.Stat()
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("database: cannot open the database file: %w", err)
	}
	return info, nil
}
