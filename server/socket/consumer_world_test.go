package socket

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/consumer"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
)

// consumerStore is a store with the file it is in.
type consumerStore struct {
	*consumer.Store
	path string
}

// openConsumers opens a store for named consumers.
func openConsumers(t testing.TB, path string, cfg consumer.Config) consumerStore {
	t.Helper()
	db, err := database.Open(context.Background(), path, database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := consumer.Open(context.Background(), db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	return consumerStore{s, path}
}

// written lists the consumers that another process would find in the database.
func (s consumerStore) written(t testing.TB, principal string) []consumer.Cursor {
	t.Helper()
	list, err := openConsumers(t, s.path, consumer.Config{}).List(context.Background(), principal, "")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// newConsumerWorld is a world with named consumers, whose acknowledgements are written only on request.
func newConsumerWorld(t testing.TB, jcfg journal.Config) (*world, consumerStore) {
	t.Helper()
	store := openConsumers(t, filepath.Join(t.TempDir(), "consumers.db"), consumer.Config{FlushEvery: time.Hour, MaxConsumers: 3})
	return newWorld(t, Config{Consumers: store}, jcfg), store
}

// leave ends a connection and waits until the server has noticed.
func (c *client) leave() {
	c.t.Helper()
	before := c.w.endpoint.Connections()
	_ = c.ws.CloseNow()
	for end := time.Now().Add(waitLimit); c.w.endpoint.Connections() >= before; <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatal("the connection does not end")
		}
	}
}

func (w *world) dialConsumer(token, name string, more object) (*client, helloResult) {
	w.t.Helper()
	c := w.dial(token)
	params := object{"consumer": name}
	for k, v := range more {
		params[k] = v
	}
	return c, c.hello(params)
}
