package webhook

import (
	"cmp"
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
	"go.uber.org/goleak"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/guard"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(dbtest.Runner{M: m})
}

// fakeDispatcher records its calls.
type fakeDispatcher struct {
	mu      sync.Mutex
	sink    dispatch.Sink
	policy  dispatch.Policy
	targets map[string]dispatch.Target
	before  func() // called before targets are put; nil = no call

	released []string // targets
}

func (d *fakeDispatcher) AddSink(_ string, s dispatch.Sink, p dispatch.Policy) error {
	d.sink, d.policy = s, p
	return nil
}

func (d *fakeDispatcher) ReleaseTarget(_, id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.released = append(d.released, id)
}

func (d *fakeDispatcher) PutTargets(ctx context.Context, targets ...dispatch.Target) error {
	if d.before != nil {
		d.before()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range targets {
		d.targets[t.ID] = t
	}
	return nil
}

func (d *fakeDispatcher) RemoveTarget(_ context.Context, _, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.targets, id)
	return nil
}

var knownEvents = map[string]bool{"Message": false, "MessageStatus": false, "Receipt": false, "Connected": false, "Presence": true, "ChatPresence": true}

// world is webhooks on a database, with a guard that permits this machine and 93.184.216.34.
type world struct {
	*Webhooks
	db         *dbutil.Database
	dispatcher *fakeDispatcher
	clock      time.Time // the webhooks' clock; zero = the real time
}

func openDatabase(t *testing.T, address string) *dbutil.Database {
	t.Helper()
	db, err := database.Open(t.Context(), address, database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func newWorld(t *testing.T, db *dbutil.Database, cfg Config) *world {
	t.Helper()
	g, err := guard.New(guard.Config{Allow: []string{"127.0.0.1"}, MaxIdleConnsPerHost: cmp.Or(cfg.HostRequests, DefaultHostRequests)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	w := &world{db: db, dispatcher: &fakeDispatcher{targets: map[string]dispatch.Target{}}}
	cfg.Key, cfg.Events, cfg.Check = make([]byte, 32), knownEvents, g.Check
	cfg.Transport = g.Client(guard.Limits{MaxRedirects: -1, MaxBytes: 1 << 40}).Transport
	cfg.Now = func() time.Time {
		if w.clock.IsZero() {
			return time.Now()
		}
		return w.clock
	}
	if w.Webhooks, err = Open(t.Context(), db, w.dispatcher, cfg); err != nil {
		t.Fatal(err)
	}
	return w
}

func onSQLite(t *testing.T, cfg Config) *world {
	t.Helper()
	return newWorld(t, openDatabase(t, filepath.Join(t.TempDir(), "webhook.db")), cfg)
}

func onEach(t *testing.T, test func(t *testing.T, w *world)) {
	dbtest.OnEach(t, func(t *testing.T, address string) { test(t, newWorld(t, openDatabase(t, address), Config{})) })
}

func ptr[T any](v T) *T { return &v }

var shop = Key{"shop", DefaultID}

const publicURL = "https://93.184.216.34/hook"

func requireNoError[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
