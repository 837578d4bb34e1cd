package database

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	sqlite3 "github.com/mattn/go-sqlite3"
	"go.mau.fi/util/dbutil"
)

// ErrFileReplaced reports that the path of a SQLite database, or of its write-ahead log, no longer leads to the file that
// the open connections use: the file was removed, moved or replaced. What these connections commit is lost when the server
// stops, so writes and new connections fail with this error until the file is back at its path.
var ErrFileReplaced = errors.New("database: the database file was removed or replaced while the server has it open; " +
	"move the original file back, or restart the server on the file that is to be used")

// CheckFiles compares device and inode of the files of a SQLite database with those that its connections opened, and
// returns an error that wraps ErrFileReplaced when they differ. It returns nil for PostgreSQL and for databases in memory.
func CheckFiles(db *dbutil.Database) error {
	if d, ok := db.RawDB.Driver().(fileDriver); ok {
		return d.files.check()
	}
	return nil
}

// fileDriver is SQLite's driver with the files of one database, for CheckFiles.
type fileDriver struct {
	*sqlite3.SQLiteDriver
	files *fileIdentity
}

// fileIdentity holds which files the connections of one SQLite database use. A nil *fileIdentity is a database in memory.
type fileIdentity struct {
	path string // as configured, absolute: a symbolic link to another file is a replaced file
	wal  string // SQLite keeps the log beside the file that path resolves to
	main os.FileInfo
	// log is the write-ahead log; nil until the first connection has created it. SQLite removes it with the last one.
	log         atomic.Pointer[os.FileInfo]
	connections atomic.Int64
}

func newFileIdentity(path string, main os.FileInfo) (*fileIdentity, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("database: resolve the path of the database file: %w", err)
	}
	resolved, err := filepath.EvalSymlinks(absolute)
	if err != nil {
		return nil, fmt.Errorf("database: resolve the path of the database file: %w", err)
	}
	return &fileIdentity{path: absolute, wal: resolved + "-wal", main: main}, nil
}

// opened counts a connection, closed ends its count before SQLite closes it.
func (f *fileIdentity) opened() {
	if f != nil {
		f.connections.Add(1)
	}
}

func (f *fileIdentity) closed() {
	if f != nil && f.connections.Add(-1) == 0 {
		f.log.Store(nil)
	}
}

// check returns an error that wraps ErrFileReplaced when one of the files is not the one in use.
func (f *fileIdentity) check() error {
	if f == nil {
		return nil
	}
	if err := compareFile(f.path, f.main); err != nil {
		return err
	}
	if known := f.log.Load(); known != nil {
		return compareFile(f.wal, *known)
	}
	if f.connections.Load() > 0 {
		if info, err := os.Stat(f.wal); err == nil {
			f.log.CompareAndSwap(nil, &info)
		}
	}
	return nil
}

// compareFile ignores errors that do not prove the file's absence, such as a lack of permission.
func compareFile(path string, want os.FileInfo) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: %s is missing", ErrFileReplaced, filepath.Base(path))
	case err == nil && !os.SameFile(info, want):
		return fmt.Errorf("%w: %s is another file", ErrFileReplaced, filepath.Base(path))
	}
	return nil
}

// Close ends the count of the connection and closes it.
func (c *gatedConn) Close() error {
	c.files.closed()
	return c.SQLiteConn.Close()
}

var _ driver.Driver = fileDriver{}
