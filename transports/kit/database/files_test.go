package database

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

// copyFile copies a file to another path, as a restore of a backup does.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// writes returns the errors of each kind of write on the handle: a statement, a transaction, a prepared statement, a
// query that writes.
func writes(db *dbutil.Database) map[string]error {
	ctx, result := context.Background(), map[string]error{}
	_, result["statement"] = db.Exec(ctx, "INSERT INTO x (who) VALUES ('statement')")
	result["transaction"] = db.DoTxn(ctx, nil, func(ctx context.Context) error {
		_, err := db.Exec(ctx, "INSERT INTO x (who) VALUES ('transaction')")
		return err
	})
	if statement, err := db.RawDB.PrepareContext(ctx, "INSERT INTO x (who) VALUES (?1)"); err != nil {
		result["prepared"] = err
	} else {
		defer statement.Close()
		_, result["prepared"] = statement.ExecContext(ctx, "prepared")
	}
	var n int
	result["returning"] = db.QueryRow(ctx, "INSERT INTO x (who) VALUES ('returning') RETURNING n").Scan(&n)
	return result
}

func TestReplacedFileIsDetectedAndRefusesWrites(t *testing.T) {
	for _, c := range []struct {
		name     string
		replace  func(t *testing.T, path string)
		restore  func(t *testing.T, path string) // nil = cannot be restored
		detected bool
	}{
		{"file removed", func(t *testing.T, path string) { must(t, os.Remove(path)) }, nil, true},
		{"all files removed", func(t *testing.T, path string) {
			for _, suffix := range []string{"", "-wal", "-shm"} {
				must(t, os.Remove(path+suffix))
			}
		}, nil, true},
		{"log removed", func(t *testing.T, path string) { must(t, os.Remove(path+"-wal")) }, nil, true},
		{"file replaced by a copy", func(t *testing.T, path string) {
			copyFile(t, path, path+".copy")
			must(t, os.Rename(path+".copy", path))
		}, nil, true},
		{"log replaced by a copy", func(t *testing.T, path string) {
			copyFile(t, path+"-wal", path+"-wal.copy")
			must(t, os.Rename(path+"-wal.copy", path+"-wal"))
		}, nil, true},
		{"file replaced by an empty one", func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, os.WriteFile(path, nil, 0o600))
		}, nil, true},
		{"file replaced by a folder", func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, os.Mkdir(path, 0o700))
		}, nil, true},
		{
			"file moved away",
			func(t *testing.T, path string) { must(t, os.Rename(path, path+".away")) },
			func(t *testing.T, path string) { must(t, os.Rename(path+".away", path)) }, true,
		},
		{
			"log moved away",
			func(t *testing.T, path string) { must(t, os.Rename(path+"-wal", path+"-wal.away")) },
			func(t *testing.T, path string) { must(t, os.Rename(path+"-wal.away", path+"-wal")) }, true,
		},
		{
			"folder moved away",
			func(t *testing.T, path string) { must(t, os.Rename(filepath.Dir(path), filepath.Dir(path)+".away")) },
			func(t *testing.T, path string) { must(t, os.Rename(filepath.Dir(path)+".away", filepath.Dir(path))) }, true,
		},
		{
			"folder replaced by a file",
			func(t *testing.T, path string) {
				must(t, os.Rename(filepath.Dir(path), filepath.Dir(path)+".away"))
				must(t, os.WriteFile(filepath.Dir(path), nil, 0o600))
			},
			func(t *testing.T, path string) {
				must(t, os.Remove(filepath.Dir(path)))
				must(t, os.Rename(filepath.Dir(path)+".away", filepath.Dir(path)))
			}, true,
		},
		{"other files come and go", func(t *testing.T, path string) {
			copyFile(t, path, path+".backup")
			must(t, os.Remove(path+".backup"))
			must(t, os.Chmod(path, 0o640))
		}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data", "x.db")
			db := open(t, path, Options{})
			exec(t, db, "CREATE TABLE x (n INTEGER PRIMARY KEY, who TEXT)")
			must(t, CheckFiles(db))
			c.replace(t, path)
			if err := CheckFiles(db); errors.Is(err, ErrFileReplaced) != c.detected {
				t.Errorf("CheckFiles: %v", err)
			} else if Gone(err) != c.detected {
				t.Errorf("Gone(%v) is %v", err, Gone(err))
			}
			for name, err := range writes(db) {
				if errors.Is(err, ErrFileReplaced) != c.detected {
					t.Errorf("%s: %v", name, err)
				}
			}
			if c.restore == nil {
				return
			}
			c.restore(t, path)
			must(t, CheckFiles(db))
			for name, err := range writes(db) {
				if err != nil {
					t.Errorf("%s after the file was moved back: %v", name, err)
				}
			}
		})
	}
}

// A new connection of the pool must not open, or create, another file than the connections before it.
func TestNewConnectionsRefuseAReplacedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db := open(t, path, Options{})
	exec(t, db, "CREATE TABLE x (n INTEGER)")
	held, err := db.RawDB.Conn(t.Context())
	must(t, err)
	defer held.Close()
	must(t, os.Remove(path))
	if second, err := db.RawDB.Conn(t.Context()); !errors.Is(err, ErrFileReplaced) {
		if err == nil {
			_ = second.Close()
		}
		t.Errorf("a second connection: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file was created again: %v", err)
	}
}

// SQLite removes the write-ahead log with the last connection and creates another with the next one.
func TestLogOfLaterConnectionsIsNoReplacedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db := open(t, path, Options{})
	exec(t, db, "CREATE TABLE x (n INTEGER PRIMARY KEY, who TEXT)")
	for range 5 {
		db.RawDB.SetMaxIdleConns(0) // closes the idle connections
		db.RawDB.SetMaxIdleConns(DefaultMaxIdleConns)
		for name, err := range writes(db) {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		must(t, CheckFiles(db))
	}
}

func TestFilesOfLinksAndOtherDatabases(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Symlink(filepath.Join(dir, "real.db"), filepath.Join(dir, "link.db")))
	linked := open(t, filepath.Join(dir, "link.db"), Options{})
	exec(t, linked, "CREATE TABLE x (n INTEGER)")
	must(t, CheckFiles(linked))
	must(t, os.Remove(filepath.Join(dir, "link.db")))
	must(t, os.WriteFile(filepath.Join(dir, "other.db"), nil, 0o600))
	must(t, os.Symlink(filepath.Join(dir, "other.db"), filepath.Join(dir, "link.db")))
	if err := CheckFiles(linked); !errors.Is(err, ErrFileReplaced) {
		t.Errorf("the link leads to another file: %v", err)
	}
	must(t, CheckFiles(open(t, ":memory:", Options{})))
	must(t, CheckFiles(open(t, dbtest.Postgres(t), Options{})))
}
