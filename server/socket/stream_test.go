package socket

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/origin"
	"github.com/waystation/waystation/transports/journal"
)

// streamMessage is one message of an event stream.
type streamMessage struct {
	ID, Event, Data string
}

// eventStream is a client's end of a stream.
type eventStream struct {
	t      testing.TB
	body   io.Closer
	lines  *bufio.Reader
	lastID string // as an EventSource keeps it
	retry  string
	beats  int
}

func (w *world) tryStream(header http.Header, query string) *http.Response {
	w.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http"+strings.TrimPrefix(w.url, "ws")+"/v1/events"+query, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header = header
	response, err := w.client.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	return response
}

// stream opens a stream, at an id unless that is empty, and reads its hello.
func (w *world) stream(token, query, id string) (*eventStream, streamHello) {
	w.t.Helper()
	header := http.Header{"Authorization": {"Bearer " + token}}
	if id != "" {
		header.Set("Last-Event-ID", id)
	}
	response := w.tryStream(header, query)
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		body, _ := io.ReadAll(response.Body)
		w.t.Fatalf("status %d, %s", response.StatusCode, body)
	}
	s := &eventStream{t: w.t, body: response.Body, lines: bufio.NewReader(response.Body), lastID: id}
	w.t.Cleanup(s.close)
	var hello streamHello
	s.named("hello", &hello)
	return s, hello
}

func (s *eventStream) close() { _ = s.body.Close() }

// next reads a message; ok is false at the end of the stream.
func (s *eventStream) next() (m streamMessage, ok bool) {
	s.t.Helper()
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return m, false
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			m.ID, s.lastID = value, value
		case "event":
			m.Event = value
		case "data":
			m.Data = value
		case "retry":
			s.retry = value
		case "":
			if line == "\n" && m.Data != "" {
				return m, true
			}
			if line != "\n" {
				s.beats++
			}
		default:
			s.t.Fatalf("line %q", line)
		}
	}
}

func (s *eventStream) named(event string, params any) streamMessage {
	s.t.Helper()
	m, ok := s.next()
	if !ok || m.Event != event {
		s.t.Fatalf("want %s, got %+v", event, m)
	}
	if err := json.Unmarshal([]byte(m.Data), params); err != nil {
		s.t.Fatalf("%v in %s", err, m.Data)
	}
	return m
}

// events expects durable events from one offset to another.
func (s *eventStream) events(session string, from, to uint64) {
	s.t.Helper()
	for want := from; want <= to; want++ {
		var ev eventBody
		if m := s.named("", &ev); ev.Session != session || ev.Offset != want || m.ID == "" {
			s.t.Fatalf("want %s %d, got %+v", session, want, m)
		}
	}
}

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
	// The header is newer than the query, with which a browser comes back each time.
	last := w.append("s1", "Message", 1)
	first, _ := w.stream("session:s1", "?from=oldest", "")
	first.events("s1", 1, last.Offset)
	again, _ := w.stream("session:s1", "?last_event_id="+url.QueryEscape(s.lastID), first.lastID)
	w.append("s1", "Message", 1)
	again.events("s1", last.Offset+1, last.Offset+1)
}

// Each message of several sessions stands for the place in all of them, wherever the stream is cut.
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
	// A session that appeared while the client was away comes from its beginning.
	s.close()
	w.directory.add("s3")
	w.append("s3", "Message", 2)
	s, _ = w.stream("admin", "", s.lastID)
	s.events("s3", 1, 2)
	// So does one that appears while it is there.
	w.directory.add("s4")
	w.append("s4", "Message", 2)
	var p positionParams
	s.named("position", &p)
	s.events("s4", 1, 2)
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
	// Far ahead without a match the client gets an id, so that it need not go through all that again.
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
	// A session that was deleted meanwhile, or is out of reach: the same.
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

func TestStreamRefused(t *testing.T) {
	origins, err := origin.New([]string{"https://good.example"}, "")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, Config{Origins: origins, MaxStreamSessions: 2, MaxPerSession: 1, Tickets: onceTickets{"good": true}}, journal.Config{})
	s, _ := w.stream("session:s1", "", "")
	id := s.lastID
	flipped := func(i int) string {
		b := []byte(id)
		if b[i]++; b[i] == 'Z'+1 || b[i] == 'z'+1 || b[i] == '9'+1 || b[i] == '_'+1 || b[i] == '-'+1 {
			b[i] = 'A'
		}
		return string(b)
	}
	foreign := string(appendStreamID(nil, []byte("another key"), []spot{{"s2", "e", 0}}))
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	with := func(name, value string) http.Header {
		h := bearer("admin")
		h.Set(name, value)
		return h
	}
	for _, c := range []struct {
		name, query string
		header      http.Header
		status      int
		names       string
	}{
		{"no token", "", nil, 401, ""},
		{"bad token", "", bearer("x"), 401, ""},
		{"expired token", "", bearer("expired"), 401, reasonExpired},
		{"public token", "", bearer("public"), 403, ""},
		{"token in the URL", "?token=admin", nil, 400, ""},
		{"unknown ticket", "?ticket=bad", nil, 401, "ticket"},
		{"foreign origin", "", with("Origin", "https://good.example.evil"), 403, ""},
		{"origin null", "", with("Origin", "null"), 403, ""},
		{"foreign session", "?sessions=s2", bearer("session:s1"), 403, ""},
		{"unknown session", "?sessions=none", bearer("session:s1"), 403, ""},
		{"too many of a session", "", bearer("session:s1"), 429, ""},
		{"unknown parameter", "?type=Message", bearer("admin"), 400, "/type"},
		{"empty type", "?types=Message,", bearer("admin"), 400, "/types/1"},
		{"long type", "?types=" + strings.Repeat("x", 65), bearer("admin"), 400, "/types/0"},
		{"many types", "?types=" + strings.Repeat("x,", 200) + "x", bearer("admin"), 400, "/types"},
		{"number as chat", "?chats=4915112345678", bearer("admin"), 400, "/chats/0"},
		{"no chat", "?chats=%22", bearer("admin"), 400, "/chats/0"},
		{"not a flag", "?include_volatile=perhaps", bearer("admin"), 400, "/include_volatile"},
		{"flag twice", "?include_volatile=true&include_volatile=false", bearer("admin"), 400, "/include_volatile"},
		{"from nowhere", "?from=5", bearer("admin"), 400, "/from"},
		{"bad escape", "?types=%zz", bearer("admin"), 400, "query"},
		{"broken UTF-8", "?types=%ff%fe", bearer("admin"), 400, "/types"},
		{"forged id", "", with("Last-Event-ID", foreign), 400, "/last_event_id"},
		{"forged id in the query", "?last_event_id=" + foreign, bearer("admin"), 400, "/last_event_id"},
		{"id cut short", "", with("Last-Event-ID", id[:len(id)-4]), 400, "/last_event_id"},
		{"damaged id", "", with("Last-Event-ID", flipped(5)), 400, "/last_event_id"},
		{"damaged signature", "", with("Last-Event-ID", flipped(len(id)-3)), 400, "/last_event_id"},
		{"number as id", "", with("Last-Event-ID", "42"), 400, "/last_event_id"},
		{"long id", "", with("Last-Event-ID", strings.Repeat("A", 17<<10)), 400, "/last_event_id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			response := w.tryStream(c.header, c.query)
			defer response.Body.Close()
			body, _ := io.ReadAll(response.Body)
			var told struct{ Error struct{ Code int } }
			if err := json.Unmarshal(body, &told); err != nil || response.StatusCode != c.status || told.Error.Code == 0 || !strings.Contains(string(body), c.names) {
				t.Errorf("status %d, %s", response.StatusCode, body)
			}
			if strings.Contains(string(body), "secret of the inside") {
				t.Error("the inside shows")
			}
		})
	}
	response := w.tryStream(http.Header{"Origin": {"https://good.example"}}, "?ticket=good&sessions=s2")
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("a ticket: status %d", response.StatusCode)
	}
	w.directory.add("s3")
	response = w.tryStream(bearer("admin"), "")
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "/sessions") {
		t.Errorf("too many sessions: status %d, %s", response.StatusCode, body)
	}
	narrow, _ := w.stream("admin", "?sessions=s1,s3", "")
	narrow.close()
	// Nothing is left of those that were refused.
	s.close()
	for end := time.Now().Add(waitLimit); w.endpoint.Connections() > 0; {
		if time.Now().After(end) {
			t.Fatalf("%d connections are left", w.endpoint.Connections())
		}
	}
	w.endpoint.mu.Lock()
	defer w.endpoint.mu.Unlock()
	if e := w.endpoint; e.opening != 0 || len(e.bound) != 0 || len(e.everyone) != 0 || len(e.topics) != 0 {
		t.Errorf("%d opening, %d bound, %d take all, %d topics", e.opening, len(e.bound), len(e.everyone), len(e.topics))
	}
}

// onceTickets is a Tickets.
type onceTickets map[string]bool

func (o onceTickets) Redeem(_ context.Context, ticket string) (rpc.Principal, error) {
	if !o[ticket] {
		return rpc.Principal{}, rpc.Unauthenticated("no such ticket")
	}
	o[ticket] = false
	return rpc.Principal{Kind: rpc.ScopeSession, ID: "token-s2", Session: "s2"}, nil
}

func TestStreamOutgrown(t *testing.T) {
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
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		s, _ := w.stream("session:s1", "?types=Message", "")
		start := time.Now()
		time.AfterFunc(40*time.Second, func() { w.append("s1", "Message", 1) })
		s.events("s1", 1, 1)
		if s.beats != 2 {
			t.Errorf("%d heartbeats in 40 s", s.beats)
		}
		time.AfterFunc(20*time.Second, func() { w.append("s1", "Message", 1) })
		s.events("s1", 2, 2)
		if s.beats != 3 {
			t.Errorf("%d heartbeats in 60 s", s.beats)
		}
		within(t, start, 60*time.Second, 60*time.Second)
		s.close()
	})
}

// A client that reads nothing is cut off after the stall timeout and holds up nobody.
func TestStreamStalled(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		slow, _ := w.stream("session:s1", "", "")
		fast, _ := w.stream("session:s1", "", "")
		start := time.Now()
		// More than what http.Transport reads ahead.
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
	var list []spot
	want := map[string]position{}
	for i := range 100 {
		p := spot{strings.Repeat("s", 60) + fmt.Sprint(i), "0123456789abcdef", uint64(i) << 50}
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
	for name, list := range map[string][]spot{
		"session twice": {{"a", "e", 1}, {"a", "e", 2}}, "no session": {{"", "e", 1}}, "no epoch": {{"a", "", 1}}, "long": {{strings.Repeat("x", 257), "e", 1}},
	} {
		if _, problem := parseStreamID(string(appendStreamID(nil, key, list)), key); problem == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
