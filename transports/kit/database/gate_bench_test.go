package database

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// Small transactions of 50 sessions beside one connection that commits to the disk,
// with the gate and with SQLite's own waiting alone.
func BenchmarkSmallWritesBesideFullCommits(b *testing.B) {
	const options = "?_foreign_keys=on&_journal_mode=WAL&_busy_timeout=10000&_txlock=immediate&_synchronous=NORMAL&_stmt_cache_size=64"
	b.Run("gate", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "x.db")
		info, err := createPrivate(path)
		if err != nil {
			b.Fatal(err)
		}
		files, err := newFileIdentity(path, info)
		if err != nil {
			b.Fatal(err)
		}
		benchmarkWrites(b, sql.OpenDB(newGatedConnector("file:"+path+options, files, DefaultBusyTimeout)))
	})
	b.Run("busy", func(b *testing.B) {
		benchmarkWrites(b, sql.OpenDB(plainConnector{&sqlite3.SQLiteDriver{}, "file:" + filepath.Join(b.TempDir(), "x.db") + options}))
	})
}

func benchmarkWrites(b *testing.B, db *sql.DB) {
	defer db.Close()
	ctx := context.Background()
	db.SetMaxOpenConns(DefaultMaxOpenConns)
	db.SetMaxIdleConns(DefaultMaxIdleConns)
	must := func(_ sql.Result, err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	must(db.Exec(`CREATE TABLE ratchets (session TEXT, peer TEXT, state BLOB, PRIMARY KEY (session, peer))`))
	must(db.Exec(`CREATE TABLE log (n INTEGER PRIMARY KEY, data BLOB)`))
	full, err := db.Conn(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer full.Close()
	must(full.ExecContext(ctx, "PRAGMA synchronous=FULL"))
	data := make([]byte, 800)
	stop, stopped := make(chan struct{}), make(chan struct{})
	var commits int
	b.ResetTimer()
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			tx, err := full.BeginTx(ctx, nil)
			if err != nil {
				b.Error(err)
				return
			}
			for range 20 {
				_, err = tx.Exec(`INSERT INTO log (data) VALUES (?1)`, data)
			}
			if err != nil || tx.Commit() != nil {
				b.Error("full commit failed")
				return
			}
			commits++
		}
	}()
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var wg sync.WaitGroup
	for s := range 50 {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				start := time.Now()
				tx, err := db.BeginTx(ctx, nil)
				if err == nil {
					_, err = tx.Exec(`INSERT INTO ratchets VALUES (?1, ?2, ?3) ON CONFLICT (session, peer) DO UPDATE SET state=excluded.state`,
						fmt.Sprint(s), fmt.Sprint(i%20), data)
					if err == nil {
						err = tx.Commit()
					}
				}
				if err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(start)
			}
		})
	}
	wg.Wait()
	seconds := b.Elapsed().Seconds()
	close(stop)
	<-stopped
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/seconds, "writes/s")
	b.ReportMetric(float64(commits)/seconds, "full-commits/s")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
