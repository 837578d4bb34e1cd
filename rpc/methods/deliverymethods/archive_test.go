package deliverymethods_test

import (
	"fmt"
	"testing"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/dispatch"
)

func TestArchive(t *testing.T) {
	o := filledWorld(t)
	all := o.call(asAdmin(), "archive.list", nil)
	entries := all.list("entries")
	dead := entries[0]
	if len(entries) != 4 || dead["status"] != "dead_letter" || dead["session_id"] != "bert" || dead["event"] != "Message" || dead["transport"] != "webhook" ||
		dead["target_id"] != "hook-b" || dead["attempts"] != 1.0 || dead["last_error"] != "answered 404" || dead["code"] != 404.0 || dead["failed_at"] == nil ||
		dead["created_at"] == nil || dead["archived_at"] == nil || dead["replay_count"] != 0.0 || dead["last_replay_at"] != nil {
		t.Errorf("dead letter %v", dead)
	}
	if _, has := dead["payload"]; has {
		t.Error("a payload that nobody asked for")
	}
	if ok := entries[3]; ok["status"] != "delivered" || ok["code"] != 200.0 || ok["last_error"] != nil || ok["failed_at"] != nil {
		t.Errorf("delivered %v", ok)
	}
	for _, e := range o.call(asAdmin(), "archive.list", params{"include_payload": true}).list("entries") {
		if p := e.object("payload"); p["id"] != e["event_id"] || p.object("data")["text"] != "hello" || p["session"] != e["session_id"] {
			t.Errorf("payload %v of %v", p, e)
		}
	}
	newest := 0 // two deliveries can end in the same millisecond
	for _, e := range entries {
		if e["archived_at"] == dead["archived_at"] {
			newest++
		}
	}
	for _, c := range []struct {
		who   rpc.Principal
		p     params
		total int
	}{
		{asAdmin(), params{"status": "dead_letter"}, 2},
		{asAdmin(), params{"status": "gap"}, 0},
		{asAdmin(), params{"event": "Receipt"}, 1},
		{asAdmin(), params{"transport": "redis"}, 0},
		{asAdmin(), params{"target_id": "hook-a"}, 3},
		{asAdmin(), params{"session_ids": []string{"bert", "nobody"}}, 1},
		{asAdmin(), params{"session_ids": []string{}}, 0},
		{asAdmin(), params{"limit": 1, "offset": 1}, 4},
		{asAdmin(), params{"since": dead["archived_at"]}, newest},
		{asAdmin(), params{"until": "2020-01-01T00:00:00Z"}, 0},
		{asSession("anna"), nil, 3},
		{asSession("anna"), params{"session_ids": []string{"anna"}}, 3},
		{asSession("nobody"), nil, 0},
	} {
		if r := o.call(c.who, "archive.list", c.p); r["total"] != float64(c.total) {
			t.Errorf("%s %v: total %v, want %d", c.who.ID, c.p, r["total"], c.total)
		}
	}
	got := o.call(asAdmin(), "archive.get", params{"entry_id": dead["entry_id"], "status": "dead_letter"}).object("entry")
	if got.object("payload")["id"] != dead["event_id"] {
		t.Errorf("got %v", got)
	}
	stats := o.call(asAdmin(), "archive.getStats", nil)
	if stats["total"] != 4.0 || fmt.Sprint(stats["by_status"], stats["by_transport"], stats["by_event"], stats["by_transport_status"]) !=
		"map[dead_letter:2 delivered:2] map[webhook:4] map[Message:3 Receipt:1] map[webhook:map[dead_letter:2 delivered:2]]" || stats.object("newest")["dead_letter"] != dead["archived_at"] {
		t.Errorf("stats %v", stats)
	}
	if stats = o.call(asAdmin(), "archive.getStats", params{"status": "delivered"}); stats["total"] != 2.0 {
		t.Errorf("stats of one kind %v", stats)
	}
	o.call(asAdmin(), "archive.delete", params{"entry_id": dead["entry_id"]})
	if _, failed := o.try(asAdmin(), "archive.get", params{"entry_id": dead["entry_id"]}); failed == nil || failed.Code != rpc.CodeNotFound {
		t.Errorf("after its end: %v", failed)
	}
	dry := o.call(asAdmin(), "archive.deleteMany", params{"status": "delivered", "limit": 1, "dry_run": true})
	if dry["matched_count"] != 2.0 || dry["deleted_count"] != 1.0 || dry["dry_run"] != true {
		t.Errorf("dry run %v", dry)
	}
	done := o.call(asAdmin(), "archive.deleteMany", params{"status": "delivered", "confirm": true})
	if done["matched_count"] != 2.0 || done["deleted_count"] != 2.0 || done["failed_count"] != 0.0 || o.call(asAdmin(), "archive.list", nil)["total"] != 1.0 {
		t.Errorf("deleted %v", done)
	}
}

func TestArchiveReplay(t *testing.T) {
	o := filledWorld(t)
	o.refuse.Store(false)
	bert := asSession("bert")
	id := o.call(bert, "archive.list", nil).list("entries")[0]["entry_id"]
	dry := o.call(bert, "archive.replay", params{"status": "dead_letter", "dry_run": true})
	if dry["matched_count"] != 1.0 || dry["replayed_count"] != 1.0 || len(dry.list("entries")) != 1 || o.call(bert, "archive.list", nil)["total"] != 1.0 {
		t.Errorf("dry run %v", dry)
	}
	if r := o.call(bert, "archive.replay", params{"entry_id": id}); r["replayed_count"] != 1.0 || r["failed_count"] != 0.0 || r.list("entries")[0]["entry_id"] != id {
		t.Errorf("replay %v", r)
	}
	done := o.until(bert, "archive.list", nil, total(2)).list("entries")
	if done[0]["status"] != "delivered" || done[0]["replay_of"] != id || done[1]["replay_count"] != 1.0 || done[1]["last_replay_at"] == nil {
		t.Errorf("after the replay %v", done)
	}
	r := o.call(asAdmin(), "archive.replay", params{"status": "dead_letter", "remove_after": true})
	if r["replayed_count"] != 2.0 || r["entries"] != nil {
		t.Errorf("replay of all %v", r)
	}
	o.until(asAdmin(), "archive.list", params{"status": "dead_letter"}, total(0))
	if r := o.call(asAdmin(), "archive.replay", params{"entry_ids": []any{done[0]["entry_id"], 999}}); r["replayed_count"] != 1.0 || r["matched_count"] != 1.0 {
		t.Errorf("replay of a list %v", r)
	}
	if err := o.deliver.RemoveTarget(t.Context(), "webhook", "hook-b"); err != nil {
		t.Fatal(err)
	}
	if r := o.call(bert, "archive.replay", params{"status": "delivered"}); r["replayed_count"] != 0.0 || r["failed_count"] == 0.0 || len(r.texts("errors")) == 0 {
		t.Errorf("replay to a target that is gone %v", r)
	}
}

// A dead letter of a webhook is replayed to the Redis of its own session only.
func TestArchiveReplayElsewhere(t *testing.T) {
	o := filledWorld(t)
	o.refuse.Store(false)
	if err := o.deliver.AddSink("redis", o, dispatch.Policy{}); err != nil {
		t.Fatal(err)
	}
	bert := asSession("bert")
	dead := params{"status": "dead_letter", "to_transport": "redis", "remove_after": true}
	id := o.call(bert, "archive.list", nil).list("entries")[0]["entry_id"]
	if r := o.call(bert, "archive.replay", dead); r["replayed_count"] != 0.0 || r["failed_count"] != 1.0 || r.texts("errors")[0] != fmt.Sprintf("entry %v: its session has no target of redis in use", id) {
		t.Errorf("without a target %v", r)
	}
	for _, name := range []string{"own/bert", "global/bert"} {
		if err := o.deliver.PutTargets(t.Context(), dispatch.Target{Transport: "redis", ID: name, Session: "bert"}); err != nil {
			t.Fatal(err)
		}
	}
	dry := o.call(asAdmin(), "archive.replay", params{"status": "dead_letter", "to_transport": "redis", "dry_run": true})
	if dry["matched_count"] != 2.0 || dry["replayed_count"] != 1.0 || dry["delivery_count"] != 2.0 || dry["failed_count"] != 1.0 || fmt.Sprint(dry["targets"]) !=
		"[map[entry_count:1 session_id:bert target_id:global/bert transport:redis] map[entry_count:1 session_id:bert target_id:own/bert transport:redis]]" {
		t.Errorf("dry run %v", dry)
	}
	if r := o.call(asSession("anna"), "archive.replay", params{"status": "dead_letter", "to_transport": "redis", "to_target": "own/bert"}); r["replayed_count"] != 0.0 || r["failed_count"] != 1.0 {
		t.Errorf("to another session's target %v", r)
	}
	if r := o.call(bert, "archive.replay", params{"entry_id": id, "to_transport": "redis", "to_target": "own/bert"}); r["delivery_count"] != 1.0 || r.list("targets")[0]["target_id"] != "own/bert" {
		t.Errorf("to one target %v", r)
	}
	done := o.until(bert, "archive.list", nil, total(2)).list("entries")
	if done[0]["transport"] != "redis" || done[0]["target_id"] != "own/bert" || done[0]["replay_of"] != id || done[0]["event_id"] != done[1]["event_id"] || done[1]["replay_count"] != 1.0 {
		t.Errorf("after the replay %v", done)
	}
	if r := o.call(asAdmin(), "archive.replay", params{"session_ids": []string{"bert"}, "status": "dead_letter", "to_transport": "redis", "remove_after": true}); r["replayed_count"] != 1.0 || r["delivery_count"] != 2.0 || r["targets"] != nil {
		t.Errorf("to all %v", r)
	}
	o.until(bert, "archive.list", params{"status": "dead_letter"}, total(0))
	left := o.call(asAdmin(), "archive.list", params{"session_ids": []string{"bert"}}).list("entries")
	if len(left) != 3 {
		t.Errorf("left are %v", left)
	}
	for _, e := range left {
		if e["transport"] != "redis" || e["status"] != "delivered" || e["replay_of"] != id {
			t.Errorf("left is %v", e)
		}
	}
	if list := o.call(bert, "delivery.list", nil).list("deliveries"); len(list) != 2 || list[0]["transport"] != "redis" {
		t.Errorf("deliveries %v", list)
	}
}

// A session's credential can neither list nor replay entries of the operator's global targets.
func TestTargetsOfTheOperator(t *testing.T) {
	o := newDispatchWorld(t)
	o.putTarget("global/anna", "anna")
	o.putTarget("own", "anna")
	o.refuse.Store(true)
	o.appendEvent("anna", "Message")
	all := o.until(asAdmin(), "archive.list", nil, total(2)).list("entries")
	global := all[0]["entry_id"]
	if all[1]["target_id"] == "global/anna" {
		global = all[1]["entry_id"]
	}
	anna := asSession("anna")
	if r := o.call(anna, "archive.list", params{"include_payload": true}); r["total"] != 1.0 || r.list("entries")[0]["target_id"] != "own" {
		t.Errorf("archive %v", r)
	}
	if r := o.call(anna, "delivery.list", nil).list("deliveries"); len(r) != 1 || r[0]["target_id"] != "own" {
		t.Errorf("deliveries %v", r)
	}
	if r, failed := o.try(anna, "archive.get", params{"entry_id": global}); failed == nil {
		t.Errorf("read %v", r)
	}
	for name, p := range map[string]params{"the entry": {"entry_id": global}, "among others": {"entry_ids": []any{global}}} {
		if r, failed := o.try(anna, "archive.replay", p); failed == nil && r["replayed_count"] != 0.0 {
			t.Errorf("%s is sent again: %v", name, r)
		}
	}
	for _, p := range []params{{"to_transport": "webhook", "to_target": "global/anna", "event": "Message"}, {"to_transport": "webhook", "event": "Message", "dry_run": true}} {
		for _, target := range o.call(anna, "archive.replay", p).list("targets") {
			if target["target_id"] != "own" {
				t.Errorf("%v goes to %v", p, target)
			}
		}
	}
	if stats := o.deliver.Stats()[0]; stats.Attempts != 2 {
		t.Errorf("%d attempts", stats.Attempts)
	}
	o.putTarget("global/waits", "anna")
	o.appendEvent("anna", "Call")
	pending := func(r result) bool { return len(r.list("deliveries")) == 1 }
	o.until(asAdmin(), "delivery.list", params{"status": "pending"}, pending)
	if r := o.call(anna, "delivery.list", params{"status": "pending"}); pending(r) {
		t.Errorf("under way: %v", r)
	}
}

func TestDeliveries(t *testing.T) {
	o := filledWorld(t)
	o.putTarget("hangs", "anna")
	o.putTarget("waits", "bert")
	o.appendEvent("anna", "Call")
	o.appendEvent("bert", "Call")
	o.until(asAdmin(), "archive.list", nil, total(6))
	first := o.call(asAdmin(), "delivery.list", params{"limit": 4})
	list := first.list("deliveries")
	if len(list) != 4 || first["has_more"] != true || list[0]["status"] != "delivered" || list[0]["event"] != "Message" || list[2]["status"] != "failed" || list[2]["last_error"] != "answered 404" {
		t.Fatalf("first page %v", first)
	}
	rest := o.call(asAdmin(), "delivery.list", params{"limit": 4, "since_id": first["next_id"], "include_payload": true})
	if list := rest.list("deliveries"); len(list) != 2 || rest["has_more"] != false || rest["next_id"] != 0.0 || list[0].object("payload")["type"] != "Call" {
		t.Errorf("last page %v", rest)
	}
	one := func(r result) bool { return len(r.list("deliveries")) == 1 }
	active := o.until(asAdmin(), "delivery.list", params{"status": "processing", "include_payload": true}, one).list("deliveries")[0]
	if active["target_id"] != "hangs" || active["session_id"] != "anna" || active["delivery_id"] != nil || active["attempts"] != 1.0 || active.object("payload")["type"] != "Call" {
		t.Errorf("processing %v", active)
	}
	waiting := o.until(asSession("bert"), "delivery.list", params{"status": "pending"}, one).list("deliveries")[0]
	if waiting["target_id"] != "waits" || waiting["last_error"] != "busy" || waiting["code"] != 429.0 {
		t.Errorf("pending %v", waiting)
	}
	for _, c := range []struct {
		who  rpc.Principal
		p    params
		want int
	}{
		{asAdmin(), params{"failed_only": true}, 4},
		{asAdmin(), params{"failed_only": true, "status": "delivered"}, 2},
		{asAdmin(), params{"status": "failed", "event": "Call"}, 2},
		{asAdmin(), params{"since": "2099-01-01T00:00:00Z"}, 0},
		{asAdmin(), params{"status": "pending", "event": "Message"}, 0},
		{asAdmin(), params{"status": "pending", "since": "2099-01-01T00:00:00Z"}, 0},
		{asSession("anna"), params{"status": "pending"}, 0},
		{asSession("bert"), nil, 2},
	} {
		if r := o.call(c.who, "delivery.list", c.p); len(r.list("deliveries")) != c.want {
			t.Errorf("%s %v: %v, want %d", c.who.ID, c.p, r, c.want)
		}
	}
	stats := o.call(asAdmin(), "delivery.getStats", nil)
	if fmt.Sprint(stats["by_status"], stats["by_event"]) != "map[delivered:2 failed:4 pending:1 processing:1] map[Call:2 Message:3 Receipt:1]" {
		t.Errorf("stats %v", stats)
	}
	if webhook := stats.list("transports")[0]; webhook["transport"] != "webhook" || webhook["targets"] != 4.0 || webhook["delivered"] != 2.0 || webhook["dead_letters"] != 4.0 || webhook["attempts"] != 8.0 {
		t.Errorf("transports %v", webhook)
	}
}

// Entries of other sessions are not found, calls without permission are refused, and errors name the bad fields.
func TestArchiveRefusals(t *testing.T) {
	o := filledWorld(t)
	bert := asSession("bert")
	others := o.call(asSession("anna"), "archive.list", nil).list("entries")[0]["entry_id"]
	account := rpc.Principal{Kind: rpc.ScopeAccount, ID: "account:1", Account: "1"}
	for _, c := range []struct {
		who    rpc.Principal
		method string
		p      params
		code   int
	}{
		{bert, "archive.get", params{"entry_id": others}, rpc.CodeNotFound},
		{bert, "archive.get", params{"entry_id": 999}, rpc.CodeNotFound},
		{bert, "archive.replay", params{"entry_id": others}, rpc.CodeNotFound},
		{bert, "archive.replay", params{"entry_id": 1, "session_ids": []string{"anna"}}, rpc.CodeForbidden},
		{bert, "archive.list", params{"session_ids": []string{"bert", "anna"}}, rpc.CodeForbidden},
		{bert, "delivery.list", params{"session_ids": []string{"anna"}}, rpc.CodeForbidden},
		{bert, "delivery.list", params{"session_ids": []string{"anna"}, "status": "pending"}, rpc.CodeForbidden},
		{bert, "archive.delete", params{"entry_id": 1}, rpc.CodeForbidden},
		{bert, "archive.deleteMany", params{"status": "delivered", "confirm": true}, rpc.CodeForbidden},
		{bert, "archive.getStats", nil, rpc.CodeForbidden},
		{bert, "delivery.getStats", nil, rpc.CodeForbidden},
		{account, "archive.list", nil, rpc.CodeForbidden},
		{account, "delivery.list", nil, rpc.CodeForbidden},
		{rpc.Principal{}, "archive.list", nil, rpc.CodeUnauthenticated},
		{asAdmin(), "archive.get", params{"entry_id": others, "status": "gap"}, rpc.CodeNotFound},
		{asAdmin(), "archive.delete", params{"entry_id": others, "status": "gap"}, rpc.CodeNotFound},
		{asAdmin(), "archive.replay", params{"entry_id": 999}, rpc.CodeNotFound},
	} {
		if _, failed := o.try(c.who, c.method, c.p); failed == nil || failed.Code != c.code {
			t.Errorf("%s %s %v: %v, want code %d", c.who.ID, c.method, c.p, failed, c.code)
		}
	}
	for _, c := range []struct {
		method  string
		p       params
		pointer string
	}{
		{"archive.list", params{"status": "lost"}, "/status"},
		{"archive.list", params{"limit": 0}, "/limit"},
		{"archive.list", params{"limit": 1001}, "/limit"},
		{"archive.list", params{"offset": -1}, "/offset"},
		{"archive.list", params{"since": "yesterday"}, "/since"},
		{"archive.list", params{"until": 5}, "/until"},
		{"archive.list", params{"session_ids": "anna"}, "/session_ids"},
		{"archive.list", params{"session_ids": make([]string, 1001)}, "/session_ids"},
		{"archive.list", params{"include_payload": "yes"}, "/include_payload"},
		{"archive.list", params{"entry_id": 1}, "/entry_id"},
		{"archive.get", params{}, "/entry_id"},
		{"archive.get", params{"entry_id": 0}, "/entry_id"},
		{"archive.get", params{"entry_id": "1"}, "/entry_id"},
		{"archive.delete", params{"entry_id": -1}, "/entry_id"},
		{"archive.deleteMany", params{"confirm": true}, ""},
		{"archive.deleteMany", params{"status": "delivered"}, "/confirm"},
		{"archive.replay", params{}, ""},
		{"archive.replay", params{"entry_id": 0}, "/entry_id"},
		{"archive.replay", params{"entry_ids": []int{}}, "/entry_ids"},
		{"archive.replay", params{"entry_ids": make([]int, 1001)}, "/entry_ids"},
		{"archive.replay", params{"status": "delivered", "remove_after": 1}, "/remove_after"},
		{"archive.replay", params{"to_transport": "redis"}, ""},
		{"archive.replay", params{"entry_id": 1, "to_transport": "websocket"}, "/to_transport"},
		{"archive.replay", params{"entry_id": 1, "to_transport": 1}, "/to_transport"},
		{"archive.replay", params{"entry_id": 1, "to_target": "own/anna"}, "/to_target"},
		{"archive.replay", params{"entry_id": 1, "to_transport": "redis", "to_target": string(make([]byte, 513))}, "/to_target"},
		{"archive.getStats", params{"status": "all"}, "/status"},
		{"delivery.list", params{"status": "dead_letter"}, "/status"},
		{"delivery.list", params{"since_id": -1}, "/since_id"},
		{"delivery.list", params{"failed_only": "no"}, "/failed_only"},
		{"delivery.list", params{"event": string(make([]byte, 65))}, "/event"},
	} {
		_, failed := o.try(asAdmin(), c.method, c.p)
		if failed == nil || failed.Code != rpc.CodeInvalidParams {
			t.Errorf("%s %v: %v", c.method, c.p, failed)
			continue
		}
		details, _ := failed.Details.(map[string]any)
		if fields, _ := details["fields"].(rpc.Fields); len(fields) != 1 || fields[0].Pointer != c.pointer || fields[0].Problem == "" {
			t.Errorf("%s %v: bad fields %+v, want %q", c.method, c.p, fields, c.pointer)
		}
	}
	if r := o.call(asAdmin(), "archive.list", nil); r["total"] != 4.0 {
		t.Errorf("something changed: %v", r)
	}
}
