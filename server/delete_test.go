package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// left lists the tables that still have rows of a session, or rows without a session that can only be its own here.
func (s *testServer) left(session string) (tables []string) {
	s.t.Helper()
	query := `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type='table'`
	if s.app.db.Dialect.String() == "postgres" {
		query = `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema='public'`
	}
	rows, err := s.app.db.Query(s.t.Context(), query+` ORDER BY 1, 2`)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	counts := map[string]string{"bridge_sessions": `id=$1`, "dispatch_bodies": `event<>$1`, "dispatch_replays": `event<>$1`}
	for rows.Next() {
		var table, column string
		if err = rows.Scan(&table, &column); err != nil {
			s.t.Fatal(err)
		}
		if column == "session" || column == "session_id" {
			counts[table] = column + `=$1`
		}
	}
	if err = rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	for _, table := range []string{"webhooks", "outlets", "s3_settings", "s3_jobs", "s3_objects", "s3_purges", "dispatch_cursors", "dispatch_archive", "dispatch_skips"} {
		if counts[table] == "" {
			s.t.Fatalf("no table %s among %v", table, counts)
		}
	}
	for table, condition := range counts {
		var n int
		if err = s.app.db.QueryRow(s.t.Context(), `SELECT COUNT(*) FROM `+table+` WHERE `+condition, session).Scan(&n); err != nil {
			s.t.Fatalf("%s: %v", table, err)
		}
		if n > 0 {
			tables = append(tables, fmt.Sprintf("%s: %d", table, n))
		}
	}
	slices.Sort(tables)
	return tables
}

// A session is deleted while its events are delivered, its files stored and its settings changed: none of its data is
// left.
func TestDeletedWhileBusy(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testDeletedWhileBusy(t, "") })
	t.Run("postgres", func(t *testing.T) { testDeletedWhileBusy(t, dbtest.Postgres(t)) })
}

func testDeletedWhileBusy(t *testing.T, database string) {
	const rounds = 3
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch r.URL.Path {
		case "/refuses":
			w.WriteHeader(http.StatusBadRequest) // a dead letter
		case "/fails":
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(hook.Close)
	cache, files := brokertest.Redis(t, brokertest.RedisOptions{}), brokertest.S3(t, "own", "global")
	args := []string{
		"-allow-hosts", "127.0.0.1", "-calls-per-second", "100000", "-call-burst", "100000", "-log-level", "info",
		"-global-webhook-enabled", "-global-webhook-url", hook.URL, "-global-redis-enabled", "-global-redis-url", cache.URL(),
		"-global-s3-enabled", "-global-s3-endpoint", files.URL(), "-global-s3-bucket", "global", "-global-s3-access-key", brokertest.S3Key,
		"-global-s3-secret-key", brokertest.S3Secret, "-global-s3-path-style",
	}
	if database != "" {
		args = append(args, "-database", database)
	}
	s := startServer(t, args...)
	s.call("sandbox.createAccount", object{"number": "15550100002", "push_name": "Peer"})
	storage := object{
		"session": "shop", "enabled": true, "endpoint": files.URL(), "bucket": "own", "access_key": brokertest.S3Key, "secret_key": brokertest.S3Secret, "path_style": true,
	}
	changes := []struct {
		method string
		params object
	}{
		{"webhook.update", object{"session": "shop", "url": hook.URL + "/refuses"}},
		{"webhook.create", object{"session": "shop", "name": "second", "url": hook.URL + "/fails", "events": []string{"Message"}}},
		{"transport.updateSettings", object{"session": "shop", "transport": "redis", "url": cache.URL(), "options": object{"stream": "own"}}},
		{"storage.updateSettings", storage},
		{"session.updateSettings", object{"session": "shop", "skip_global_flags": object{"redis": true, "websocket": true}}},
		{"session.updateSettings", object{"session": "shop", "skip_global_flags": object{"redis": false, "websocket": false}}},
		{"archive.replay", object{"session_ids": []string{"shop"}, "status": "dead_letter", "limit": 100}},
		{"message.sendText", object{"session": "shop", "to": "15550100002", "text": "hello", "echo": true}},
	}
	for round := range rounds {
		number := fmt.Sprintf("1555010001%d", round)
		s.pair("shop", number)
		for _, c := range changes[:4] {
			s.call(c.method, c.params)
		}
		_ = dial(t, s.url("/v1/ws"), s.token, object{"consumer": "reader", "from": "oldest", "filters": []object{{"sessions": []string{"shop"}}}})
		stop := make(chan struct{})
		var busy sync.WaitGroup
		again := func(do func()) {
			busy.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						do()
					}
				}
			})
		}
		for _, c := range changes {
			again(func() { _ = rpctest.PostCall(t, s.url("/v1/rpc"), s.token, c.method, c.params) }) // rejected from some point on
		}
		again(func() {
			_ = rpctest.PostCall(t, s.url("/v1/rpc"), s.token, "sandbox.send", object{"account": "15550100002", "to": number, "content": object{
				"type": "document", "base64": []byte("a file"), "mime_type": "text/plain", "filename": "a.txt",
			}})
		})
		testkit.Eventually(t, "dead letters, files in both storages", func() bool {
			var dead, objects int
			err := s.app.db.QueryRow(t.Context(), `SELECT COUNT(*) FROM dispatch_bodies`).Scan(&dead)
			if err == nil {
				err = s.app.db.QueryRow(t.Context(), `SELECT COUNT(DISTINCT place) FROM s3_objects`).Scan(&objects)
			}
			return err == nil && dead > 5 && objects == 2
		})
		s.call("session.delete", object{"session": "shop", "purge": true})
		close(stop)
		busy.Wait()
		var left []string
		for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			if left = s.left("shop"); len(left) == 0 || time.Now().After(deadline) {
				break
			}
		}
		if len(left) > 0 {
			t.Errorf("round %d: %s", round, strings.Join(left, ", "))
		}
		for _, bucket := range []string{"own", "global"} {
			if objects := files.Objects(t, bucket); len(objects) > 0 {
				t.Errorf("round %d: %d objects are left in %s", round, len(objects), bucket)
			}
		}
		if t.Failed() {
			return
		}
	}
}
