package outlets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
	"go.uber.org/goleak"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/refusal"
	"github.com/waystation/waystation/transports/webhook"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(dbtest.Runner{M: m})
}

// brokers are the recorders behind the kinds of a test: one for each address.
type brokers struct {
	mu     sync.Mutex
	away   bool
	stuck  chan struct{}       // if not nil, connections end when it is closed
	got    map[string][]string // by address: session/offset
	opened int
	closed int
}

// options of the kinds of these tests.
type options struct {
	Name     string `json:"name"`
	Password string `json:"password"`
	Size     int    `json:"size"`
	b        *brokers
}

func (o *options) Open(url string, access Access) (Connection, error) {
	var p refusal.Problems
	if url == "" {
		p.Add("url", "must not be empty")
	}
	if o.Size < 0 {
		p.Add("size", "must not be negative")
	}
	if o.Name == "file" && !access.Operator {
		p.Add("name", "is for the operator")
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	o.b.mu.Lock()
	defer o.b.mu.Unlock()
	o.b.opened++
	return &connection{b: o.b, url: url}, nil
}

func (o *options) Hosts(url string) []Host { return []Host{{"url", url}} }

type connection struct {
	b    *brokers
	url  string
	sent uint64
}

var errAway = errors.New("nobody answers")

func (c *connection) Deliver(_ context.Context, _ dispatch.Target, d *dispatch.Delivery) (int, error) {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if c.b.away {
		return 0, dispatch.Unreachable(errAway)
	}
	c.sent++
	c.b.got[c.url] = append(c.b.got[c.url], fmt.Sprintf("%s/%d", d.Event.Session, d.Event.Offset))
	return 0, nil
}

func (c *connection) Test(context.Context, string) (Report, error) {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if c.b.away {
		return Report{Host: "h"}, errAway
	}
	return Report{Host: "h", Port: 1}, nil
}

func (c *connection) Figures() Figures {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	return Figures{Figures: broker.Figures{Connected: true, Published: c.sent}, ActiveQueues: 3}
}

func (c *connection) Close() error {
	c.b.mu.Lock()
	stuck := c.b.stuck
	c.b.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	c.b.closed++
	return nil
}

func (b *brokers) seen(url string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got[url])
}

func (b *brokers) open() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opened - b.closed
}

// world is a server's transports on one database.
type world struct {
	t        *testing.T
	db       *dbutil.Database
	journal  *journal.Journal
	d        *dispatch.Dispatcher
	hooks    *webhook.Webhooks
	o        *Outlets
	b        *brokers
	receiver *httptest.Server
}

func newWorld(t *testing.T, db *dbutil.Database) *world {
	w := &world{t: t, db: db, b: &brokers{got: map[string][]string{}}}
	w.receiver = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var e struct {
			Session string
			Offset  int
		}
		_ = json.Unmarshal(body, &e)
		w.b.mu.Lock()
		defer w.b.mu.Unlock()
		w.b.got["webhook"] = append(w.b.got["webhook"], fmt.Sprintf("%s/%d", e.Session, e.Offset))
	}))
	t.Cleanup(w.receiver.Close)
	var err error
	if w.journal, err = journal.Open(t.Context(), db, journal.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.journal.Close() })
	w.open()
	t.Cleanup(w.close)
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	ctx := w.t.Context()
	if w.d, err = dispatch.Open(ctx, w.db, w.journal, dispatch.Config{}); err != nil {
		w.t.Fatal(err)
	}
	events := map[string]bool{"Message": false, "Receipt": false, "ChatPresence": true}
	key := bytes.Repeat([]byte{1}, 32)
	w.hooks, err = webhook.Open(ctx, w.db, w.d, webhook.Config{
		Key: key, Events: events, Check: func(context.Context, string) error { return nil },
		Transport: &http.Transport{DisableKeepAlives: true},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	kind := Kind{New: func() Options { return &options{Size: 7, b: w.b} }, Secrets: []string{"password"}, Told: []string{"password"}}
	w.o, err = Open(ctx, w.db, w.d, w.hooks, Config{
		Key: key, Events: events, Kinds: map[string]Kind{"redis": kind, "amqp": kind, "sqs": kind},
		Policy: dispatch.Policy{BackoffBase: time.Millisecond, BackoffCap: time.Millisecond, BreakerPause: 10 * time.Millisecond},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	if err := w.d.Close(context.Background()); err != nil {
		w.t.Error(err)
	}
	if err := w.o.Close(context.Background()); err != nil {
		w.t.Error(err)
	}
}

func (w *world) restart(sessions map[string][]string, g Globals) {
	w.t.Helper()
	w.close()
	w.open()
	w.start(sessions, g)
}

func (w *world) start(sessions map[string][]string, g Globals) {
	w.t.Helper()
	if err := w.o.Start(w.t.Context(), sessions, g); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) set(g Globals) {
	w.t.Helper()
	if err := w.o.SetGlobals(w.t.Context(), g); err != nil {
		w.t.Fatal(err)
	}
}

// globals are the four transports to addresses of their names.
func (w *world) globals(transports ...string) Globals {
	g := Globals{Brokers: map[string]Settings{}}
	for _, name := range transports {
		if name == webhook.Transport {
			g.Webhook = &webhook.Global{URL: w.receiver.URL, Events: []string{"All"}, Format: webhook.FormatNative}
			continue
		}
		g.Brokers[name] = Settings{Enabled: true, URL: name, Events: []string{"All"}}
	}
	return g
}

func (w *world) append(session string, n int) {
	w.t.Helper()
	for range n {
		if _, err := w.journal.Append(w.t.Context(), session, journal.Record{Type: "Message"}); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) skip(session string, outlets ...string) {
	w.t.Helper()
	if err := w.o.Skip(w.t.Context(), session, outlets, nil); err != nil {
		w.t.Fatal(err)
	}
}

// expect waits until an address got exactly these, of each session in order.
func (w *world) expect(url string, want ...string) {
	w.t.Helper()
	slices.Sort(want)
	var got []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		got = w.b.seen(url)
		slices.Sort(got)
		if slices.Equal(got, want) {
			return
		}
		if len(got) > len(want) {
			break
		}
	}
	w.t.Fatalf("%s got %v, want %v", url, got, want)
}

// onEach runs a test on both databases.
func onEach(t *testing.T, test func(w *world)) {
	dbtest.OnEach(t, func(t *testing.T, address string) {
		db, err := database.Open(t.Context(), address, database.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		test(newWorld(t, db))
	})
}
