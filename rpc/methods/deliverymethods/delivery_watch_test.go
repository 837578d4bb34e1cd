package deliverymethods_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/dispatch"
)

// note is a notification of a watch.
type note struct {
	method string
	params result
}

// watch begins delivery.watch and returns its notifications; stop ends it.
func (o *dispatchWorld) watch(who rpc.Principal, p params) (notes <-chan note, stop func() *rpc.Error) {
	o.t.Helper()
	raw, err := json.Marshal(p)
	if err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(o.t.Context())
	list, ended := make(chan note), make(chan *rpc.Error, 1)
	go func() {
		_, failed := o.calls.Call(ctx, &rpc.Call{Principal: who, Push: func(ctx context.Context, method string, raw json.RawMessage) error {
			n := note{method: method}
			if err := json.Unmarshal(raw, &n.params); err != nil {
				return err
			}
			select {
			case list <- n:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}, "delivery.watch", raw)
		ended <- failed
	}()
	return list, func() *rpc.Error { cancel(); return <-ended }
}

func (o *dispatchWorld) next(notes <-chan note, method string) result {
	o.t.Helper()
	select {
	case n := <-notes:
		if n.method != method {
			o.t.Fatalf("%s, want %s: %v", n.method, method, n.params)
		}
		return n.params
	case <-time.After(patience):
		o.t.Fatalf("no %s", method)
	}
	return nil
}

func TestDeliveryWatch(t *testing.T) {
	o := filledWorld(t)
	listed := o.call(asAdmin(), "delivery.list", nil)["deliveries"].([]any)
	id := func(i int) any { return listed[i].(map[string]any)["delivery_id"] }

	notes, stop := o.watch(asAdmin(), params{"since_id": id(0), "_meta": params{"progress_token": "mine"}})
	if begun := o.next(notes, "delivery.watching"); begun["replayed_count"] != 3.0 || begun["watch_id"] == "" || begun["token"] != "mine" {
		t.Errorf("began with %v", begun)
	}
	for i := 1; i < 4; i++ {
		if got := o.next(notes, "delivery.update")["delivery"].(map[string]any); got["delivery_id"] != id(i) {
			t.Errorf("number %d: %v", i, got)
		}
	}
	o.appendEvent("bert", "Call")
	if got := o.next(notes, "delivery.update")["delivery"].(map[string]any); got["event"] != "Call" || got["status"] != "failed" || got["session_id"] != "bert" || got["payload"] != nil {
		t.Errorf("live: %v", got)
	}
	// Counters change after the delivery.
	stats := o.until(asAdmin(), "delivery.getStats", nil, func(r result) bool { return r.object("hub")["delivered_count"] == 4.0 })
	watchers := stats["watchers"].([]any)
	if hub := stats["hub"].(map[string]any); len(watchers) != 1 || hub["watcher_count"] != 1.0 || hub["delivered_count"] != 4.0 || hub["last_broadcast_at"] == nil {
		t.Errorf("the hub has %v, watchers %v", hub, watchers)
	} else if w := watchers[0].(map[string]any); w["is_admin"] != true || w["last_event_id"].(float64) <= id(3).(float64) || w["filter"].(map[string]any)["since_id"] != id(0) {
		t.Errorf("the watcher is %v", w)
	}
	if failed := stop(); failed == nil || failed.Code != rpc.CodeCancelled {
		t.Errorf("ended with %v", failed)
	}

	// A session sees its own deliveries, and filters apply to stored and new ones.
	notes, stop = o.watch(asSession("anna"), params{"failed_only": true, "since": "2020-01-01T00:00:00Z", "event": "Message", "include_payload": true})
	if begun := o.next(notes, "delivery.watching"); begun["replayed_count"] != 1.0 {
		t.Errorf("began with %v", begun)
	}
	if got := o.next(notes, "delivery.update")["delivery"].(map[string]any); got["delivery_id"] != id(2) || got["payload"] == nil {
		t.Errorf("stored: %v", got)
	}
	o.appendEvent("bert", "Message")
	o.appendEvent("anna", "Call")
	o.appendEvent("anna", "Message")
	if got := o.next(notes, "delivery.update")["delivery"].(map[string]any); got["session_id"] != "anna" || got["event"] != "Message" {
		t.Errorf("live: %v", got)
	}
	stop()

	// A pending delivery has no id and is sent once for each attempt.
	o.putTarget("waits", "carl")
	notes, stop = o.watch(asAdmin(), params{"status": "pending"})
	o.next(notes, "delivery.watching")
	o.appendEvent("carl", "Message")
	if got := o.next(notes, "delivery.update")["delivery"].(map[string]any); got["delivery_id"] != nil || got["session_id"] != "carl" || got["status"] != "pending" {
		t.Errorf("waiting: %v", got)
	}
	stop()

	// limit skips the older ones and reports them as missed.
	notes, stop = o.watch(asAdmin(), params{"since_id": id(0), "limit": 1})
	o.next(notes, "delivery.watching")
	if got := o.next(notes, "delivery.gap"); got["from_id"] != id(1) {
		t.Errorf("left out: %v", got)
	}
	stop()

	// With a timeout the call returns its result, except on connections without notifications.
	if r, failed := o.try(asAdmin(), "delivery.watch", params{"_meta": params{"timeout_ms": 20_000}}); failed == nil || failed.Code != rpc.CodeNotSupported {
		t.Errorf("without a way back: %v %v", r, failed)
	}
	quiet := func(context.Context, string, json.RawMessage) error { return nil }
	if _, failed := o.calls.Call(t.Context(), &rpc.Call{Principal: asAdmin(), Push: quiet}, "delivery.watch", []byte(`{"_meta":{"timeout_ms":10}}`)); failed != nil {
		t.Errorf("in time: %v", failed)
	}
}

func TestDeliveryPrune(t *testing.T) {
	o := filledWorld(t)
	for _, p := range []params{nil, {"older_than_hours": 2}} {
		r := o.call(asAdmin(), "delivery.prune", p)
		if r["deleted_count"] != 0.0 || r["archive_deleted_count"] != 0.0 || r["threshold"] == nil || r["next_run_at"] == nil {
			t.Errorf("%v: %v", p, r)
		}
		if want := map[bool]float64{true: 168, false: 2}[p == nil]; r["older_than_hours"] != want {
			t.Errorf("%v: %v", p, r)
		}
	}
}

func TestWatchRefusals(t *testing.T) {
	o := newDispatchWorld(t)
	for _, c := range []struct {
		who    rpc.Principal
		method string
		p      params
		code   int
	}{
		{asSession("anna"), "delivery.prune", nil, rpc.CodeForbidden},
		{rpc.Principal{}, "delivery.prune", nil, rpc.CodeUnauthenticated},
		{rpc.Principal{}, "delivery.watch", nil, rpc.CodeUnauthenticated},
		{asSession("anna"), "delivery.watch", params{"session_ids": []string{"bert"}}, rpc.CodeForbidden},
		{asSession("anna"), "delivery.createWatchToken", nil, rpc.CodeForbidden},
		{rpc.Principal{}, "delivery.createWatchToken", nil, rpc.CodeUnauthenticated},
	} {
		if _, failed := o.try(c.who, c.method, c.p); failed == nil || failed.Code != c.code {
			t.Errorf("%s %s %v: %v, want code %d", c.who.ID, c.method, c.p, failed, c.code)
		}
	}
	filter := []struct {
		name  string
		value any
	}{
		{"session_ids", "anna"},
		{"session_ids", make([]string, 1001)},
		{"event", string(make([]byte, 65))},
		{"status", "dead_letter"},
		{"failed_only", "no"},
		{"since_id", -1},
		{"since", "yesterday"},
		{"limit", 0},
		{"limit", 1001},
		{"include_payload", 1},
		{"unknown", 1},
	}
	for _, f := range filter {
		for method, p := range map[string]params{"delivery.watch": {f.name: f.value}, "delivery.createWatchToken": {"filter": params{f.name: f.value}}} {
			o.refused(method, p, f.name)
		}
	}
	o.refused("delivery.watch", params{"status": "pending", "since_id": 1}, "since_id")
	o.refused("delivery.createWatchToken", params{"filter": params{"status": "pending", "since_id": 1}}, "since_id")
	o.refused("delivery.createWatchToken", params{"filter": 1}, "filter")
	o.refused("delivery.createWatchToken", params{"renew_token": string(make([]byte, 257))}, "renew_token")
	o.refused("delivery.prune", params{"older_than_hours": 0}, "older_than_hours")
	o.refused("delivery.prune", params{"older_than_hours": "48"}, "older_than_hours")
}

// refused checks that a call fails with a bad field whose pointer ends with name.
func (o *dispatchWorld) refused(method string, p params, name string) {
	o.t.Helper()
	_, failed := o.try(asAdmin(), method, p)
	if failed == nil || failed.Code != rpc.CodeInvalidParams {
		o.t.Errorf("%s %v: %v", method, p, failed)
		return
	}
	details, _ := failed.Details.(map[string]any)
	fields, _ := details["fields"].(rpc.Fields)
	want := "/" + name
	if f, nested := p["filter"].(params); nested && f != nil {
		want = "/filter/" + name
	}
	if len(fields) != 1 || fields[0].Pointer != want || fields[0].Problem == "" {
		o.t.Errorf("%s %v: bad fields %+v, want %s", method, p, fields, want)
	}
}

// The open watches of one session do not use up the watches of others.
func TestWatchesOfOneSession(t *testing.T) {
	o := filledWorld(t)
	var stops []func() *rpc.Error
	open := func(who rpc.Principal) {
		t.Helper()
		notes, stop := o.watch(who, nil)
		o.next(notes, "delivery.watching")
		stops = append(stops, stop)
	}
	refused := func(who rpc.Principal) {
		t.Helper()
		if _, failed := o.try(who, "delivery.watch", nil); failed == nil || failed.Code != rpc.CodeRateLimited {
			t.Errorf("%s: %v, want a limit", who.ID, failed)
		}
	}
	const most = dispatch.DefaultMaxWatches
	for _, session := range []string{"anna", "bert", "carl"} {
		for range most / 4 {
			open(asSession(session))
		}
		refused(asSession(session))
	}
	refused(asSession("dora"))
	for range most / 4 {
		open(asAdmin())
	}
	refused(asAdmin())
	for _, stop := range stops {
		stop()
	}
	open(asSession("anna"))
	stops[len(stops)-1]()
}
