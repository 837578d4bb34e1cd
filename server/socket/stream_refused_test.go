package socket

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/origin"
	"github.com/waystation/waystation/transports/journal"
)

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
	foreign := string(appendStreamID(nil, []byte("another key"), []streamPosition{{"s2", "e", 0}}))
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
	// No state of rejected connections is left.
	s.close()
	for end := time.Now().Add(waitLimit); w.endpoint.Connections() > 0; {
		if time.Now().After(end) {
			t.Fatalf("%d connections are left", w.endpoint.Connections())
		}
	}
	w.endpoint.mu.Lock()
	defer w.endpoint.mu.Unlock()
	if e := w.endpoint; e.upgrading != 0 || len(e.bound) != 0 || len(e.adopters) != 0 || len(e.topics) != 0 {
		t.Errorf("%d opening, %d bound, %d take all, %d topics", e.upgrading, len(e.bound), len(e.adopters), len(e.topics))
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
