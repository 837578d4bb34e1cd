package idempotency

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
	"go.uber.org/goleak"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(dbtest.Runner{M: m})
}

// onEach runs a test on each database; open may be called again, as another process would.
func onEach(t *testing.T, test func(t *testing.T, open func(Config) *Store)) {
	dbtest.OnEach(t, func(t *testing.T, address string) {
		var shared *dbutil.Database
		test(t, func(cfg Config) *Store {
			if shared == nil || shared.Dialect == dbutil.Postgres { // SQLite has one handle a file
				db, err := database.Open(t.Context(), address, database.Options{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { db.Close() })
				shared = db
			}
			s, err := Open(t.Context(), shared, cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		})
	})
}

func key(principal, name string) rpc.CallKey {
	return rpc.CallKey{Principal: principal, Method: "message.sendText", Key: name}
}

// claim returns the stored call, nil if the key is new.
func claim(t *testing.T, s *Store, k rpc.CallKey, params string) *rpc.KeptCall {
	t.Helper()
	kept, fresh, err := s.Claim(t.Context(), k, []byte(params))
	if err != nil || kept.Started.IsZero() || fresh && (string(kept.Params) != params || kept.Reply != nil) {
		t.Fatalf("%+v, %v", kept, err)
	}
	if fresh {
		again, _, err := s.Claim(t.Context(), k, nil)
		if err != nil || !again.Started.Equal(kept.Started) {
			t.Fatalf("begun %v, then %v, %v", kept.Started, again.Started, err)
		}
		return nil
	}
	return &kept
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestClaimKeepFree(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(Config{})
		k := key("p", "k\x00 \u00e9'\"")
		if kept := claim(t, s, k, "1"); kept != nil {
			t.Fatal(kept)
		}
		for _, s := range []*Store{s, open(Config{})} { // the second is the process after a crash
			kept := claim(t, s, k, "2")
			if kept == nil || string(kept.Params) != "1" || kept.Reply != nil || time.Since(kept.Started) > time.Minute {
				t.Fatalf("%+v", kept)
			}
		}
		must(t, s.Free(t.Context(), k))
		if kept := claim(t, s, k, "3"); kept != nil {
			t.Fatal("not freed:", kept)
		}
		must(t, s.Keep(t.Context(), k, []byte("reply\x00\xff")))
		must(t, s.Free(t.Context(), k)) // stored replies stay
		for _, s := range []*Store{s, open(Config{})} {
			if kept := claim(t, s, k, "4"); kept == nil || string(kept.Reply) != "reply\x00\xff" || string(kept.Params) != "3" {
				t.Fatalf("%+v", kept)
			}
		}
		for _, other := range []rpc.CallKey{key("q", k.Key), key("p", "other"), {Principal: "p", Method: "other", Key: k.Key}} {
			if kept := claim(t, s, other, "5"); kept != nil {
				t.Fatalf("%+v shares a row: %+v", other, kept)
			}
		}
	})
}

func TestOneClaimWins(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		stores := []*Store{open(Config{}), open(Config{}), open(Config{})}
		for round := range 10 {
			k := key("p", strconv.Itoa(round))
			var won atomic.Int64
			var wg sync.WaitGroup
			for _, s := range stores {
				for range 3 {
					wg.Go(func() {
						_, fresh, err := s.Claim(t.Context(), k, []byte("x"))
						if err != nil {
							t.Error(err)
						}
						if fresh {
							won.Add(1)
						}
					})
				}
			}
			wg.Wait()
			if won.Load() != 1 {
				t.Fatalf("%d won", won.Load())
			}
		}
	})
}

func TestKeysOfAPrincipalAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(Config{MaxKeys: 3})
		for i := range 3 {
			claim(t, s, key("p", strconv.Itoa(i)), "x")
		}
		for _, s := range []*Store{s, open(Config{MaxKeys: 3})} {
			if _, _, err := s.Claim(t.Context(), key("p", "one more"), nil); !errors.Is(err, rpc.ErrTooManyKeys) {
				t.Fatal(err)
			}
			if kept := claim(t, s, key("p", "1"), "x"); kept == nil {
				t.Fatal("a known key is known no more")
			}
		}
		claim(t, s, key("q", "0"), "x") // others are not concerned
		must(t, s.Free(t.Context(), key("p", "0")))
		claim(t, s, key("p", "one more"), "x")
		if _, _, err := s.Claim(t.Context(), key("p", "and one"), nil); !errors.Is(err, rpc.ErrTooManyKeys) {
			t.Fatal(err)
		}
	})
}

// The replies that may hold something of a session go with it. Their keys stay claimed when the calls concern others too.
func TestDeleteOwnerDeletesReplies(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(Config{})
		const gone = "(deleted)"
		for name, c := range map[string]struct {
			principal, owner string
			running          bool
			want             string // empty = the key is free
		}{
			"of the session":             {principal: "admin", owner: "o1"},
			"of the session, running":    {principal: "admin", owner: "o1", running: true},
			"of another session":         {principal: "admin", owner: "o2", want: "reply"},
			"of several":                 {principal: "admin", owner: rpc.SharedOwner + "hash", want: gone},
			"of none":                    {principal: "admin", want: gone},
			"of none, running":           {principal: "admin", running: true, want: "running"},
			"of another caller":          {principal: "other", want: "reply"},
			"of the session's own token": {principal: "token", owner: "o1"},
		} {
			k := rpc.CallKey{Principal: c.principal, Method: "test.call", Key: name, Owner: c.owner}
			claim(t, s, k, "x")
			if !c.running {
				must(t, s.Keep(t.Context(), k, []byte("reply")))
			}
			must(t, s.DeleteOwner(t.Context(), "o1", "admin", "token"))
			must(t, s.Keep(t.Context(), rpc.CallKey{Principal: c.principal, Method: "test.call", Key: name, Owner: "o1"}, []byte("late")))
			got := ""
			switch kept := claim(t, s, k, "x"); {
			case kept == nil:
			case kept.Reply == nil:
				got = "running"
			case bytes.Equal(kept.Reply, rpc.DeletedReply()):
				got = gone
			default:
				got = string(kept.Reply)
			}
			if got != c.want {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
	})
}

func TestOldKeysAreForgotten(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(Config{Keep: 2 * time.Hour, MaxKeys: 2, SweepEvery: 5 * time.Millisecond})
		age := func(k rpc.CallKey, by time.Duration) {
			_, err := s.db.Exec(t.Context(), `UPDATE idempotency_replies SET started_at=started_at-$2 WHERE id=$1`, rowID(k), by.Milliseconds())
			must(t, err)
		}
		long := open(Config{Keep: 2 * time.Hour, SweepEvery: time.Hour})
		k := key("p", "0")
		claim(t, long, k, "1")
		must(t, long.Keep(t.Context(), k, []byte("old")))
		age(k, time.Hour)
		if kept := claim(t, long, k, "1"); kept == nil {
			t.Fatal("forgotten too early")
		}
		age(k, time.Hour)
		testkit.Eventually(t, "the reply is swept", func() bool { // also without a read since then
			var n int
			must(t, s.db.QueryRow(t.Context(), `SELECT COUNT(*) FROM idempotency_replies`).Scan(&n))
			return n == 0
		})
		must(t, s.Close())
		claim(t, long, k, "1")
		must(t, long.Keep(t.Context(), k, []byte("old")))
		age(k, 3*time.Hour)
		if kept := claim(t, long, k, "2"); kept != nil {
			t.Fatalf("before a sweep: %+v", kept)
		}
		if kept := claim(t, long, k, "3"); kept == nil || string(kept.Params) != "2" || kept.Reply != nil {
			t.Fatalf("%+v", kept)
		}
	})
}

func TestManyRowsAreSweptInParts(t *testing.T) {
	onEach(t, func(t *testing.T, open func(Config) *Store) {
		s := open(Config{SweepEvery: time.Hour})
		must(t, s.db.DoTxn(t.Context(), nil, func(ctx context.Context) error {
			for i := range 2*sweepRows + 7 {
				if _, err := s.db.Exec(ctx, `INSERT INTO idempotency_replies (id, principal, started_at, params) VALUES ($1, 'p', 1, $2)`,
					strconv.Itoa(i), []byte("x")); err != nil {
					return err
				}
			}
			return nil
		}))
		claim(t, s, key("p", "fresh"), "x")
		must(t, s.sweepOnce(t.Context()))
		var n int
		must(t, s.db.QueryRow(t.Context(), `SELECT COUNT(*) FROM idempotency_replies`).Scan(&n))
		if n != 1 {
			t.Fatal(n)
		}
	})
}
