package socket

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/consumer"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
)

// Shutdown writes the acknowledgements.
func TestConsumerIsWrittenByShutdown(t *testing.T) {
	w, store := newConsumerWorld(t, journal.Config{})
	w.append("s1", "Message", 3)
	c, _ := w.dialConsumer("session:s1", "shop", object{"from": "oldest"})
	c.events("s1", 1, 3)
	c.call("events.ack", object{"offset": 2}, nil)
	down := make(chan struct{})
	go func() {
		defer close(down)
		w.endpoint.Shutdown(context.Background())
	}()
	c.notification("conn.drain", &drainParams{})
	c.closed(CloseRestart)
	<-down
	if list := store.written(t, "token-s1"); list[0].Offset != 2 {
		t.Fatalf("%v", list)
	}
}

// unsteady is a store whose database can be made to fail.
type unsteady struct {
	Consumers
	gone atomic.Bool
}

var errGone = errors.New("secret of the database")

func (u *unsteady) Acquire(ctx context.Context, id consumer.ID) (map[string]consumer.Position, error) {
	if u.gone.Load() {
		return nil, errGone
	}
	return u.Consumers.Acquire(ctx, id)
}

func (u *unsteady) Flush(ctx context.Context) error {
	if u.gone.Load() {
		return errGone
	}
	return u.Consumers.Flush(ctx)
}

// Without its database a consumer cannot begin; one that has begun continues.
func TestConsumerWithoutDatabase(t *testing.T) {
	store := &unsteady{Consumers: openConsumers(t, filepath.Join(t.TempDir(), "consumers.db"), consumer.Config{FlushEvery: time.Hour})}
	w := newWorld(t, Config{Consumers: store}, journal.Config{})
	w.append("s1", "Message", 5)
	c, _ := w.dialConsumer("session:s1", "shop", object{"from": "oldest"})
	store.gone.Store(true)
	c.events("s1", 1, 5)
	c.call("events.ack", object{"offset": 3}, nil)

	other := w.dial("session:s1")
	m := other.fails(rpc.CodeInternal, "conn.hello", object{"protocol": 1, "consumer": "mail"})
	if strings.Contains(string(m.Error.Data)+m.Error.Message, "secret") {
		t.Errorf("%+v", m.Error)
	}
	other.closed(CloseInternal)
	if err := c.Quiet(); err != nil {
		t.Fatal(err)
	}
	store.gone.Store(false)
	c.leave()
	c, _ = w.dialConsumer("session:s1", "shop", nil)
	c.events("s1", 4, 5)
}

// A client that has disappeared without closing is still connected for the server, and cannot be written to. Its next
// connection does not wait for that.
func TestSupersedeOfAStalledConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := database.Open(context.Background(), filepath.Join(t.TempDir(), "consumers.db"), database.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		store, err := consumer.Open(context.Background(), db, consumer.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close(context.Background())
		w, end := newPipeWorld(t, Config{Consumers: store}, journal.Config{SweepEvery: time.Hour})
		defer end()
		w.append("s1", "Message", 2)
		older, _ := w.dialConsumer("session:s1", "shop", object{"from": "oldest"})
		older.events("s1", 1, 2)
		older.call("events.ack", object{"offset": 1}, nil)
		w.append("s1", "Message", 1) // which the client does not read
		synctest.Wait()
		start := time.Now()
		newer, _ := w.dialConsumer("session:s1", "shop", nil)
		newer.events("s1", 2, 3)
		within(t, start, 0, time.Second)
		raw := w.rawClient(older)
		raw.expectFrame(t, opText)
		if code := raw.expectClose(t); code != CloseSuperseded {
			t.Fatalf("close %d", code)
		}
		newer.call("events.ack", object{"offset": 3}, nil)
		time.Sleep(consumer.DefaultFlushEvery)
		synctest.Wait()
		if list, err := store.List(context.Background(), "token-s1", "shop"); err != nil || list[0].Offset != 3 {
			t.Fatalf("%v, %v", list, err)
		}
	})
}
