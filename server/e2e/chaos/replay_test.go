package chaos

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// archived is an entry of the archive.
type archived struct {
	EntryID   int64  `json:"entry_id"`
	EventID   string `json:"event_id"`
	Status    string
	Transport string
	TargetID  string `json:"target_id"`
	ReplayOf  *int64 `json:"replay_of"`
}

// replies is the result of archive.replay.
type replies struct {
	Replayed   int `json:"replayed_count"`
	Deliveries int `json:"delivery_count"`
	Failed     int `json:"failed_count"`
	Targets    []struct {
		Transport string
		TargetID  string `json:"target_id"`
		Entries   int    `json:"entry_count"`
	}
	Errors []string
}

// TestReplayToAnotherTransport replays dead letters of a webhook to a Redis stream: one entry by its id, the rest by a filter, under the ids of the
// events, marked as replays, and removed from the archive after delivery. The stream's own transport does not subscribe to these events.
func TestReplayToAnotherTransport(t *testing.T) {
	const session, number, peer, messages = "replayed", "15550500001", "15550500002", 4
	redisServer := brokertest.Redis(t, brokertest.RedisOptions{})
	db := redis.NewClient(&redis.Options{Addr: redisServer.Addr()})
	defer db.Close()
	network, root := e2etest.StartSandbox(t)
	server := e2etest.StartServer(t, testkit.FreeAddress(t), network, root, t.TempDir(), filepath.Join(t.TempDir(), "waystation.db"), append(e2etest.HookSettings, "-delivery-attempts", "1")...)
	receiver := newHooks(t)
	receiver.start(t)
	receiver.setMood(failing)
	pairWithHook(t, server, network, session, number, receiver.url(session))
	e2etest.MustCall(t, network.Addr, "sandbox.createAccount", object{"number": peer, "push_name": "Peer"}, nil)
	for range messages {
		e2etest.MustCall(t, network.Addr, "sandbox.send", object{"account": peer, "to": number, "content": object{"type": "text", "text": "Hello"}}, nil)
	}

	list := func(filter object) (entries []archived) {
		t.Helper()
		var page struct{ Entries []archived }
		filter["session_ids"], filter["event"] = []string{session}, "Message"
		e2etest.MustCall(t, server.Addr, "archive.list", filter, &page)
		slices.Reverse(page.Entries) // the oldest first
		return page.Entries
	}
	var dead []archived
	testkit.Within(t, 20*time.Second, "the webhook's dead letters", func() bool {
		dead = list(object{"status": "dead_letter"})
		return len(dead) == messages
	})
	replay := func(params object) (r replies) {
		t.Helper()
		params["to_transport"], params["remove_after"] = "redis", true
		e2etest.MustCall(t, server.Addr, "archive.replay", params, &r)
		return r
	}
	all := func() object {
		return object{"status": "dead_letter", "event": "Message", "session_ids": []string{session}}
	}
	if r := replay(all()); r.Replayed != 0 || r.Failed != messages || len(r.Errors) != messages {
		t.Errorf("without a Redis: %+v", r)
	}

	e2etest.MustCall(t, server.Addr, "transport.updateSettings", object{
		"session": session, "transport": "redis", "url": "redis://" + redisServer.Addr(), "events": []string{"CallOffer"}, "options": object{"stream": "late:{session}"},
	}, nil)
	try := all()
	try["dry_run"] = true
	if r := replay(try); r.Replayed != messages || r.Deliveries != messages || len(r.Targets) != 1 || r.Targets[0].Transport != "redis" || r.Targets[0].Entries != messages {
		t.Errorf("dry run: %+v", r)
	}
	if n := db.Exists(t.Context(), "late:"+session).Val(); n != 0 {
		t.Error("the stream is there already")
	}
	last := dead[messages-1]
	if r := replay(object{"entry_id": last.EntryID}); r.Replayed != 1 || r.Failed != 0 {
		t.Errorf("one entry: %+v", r)
	}
	testkit.Within(t, 20*time.Second, "the one entry is gone", func() bool { return len(list(object{"status": "dead_letter"})) == messages-1 })
	if r := replay(all()); r.Replayed != messages-1 || r.Deliveries != messages-1 || r.Failed != 0 {
		t.Errorf("the rest: %+v", r)
	}
	testkit.Within(t, 20*time.Second, "all entries are gone", func() bool { return len(list(object{"status": "dead_letter"})) == 0 })

	want := append([]archived{last}, dead[:messages-1]...)
	stream, err := db.XRange(t.Context(), "late:"+session, "-", "+").Result()
	done := list(object{"transport": "redis"})
	if err != nil || len(stream) != messages || len(done) != messages {
		t.Fatalf("the stream has %v, %v; the archive %+v", stream, err, done)
	}
	delivered := e2etest.CheckDelivered(t, "Redis")
	for i, e := range stream {
		var payload struct {
			ID, Type string
			Replay   bool
		}
		text, _ := e.Values["payload"].(string)
		delivered.Add("late:"+session, []byte(text))
		if err := json.Unmarshal([]byte(text), &payload); err != nil {
			t.Fatal(err)
		}
		if e.Values["id"] != want[i].EventID || e.Values["replay"] != "true" || payload.ID != want[i].EventID || payload.Type != "Message" || !payload.Replay {
			t.Errorf("%v is not the replay of %+v", e.Values, want[i])
		}
		if a := done[i]; a.Status != "delivered" || a.EventID != want[i].EventID || a.TargetID != "own/"+session || a.ReplayOf == nil || *a.ReplayOf != want[i].EntryID {
			t.Errorf("entry %+v of the replay of %+v", a, want[i])
		}
	}
	if len(receiver.taken(session)) != 0 {
		t.Error("the webhook got something")
	}
	e2etest.CheckNetwork(t, network)
}
