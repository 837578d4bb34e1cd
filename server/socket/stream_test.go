package socket

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waystation/waystation/transports/journal"
)

func TestStreamEventsAndResume(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	w.append("s1", "Message", 2)
	s, hello := w.stream("session:s1", "?from=oldest", "")
	if len(hello.Sessions) != 1 || hello.Sessions[0].Head != 2 || hello.Conn == "" || s.retry != "2000" || s.lastID == "" {
		t.Fatalf("%+v, retry %s", hello, s.retry)
	}
	s.events("s1", 1, 2)
	w.append("s2", "Message", 1) // of another session
	w.append("s1", "Message", 1)
	s.events("s1", 3, 3)
	s.close()

	w.append("s1", "Message", 200)
	for _, query := range []string{"", "?last_event_id=" + url.QueryEscape(s.lastID)} {
		id := s.lastID
		if query != "" {
			id = ""
		}
		again, hello := w.stream("session:s1", query, id)
		if !hello.Sessions[0].Resumed || hello.Sessions[0].Replay.From != 4 {
			t.Fatalf("%+v", hello.Sessions)
		}
		again.events("s1", 4, 203)
		again.close()
	}
	// The header is newer than the query, with which a browser reconnects each time.
	last := w.append("s1", "Message", 1)
	first, _ := w.stream("session:s1", "?from=oldest", "")
	first.events("s1", 1, last.Offset)
	again, _ := w.stream("session:s1", "?last_event_id="+url.QueryEscape(s.lastID), first.lastID)
	w.append("s1", "Message", 1)
	again.events("s1", last.Offset+1, last.Offset+1)
}

// The id of each message covers the positions in all sessions, wherever the stream is cut.
func TestStreamCutAnywhere(t *testing.T) {
	w := newWorld(t, Config{TurnEvents: 4}, journal.Config{})
	const n = 30
	next := map[string]uint64{"s1": 1, "s2": 1}
	w.append("s1", "Message", n)
	w.append("s2", "Message", n)
	s, _ := w.stream("admin", "?from=oldest", "")
	for i := range 2 * n {
		var ev eventBody
		s.named("", &ev)
		if ev.Offset != next[ev.Session] {
			t.Fatalf("event %d: %s %d, want %d", i, ev.Session, ev.Offset, next[ev.Session])
		}
		next[ev.Session]++
		s.close()
		s, _ = w.stream("admin", "", s.lastID)
	}
	// A session that appeared while the client was disconnected is sent from its beginning.
	s.close()
	w.directory.add("s3")
	w.append("s3", "Message", 2)
	s, _ = w.stream("admin", "", s.lastID)
	s.events("s3", 1, 2)
	// So is one that appears while it is connected.
	w.directory.add("s4")
	w.append("s4", "Message", 1)
	var p positionParams
	s.events("s4", 1, 1)
	s.named("position", &p)
	s.close()
	w.append("s4", "Message", 1)
	s, _ = w.stream("admin", "", s.lastID)
	s.events("s4", 2, 2)
	s.close()
	w.append("s4", "Message", 1)
	s, _ = w.stream("admin", "", s.lastID)
	s.events("s4", 3, 3)
}

func TestStreamFilters(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	query := "?sessions=s1&types=Message,Receipt&types=Call&exclude_types=Receipt&chats=1@g.us&include_volatile=true&from=oldest"
	w.append("s1", "Message", 1, "1@g.us")
	w.append("s1", "Message", 1, "2@g.us")
	w.append("s1", "Receipt", 1, "1@g.us")
	w.append("s2", "Message", 1, "1@g.us")
	w.append("s1", "Call", 1, "1@g.us")
	w.append("s1", "Other", 1, "1@g.us")
	s, hello := w.stream("admin", query, "")
	if len(hello.Sessions) != 1 {
		t.Fatalf("%+v", hello.Sessions)
	}
	s.events("s1", 1, 1)
	s.events("s1", 4, 4)
	w.journal.Signal(journal.Signal{Session: "s1", Type: "Message", Chats: []string{"1@g.us"}, Data: json.RawMessage(`{"a":"}"}`)})
	var signal signalParams
	if m := s.named("signal", &signal); m.ID != "" || signal.Session != "s1" || !strings.Contains(m.Data, `{"a":"}"}`) {
		t.Fatalf("%+v", m)
	}
	// After many events without a match the client gets an id, so that it need not filter them again.
	w.append("s1", "Other", 2500)
	var p positionParams
	if m := s.named("position", &p); m.ID == "" || p.Offset < 1000 {
		t.Fatalf("%+v", m)
	}
}

func TestStreamGaps(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{RetainEvents: 5, SweepEvery: time.Hour})
	w.append("s1", "Message", 2)
	w.append("s2", "Message", 1)
	s, _ := w.stream("admin", "", "")
	s.close()
	before := s.lastID
	w.append("s1", "Message", 20)
	if err := w.journal.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, hello := w.stream("admin", "", before)
	var g gapParams
	m := s.named("gap", &g)
	if g.Session != "s1" || g.From != 3 || g.Reason != gapRetention || m.ID == "" {
		t.Fatalf("%+v", g)
	}
	if told := hello.Sessions[0].Gap; told == nil || told.To != g.To {
		t.Fatalf("hello says %+v", told)
	}
	// The gap is announced once: the id of its message is behind it.
	s.close()
	again, _ := w.stream("admin", "", m.ID)
	again.events("s1", g.To+1, 22)
	again.close()

	if err := w.journal.Purge(t.Context(), "s1"); err != nil {
		t.Fatal(err)
	}
	w.append("s1", "Message", 1)
	s, _ = w.stream("admin", "", m.ID)
	s.named("gap", &g)
	if g.Reason != gapEpoch {
		t.Fatalf("%+v", g)
	}
	s.events("s1", 1, 1)
	// A session that was deleted meanwhile, or is not visible: the same.
	other, _ := w.stream("session:s2", "", s.lastID)
	other.close()
	w.directory.remove("s1")
	s, _ = w.stream("admin", "", s.lastID)
	s.named("gap", &g)
	if g.Session != "s1" || g.Reason != gapPurged {
		t.Fatalf("%+v", g)
	}
	w.endpoint.SessionDeleted("s2")
	s.named("gap", &g)
	if g.Session != "s2" || g.Reason != gapPurged {
		t.Fatalf("%+v", g)
	}
}

func TestStreamTooManySessions(t *testing.T) {
	w := newWorld(t, Config{MaxStreamSessions: 2}, journal.Config{})
	s, _ := w.stream("admin", "", "")
	w.directory.add("s3")
	w.append("s3", "Message", 1)
	var end streamEnd
	s.named("close", &end)
	if end.Code != CloseConnectionLimit {
		t.Fatalf("%+v", end)
	}
	if m, ok := s.next(); ok {
		t.Fatalf("after the end: %+v", m)
	}
}

func TestStreamExpires(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	s, _ := w.stream("session:s1", "", "")
	other, _ := w.stream("session:s2", "", "")
	w.endpoint.Expire("token-s1")
	var end streamEnd
	s.named("close", &end)
	if end.Code != CloseTokenExpired {
		t.Fatalf("%+v", end)
	}
	w.append("s2", "Message", 1)
	other.events("s2", 1, 1)
}

func TestStreamHeartbeat(t *testing.T) {
	inBubble(t, Config{StreamHeartbeat: 10 * time.Second}, func(t *testing.T, w *world) {
		s, _ := w.stream("session:s1", "?types=Message", "")
		start := time.Now()
		time.AfterFunc(45*time.Second, func() { w.append("s1", "Message", 1) })
		s.events("s1", 1, 1)
		if s.beats != 4 {
			t.Errorf("%d heartbeats in 45 s", s.beats)
		}
		time.AfterFunc(15*time.Second, func() { w.append("s1", "Message", 1) })
		s.events("s1", 2, 2)
		if s.beats != 5 {
			t.Errorf("%d heartbeats in 60 s", s.beats)
		}
		within(t, start, 60*time.Second, 60*time.Second)
		s.close()
	})
}

// A client that reads nothing is cut off after the stall timeout and delays no other.
func TestStreamStalled(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		slow, _ := w.stream("session:s1", "", "")
		fast, _ := w.stream("session:s1", "", "")
		start := time.Now()
		// More than http.Transport reads ahead.
		data, _ := json.Marshal(strings.Repeat("x", 30000))
		for range 3 {
			if _, err := w.journal.Append(t.Context(), "s1", journal.Record{Type: "Message", Data: data}); err != nil {
				t.Fatal(err)
			}
		}
		fast.events("s1", 1, 3)
		within(t, start, 0, time.Millisecond)
		time.Sleep(17 * time.Second)
		synctest.Wait()
		if n := w.endpoint.Connections(); n != 1 {
			t.Errorf("%d connections", n)
		}
		w.append("s1", "Message", 1)
		fast.events("s1", 4, 4)
		slow.close()
		fast.close()
	})
}

func TestStreamDrain(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		s, _ := w.stream("admin", "", "")
		down := make(chan struct{})
		go func() {
			defer close(down)
			w.endpoint.Shutdown(context.Background())
		}()
		var p drainParams
		if m := s.named("drain", &p); p.RetryAfterMS != 2000 || m.ID != "" {
			t.Fatalf("%+v", m)
		}
		var end streamEnd
		s.named("close", &end)
		if end.Code != CloseRestart {
			t.Fatalf("%+v", end)
		}
		if _, ok := s.next(); ok {
			t.Fatal("more after the end")
		}
		<-down
	})
}

func TestStreamHead(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	response, err := w.client.Head("http" + strings.TrimPrefix(w.url, "ws") + "/v1/events")
	if err != nil || response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") != http.MethodGet {
		t.Fatalf("%v, %v", response, err)
	}
}

func TestStreamIDs(t *testing.T) {
	key := []byte("key")
	var list []streamPosition
	want := map[string]position{}
	for i := range 100 {
		p := streamPosition{strings.Repeat("s", 60) + fmt.Sprint(i), "0123456789abcdef", uint64(i) << 50}
		list = append(list, p)
		want[p.session] = position{p.epoch, p.offset}
	}
	id := string(appendStreamID(nil, key, list))
	if len(id) > maxStreamID*3/4 {
		t.Errorf("%d characters leave no room in a header", len(id))
	}
	got, problem := parseStreamID(id, key)
	if problem != nil || len(got) != len(want) {
		t.Fatal(problem)
	}
	for session, p := range want {
		if got[session] != p {
			t.Errorf("%s: %v, want %v", session, got[session], p)
		}
	}
	for name, list := range map[string][]streamPosition{
		"session twice": {{"a", "e", 1}, {"a", "e", 2}}, "no session": {{"", "e", 1}}, "no epoch": {{"a", "", 1}}, "long": {{strings.Repeat("x", 257), "e", 1}},
	} {
		if _, problem := parseStreamID(string(appendStreamID(nil, key, list)), key); problem == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
