package deliverymethods_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/deliverymethods"
	"github.com/waystation/waystation/rpc/methods/shared"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/journal"
)

// dispatchWorld is a dispatcher with its methods, and a sink that refuses, blocks or accepts deliveries.
type dispatchWorld struct {
	t       *testing.T
	calls   *rpc.Registry
	journal *journal.Journal
	deliver *dispatch.Dispatcher
	refuse  atomic.Bool
}

// Deliver implements dispatch.Sink.
func (o *dispatchWorld) Deliver(ctx context.Context, t dispatch.Target, _ *dispatch.Delivery) (int, error) {
	switch {
	case t.ID == "hangs":
		<-ctx.Done()
		return 0, ctx.Err()
	case strings.HasSuffix(t.ID, "waits"):
		return 429, dispatch.RetryAfter(errors.New("busy"), time.Hour)
	case o.refuse.Load():
		return 404, dispatch.Permanent(errors.New("answered 404"))
	}
	return 200, nil
}

func newDispatchWorld(t *testing.T) *dispatchWorld {
	t.Helper()
	db, log := openJournal(t)
	deliver, err := dispatch.Open(t.Context(), db, log, dispatch.Config{DrainTimeout: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(deliver.Close(context.Background()), log.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	o := &dispatchWorld{t: t, calls: rpc.NewRegistry(rpc.Options{}), journal: log, deliver: deliver}
	o.calls.MapError = shared.MapError
	deliverymethods.Register(o.calls, deliverymethods.Deps{Deliveries: deliver, Retention: log})
	if err := deliver.AddSink("webhook", o, dispatch.Policy{}); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *dispatchWorld) putTarget(id, session string) {
	o.t.Helper()
	target := dispatch.Target{Transport: "webhook", ID: id, Session: session, Filter: dispatch.Filter{Events: []string{"*"}}}
	if err := o.deliver.PutTargets(o.t.Context(), target); err != nil {
		o.t.Fatal(err)
	}
}

func (o *dispatchWorld) appendEvent(session, kind string) {
	o.t.Helper()
	if _, err := o.journal.Append(o.t.Context(), session, journal.Record{Type: kind, Data: json.RawMessage(`{"text":"hello"}`)}); err != nil {
		o.t.Fatal(err)
	}
}

// asAdmin and asSession are the callers.
func asAdmin() rpc.Principal { return rpc.Principal{Kind: rpc.ScopeAdmin, ID: "admin"} }

func asSession(id string) rpc.Principal {
	return rpc.Principal{Kind: rpc.ScopeSession, ID: "session:" + id, Session: id}
}

func (o *dispatchWorld) try(who rpc.Principal, method string, p params) (result, *rpc.Error) {
	o.t.Helper()
	raw, err := json.Marshal(p)
	if err != nil {
		o.t.Fatal(err)
	}
	answer, failed := o.calls.Call(o.t.Context(), &rpc.Call{Principal: who}, method, raw)
	if failed != nil {
		return nil, failed
	}
	var r result
	if err := json.Unmarshal(answer, &r); err != nil {
		o.t.Fatalf("%s answered %s: %v", method, answer, err)
	}
	return r, nil
}

func (o *dispatchWorld) call(who rpc.Principal, method string, p params) result {
	o.t.Helper()
	r, failed := o.try(who, method, p)
	if failed != nil {
		o.t.Fatalf("%s: %v %v", method, failed, failed.Details)
	}
	return r
}

func (o *dispatchWorld) until(who rpc.Principal, method string, p params, right func(result) bool) result {
	o.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if r := o.call(who, method, p); right(r) {
			return r
		} else if time.Now().After(deadline) {
			o.t.Fatalf("%s: %v", method, r)
		}
	}
}

func total(n int) func(result) bool {
	return func(r result) bool { return r["total"] == float64(n) }
}

// filled has two delivered events of anna, then a dead letter of each session.
func filledWorld(t *testing.T) *dispatchWorld {
	o := newDispatchWorld(t)
	o.putTarget("hook-a", "anna")
	o.putTarget("hook-b", "bert")
	o.appendEvent("anna", "Message")
	o.appendEvent("anna", "Receipt")
	o.until(asAdmin(), "archive.list", nil, total(2))
	o.refuse.Store(true)
	o.appendEvent("anna", "Message")
	o.until(asAdmin(), "archive.list", nil, total(3))
	o.appendEvent("bert", "Message")
	o.until(asAdmin(), "archive.list", nil, total(4))
	return o
}
