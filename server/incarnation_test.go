package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// mentions lists the columns of all tables that contain one of the texts, with the counts.
func (s *testServer) mentions(texts ...string) (found []string) {
	s.t.Helper()
	postgres := s.app.db.Dialect.String() == "postgres"
	query := `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type='table'`
	if postgres {
		query = `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema='public'`
	}
	rows, err := s.app.db.Query(s.t.Context(), query)
	if err != nil {
		s.t.Fatal(err)
	}
	var columns [][2]string
	for rows.Next() {
		var c [2]string
		if err = rows.Scan(&c[0], &c[1]); err != nil {
			s.t.Fatal(err)
		}
		columns = append(columns, c)
	}
	if err = rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	_ = rows.Close()
	if len(columns) < 100 {
		s.t.Fatalf("only %d columns", len(columns))
	}
	for _, c := range columns {
		column := `CAST(` + c[1] + ` AS TEXT)` // bytea becomes \x and hex in PostgreSQL
		if postgres {
			column = c[1] + `::text`
		}
		for _, text := range texts {
			var n int
			err := s.app.db.QueryRow(s.t.Context(), `SELECT COUNT(*) FROM `+c[0]+` WHERE `+column+` LIKE $1 OR `+column+` LIKE $2`,
				"%"+text+"%", "%"+fmt.Sprintf("%x", text)+"%").Scan(&n)
			if err != nil {
				s.t.Fatalf("%s.%s: %v", c[0], c[1], err)
			}
			if n > 0 {
				found = append(found, fmt.Sprintf("%s.%s: %d rows with %s", c[0], c[1], n, text))
			}
		}
	}
	slices.Sort(found)
	return found
}

func b64(content []byte) string { return base64.StdEncoding.EncodeToString(content) }

// deletedSessionData is the data that a session stored and handed out before it was deleted.
type deletedSessionData struct {
	token, media, signed, ticket string
	sent                         object // params of a call with an idempotency key
	sentID                       string
}

const oldPeer = "15550177002"

// live makes a session that stores data everywhere, by calls only.
func live(t *testing.T, s *testServer, session, number string) *deletedSessionData {
	t.Helper()
	life := &deletedSessionData{token: s.pair(session, number)}
	own := func(method string, params object) object {
		return rpctest.MustCall[object](t, s.url("/v1/rpc"), life.token, method, params)
	}
	own("webhook.update", object{"url": "http://127.0.0.1:9/oldcanary", "secret": "a secret of sixteen bytes"})
	life.sent = object{"session": session, "to": oldPeer, "text": "oldcanary", "_meta": object{"idempotency_key": "key-1"}}
	life.sentID, _ = s.call("message.sendText", life.sent)["message_id"].(string) // by the admin
	own("message.sendText", object{"to": oldPeer, "text": "oldcanary own", "_meta": object{"idempotency_key": "key-1"}})
	image := own("message.sendImage", object{"to": oldPeer, "caption": "oldcanary", "media": object{"base64": "data:image/png;base64," + b64(paint(t, 7))}})
	own("message.downloadMedia", object{"message_id": image["message_id"]})
	s.call("sandbox.send", object{"account": oldPeer, "to": number, "content": object{"type": "text", "text": "oldcanary in"}})
	testkit.Eventually(t, "the incoming message", func() bool {
		raw, _ := json.Marshal(own("message.search", object{"query": "oldcanary in"}))
		return strings.Contains(string(raw), "oldcanary in")
	})
	_, raw := send(t, http.MethodPost, s.url("/v1/media?filename=oldcanary.png"), life.token, bytes.NewReader(paint(t, 9)), "Content-Type: image/png")
	var kept object
	if err := json.Unmarshal(raw, &kept); err != nil {
		t.Fatal(err)
	}
	life.media, _ = kept["media_id"].(string)
	file := own("media.getUrl", object{"media_id": life.media})
	life.signed, _ = file["url"].(string)
	_ = own("group.create", object{"name": "oldcanary group", "participants": []string{oldPeer}})
	own("group.list", nil)
	_ = dial(t, s.url("/v1/ws"), s.token, object{"consumer": "reader", "from": "oldest", "filters": []object{{"sessions": []string{session}}}})
	own("contact.resolveLid", object{"contact": oldPeer})
	ticket := own("tickets.create", object{})
	life.ticket, _ = ticket["ticket"].(string)
	return life
}

// A session that is deleted with purge leaves no row, in any table, that mentions it, its number or its peers.
func TestPurgeLeavesNoMention(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testPurgeLeavesNoMention(t) })
	t.Run("postgres", func(t *testing.T) { testPurgeLeavesNoMention(t, "-database", dbtest.Postgres(t)) })
}

func testPurgeLeavesNoMention(t *testing.T, args ...string) {
	s := startServer(t, append([]string{"-log-level", "info", "-allow-hosts", "127.0.0.1", "-session", "none"}, args...)...)
	s.call("sandbox.createAccount", object{"number": oldPeer})
	const session = "purgedshop"
	for i, purge := range []bool{false, true} { // data left by the first is deleted with the second
		number := fmt.Sprintf("1555017711%d", i)
		live(t, s, session, number)
		if found := s.mentions(session); len(found) < 10 {
			t.Fatalf("a live session is mentioned in %v only", found)
		}
		keyed := func(method string, params object) {
			params["_meta"] = object{"idempotency_key": fmt.Sprint("key of ", number, len(params))}
			s.call(method, params)
		}
		hello := object{"type": "text", "text": "oldcanary"}
		s.call("schedule.create", object{"session": session, "to": oldPeer, "content": hello, "send_at": "2099-01-01T00:00:00Z"})
		s.call("message.sendBulk", object{"session": session, "recipients": []string{oldPeer}, "content": hello})
		account := s.newAccount(fmt.Sprintf("staff%d", i), "STAFF")
		s.call("session.grantAccess", object{"session": session, "email": account.email})
		s.call("account.createApiKey", object{"account_id": account.id, "name": "limited", "session_ids": []string{session}})
		rpctest.MustCall[object](t, s.url("/v1/rpc"), account.key, "session.list", object{"_meta": object{"idempotency_key": "key of the account"}})
		keyed("session.list", object{"full": true}) // its reply is kept, and names no session in its params
		keyed("archive.list", object{"session_ids": []string{session}})
		keyed("archive.list", object{"session_ids": []string{session, "another"}, "limit": 10})
		keyed("session.getStatus", object{"session": session})
		keyed("session.delete", object{"session": session, "purge": purge}) // its own reply names the session and the number
	}
	var found []string
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if found = s.mentions(session, "oldcanary", "15550177110", "15550177111", oldPeer); len(found) == 0 || time.Now().After(deadline) {
			break
		}
	}
	if len(found) > 0 {
		t.Errorf("left after the purge:\n%s", strings.Join(found, "\n"))
	}
}

// A session created under the id of a deleted one, with or without purge, can read none of its data through any
// method, signed address, idempotency key, consumer cursor, webhook, archive, ticket or token.
func TestNewSessionReadsNothingOld(t *testing.T) {
	for _, database := range []string{"sqlite", "postgres"} {
		for _, purge := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s purge %t", database, purge), func(t *testing.T) {
				var args []string
				if database == "postgres" {
					args = []string{"-database", dbtest.Postgres(t)}
				}
				testNewSessionReadsNothingOld(t, purge, args...)
			})
		}
	}
}

func testNewSessionReadsNothingOld(t *testing.T, purge bool, args ...string) {
	s := startServer(t, append([]string{
		"-log-level", "info", "-allow-hosts", "127.0.0.1", "-session", "none", "-calls-per-second", "100000", "-call-burst", "100000", "-ticket-ttl", "1m",
	}, args...)...)
	s.call("sandbox.createAccount", object{"number": oldPeer})
	life := live(t, s, "shop", "15550177020")
	s.call("session.delete", object{"session": "shop", "purge": purge})
	token := s.pair("shop", "15550177021")

	for name, url := range map[string]string{"signed address": life.signed, "kept file": s.url("/v1/media/" + life.media)} {
		response, raw := send(t, http.MethodGet, url, token, nil)
		if response.StatusCode == http.StatusOK {
			t.Errorf("%s: %d bytes", name, len(raw))
		}
	}
	if reply := rpctest.PostCall(t, s.url("/v1/rpc"), life.token, "session.get", nil); reply.Error == nil {
		t.Errorf("the old token opens %s", reply.Result)
	}
	response, err := plainHTTP.Get(s.url("/v1/events?ticket=" + life.ticket))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode == http.StatusOK {
		t.Error("the old ticket opens the new session")
	}
	// The same keyed calls send again.
	again := s.call("message.sendText", life.sent)
	if again["message_id"] == life.sentID || again["message_id"] == nil {
		t.Errorf("the admin's keyed call got the old reply: %v", again)
	}
	s.call("sandbox.awaitMessage", object{"account": oldPeer, "message_id": again["message_id"]})
	own := rpctest.MustCall[object](t, s.url("/v1/rpc"), token, "message.sendText", object{"to": oldPeer, "text": "new", "_meta": object{"idempotency_key": "key-1"}})
	s.call("sandbox.awaitMessage", object{"account": oldPeer, "message_id": own["message_id"]})
	// Revert the admin's repeated call before looking for the old text.
	rpctest.MustCall[object](t, s.url("/v1/rpc"), token, "message.delete", object{"chat": oldPeer, "message_id": again["message_id"], "for_everyone": true})

	doc := s.call("rpc.discover", nil)
	for _, m := range doc["methods"].([]any) {
		method := m.(object)
		name := method["name"].(string)
		if method["x-scope"] != "session" || slices.Contains(endsSession, name) || strings.HasPrefix(name, "events.") || strings.Contains(name, "send") {
			continue
		}
		params := object{}
		for _, p := range method["params"].([]any) {
			param := p.(object)
			switch param["name"] {
			case "chat", "to", "contact":
				params[param["name"].(string)] = oldPeer
			case "query", "text":
				params[param["name"].(string)] = "oldcanary"
			case "message_id":
				params["message_id"] = life.sentID
			case "media_id":
				params["media_id"] = life.media
			}
		}
		reply := rpctest.PostCall(t, s.url("/v1/rpc"), token, name, params)
		if bytes.Contains(reply.Result, []byte("oldcanary own")) || bytes.Contains(reply.Result, []byte("oldcanary in")) || bytes.Contains(reply.Result, []byte("oldcanary.png")) ||
			bytes.Contains(reply.Result, []byte("9/oldcanary")) || bytes.Contains(reply.Result, []byte("15550177020")) {
			t.Errorf("%s %v shows what the old session had: %.300s", name, params, reply.Result)
		}
	}
	// A consumer of the same name begins with the new session.
	c := dial(t, s.url("/v1/ws"), s.token, object{"consumer": "reader", "from": "oldest", "filters": []object{{"sessions": []string{"shop"}}}})
	raw, _ := json.Marshal(c.hello)
	c.event(isText("new"))
	for _, frame := range c.held {
		more, _ := json.Marshal(frame)
		raw = append(raw, more...)
	}
	if bytes.Contains(raw, []byte("oldcanary in")) {
		t.Errorf("the consumer reads the old session: %s", raw)
	}
	for _, status := range []string{"delivered", "dead_letter"} {
		entries, _ := json.Marshal(s.call("archive.list", object{"status": status}))
		if bytes.Contains(entries, []byte("oldcanary in")) {
			t.Errorf("the archive has %s", entries)
		}
	}
}

// Data of a session that was deleted without purge can only be adopted by restore, once, and expires.
func TestRestoreOfADeletedSession(t *testing.T) {
	s := startServer(t, "-keep-deleted", "48h", "-log-level", "info", "-allow-hosts", "127.0.0.1", "-session", "none")
	s.call("sandbox.createAccount", object{"number": oldPeer})
	find := func(session string) string {
		raw, _ := json.Marshal(s.call("message.search", object{"session": session, "query": "oldcanary"}))
		return string(raw)
	}
	_ = live(t, s, "shop", "15550177030")
	if reply := rpctest.PostCall(t, s.url("/v1/rpc"), s.token, "session.create", object{"session_id": "never", "restore": true}); reply.Error == nil || reply.Error.Data.Reason != "not_found" {
		t.Errorf("restore of nothing: %+v", reply)
	}
	s.call("session.delete", object{"session": "shop"})
	s.call("session.create", object{"session_id": "shop"}) // adopts no data, and keeps its own
	if got := find("shop"); strings.Contains(got, "oldcanary own") {
		t.Errorf("a session without restore reads %s", got)
	}
	s.call("session.delete", object{"session": "shop"})
	s.call("session.create", object{"session_id": "shop", "restore": true}) // the empty one: it was deleted last
	s.call("session.delete", object{"session": "shop", "purge": true})
	if reply := rpctest.PostCall(t, s.url("/v1/rpc"), s.token, "session.create", object{"session_id": "shop", "restore": true}); reply.Error == nil {
		t.Error("a purge left data of an earlier session of the id")
	}

	life := live(t, s, "shop", "15550177031")
	s.call("session.delete", object{"session": "shop"})
	s.call("session.create", object{"session_id": "shop", "restore": true})
	if got := find("shop"); !strings.Contains(got, "oldcanary own") {
		t.Errorf("after restore: %s", got)
	}
	if response, _ := send(t, http.MethodGet, life.signed, "", nil); response.StatusCode != http.StatusOK {
		t.Errorf("a signed address of the restored session: status %d", response.StatusCode)
	}
	s.call("session.delete", object{"session": "shop"})
	expire := func(after time.Duration) []string {
		t.Helper()
		if err := s.app.bridge.ExpireKept(t.Context(), time.Now().Add(after)); err != nil {
			t.Fatal(err)
		}
		return s.mentions("oldcanary")
	}
	if len(expire(47*time.Hour)) == 0 {
		t.Error("nothing is left an hour before its time")
	}
	if found := expire(49 * time.Hour); len(found) > 0 {
		t.Errorf("after its time: %v", found)
	}
}
