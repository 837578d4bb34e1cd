package badinput

import (
	"maps"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
)

// TestSessionsInTheWrongState calls methods for sessions that exist already, are not connected, or do not exist.
func TestSessionsInTheWrongState(t *testing.T) {
	w := startWorld(t)
	before := w.state(t)
	ask := func(method string, params object) e2etest.Reply {
		t.Helper()
		return e2etest.PostBody(t, w.server.Addr, e2etest.AdminToken, e2etest.RequestBody(method, params))
	}
	ask("session.create", object{"session_id": w.session}).Refused(t, "a session id twice", -32004, "-")
	ask("session.create", object{"session_id": w.idle, "connect": true}).Refused(t, "a session id twice, to connect", -32004, "-")
	for _, id := range []string{" ", "a b", "a/b", "../x", "ü", "a\x00b", strings.Repeat("a", 300)} {
		ask("session.create", object{"session_id": id}).Refused(t, "the session id "+id[:min(len(id), 20)], -32602, "/session_id")
	}
	doc := discover(t, w.server)
	for _, m := range doc.Methods {
		base, takesSession := object{}, false
		for _, p := range m.Params {
			switch {
			case p.Name == "session":
				takesSession = true
			case p.Required:
				base[p.Name] = doc.sample(p.Name, p.Schema)
			}
		}
		if !takesSession || strings.HasPrefix(m.Name, "sandbox.") || strings.HasPrefix(m.Name, "events.") || m.Name == "conn.list" { // their param is a filter

			continue
		}
		base["session"] = "no-such-session"
		ask(m.Name, base).Refused(t, m.Name+" on a session that is not there", -32003, "-")
		if strings.HasPrefix(m.Name, "message.send") {
			base["session"] = w.idle
			r := ask(m.Name, maps.Clone(base))
			if r.Error == nil || r.Error.Code != -32008 || !r.Error.Data.Retryable {
				t.Errorf("%s on a session that is not connected: %s", m.Name, r.Raw)
			}
		}
	}
	w.unchanged(t, before)
}

// TestADeletedSessionIsGone checks that all calls for a deleted session fail, and that its id and number can be reused.
func TestADeletedSessionIsGone(t *testing.T) {
	w := startWorld(t)
	const token = "token-of-a-short-life-012"
	e2etest.MustCall(t, w.server.Addr, "session.create", object{"session_id": "short", "token": token}, nil)
	socket := w.dial(t, token)
	e2etest.MustCall(t, w.server.Addr, "session.delete", object{"session": "short"}, nil)
	e2etest.PostBody(t, w.server.Addr, token, e2etest.RequestBody("session.get", object{})).Refused(t, "its token", -32001, "-")
	for {
		if _, _, err := socket.ws.Read(t.Context()); err != nil {
			break // its sockets are closed
		}
	}
	e2etest.MustCall(t, w.server.Addr, "session.delete", object{"session": w.session, "purge": true}, nil)
	for method, params := range map[string]object{
		"session.get": {}, "session.getStatus": {}, "session.connect": {}, "session.delete": {}, "message.sendText": {"to": w.peer, "text": "late"},
		"message.list": {"chat": w.peer}, "chat.list": {}, "group.list": {}, "profile.get": {},
	} {
		params["session"] = w.session
		e2etest.PostBody(t, w.server.Addr, e2etest.AdminToken, e2etest.RequestBody(method, params)).Refused(t, method+" on a deleted session", -32003, "-")
	}
	e2etest.MustCall(t, w.server.Addr, "session.create", object{"session_id": w.session}, nil)
	e2etest.MustCall(t, w.server.Addr, "session.connect", object{"session": w.session}, nil)
	var chats struct{ Chats []object }
	e2etest.MustCall(t, w.server.Addr, "chat.list", object{"session": w.session}, &chats)
	if len(chats.Chats) != 0 {
		t.Errorf("a new session has the chats of the deleted one: %v", chats.Chats)
	}
}
