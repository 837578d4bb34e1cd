package main

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/rpctest"
)

// testAccount is an account of a test with its API key.
type testAccount struct {
	s              *testServer
	id, email, key string
}

const accountPassword = "correct horse"

// newAccount creates an account with the admin token, and a key of it.
func (s *testServer) newAccount(name, role string) *testAccount {
	s.t.Helper()
	a := &testAccount{s: s, email: name + "@example.com"}
	created := s.call("account.create", object{"name": name, "email": a.email, "password": accountPassword, "role": role})
	a.id = created["account"].(object)["account_id"].(string)
	a.key = a.newKey(object{"name": "test"})
	return a
}

func (a *testAccount) newKey(params object) string {
	a.s.t.Helper()
	params["account_id"] = a.id
	return a.s.call("account.createApiKey", params)["api_key"].(string)
}

func (a *testAccount) call(method string, params object) object {
	a.s.t.Helper()
	return rpctest.MustCall[object](a.s.t, a.s.url("/v1/rpc"), a.key, method, params)
}

// refused calls a method and checks the code of the error.
func (s *testServer) refused(token, method string, params object, code int) {
	s.t.Helper()
	reply := rpctest.PostCall(s.t, s.url("/v1/rpc"), token, method, params)
	if reply.Error == nil || reply.Error.Code != code {
		s.t.Errorf("%s %v: got %s, %v", method, params, reply.Result, reply.Error)
	}
}

func (a *testAccount) sessions() []string {
	a.s.t.Helper()
	var ids []string
	for _, session := range a.call("session.list", object{})["sessions"].([]any) {
		ids = append(ids, session.(object)["session_id"].(string))
	}
	return ids
}

// Access that is taken away ends at once, also that of sockets, streams, tickets and watches that are open.
func TestRevokedAccessEndsOpenConnections(t *testing.T) {
	s := startServer(t)
	s.newAccount("root", "SUPERADMIN")
	owner, staff := s.newAccount("owner", "OWNER"), s.newAccount("staff", "STAFF")
	owner.call("session.create", object{"session_id": "shop"})
	s.call("session.create", object{"session_id": "other"})
	if ids := owner.sessions(); len(ids) != 1 || ids[0] != "shop" || len(staff.sessions()) != 0 {
		t.Errorf("owner sees %v, staff %v", ids, staff.sessions())
	}
	s.refused(staff.key, "session.getStatus", object{"session": "shop"}, rpc.CodeForbidden)
	owner.call("session.grantAccess", object{"session": "shop", "email": staff.email})
	staff.call("session.getStatus", object{"session": "shop"})
	s.refused(staff.key, "session.delete", object{"session": "shop"}, rpc.CodeForbidden)
	s.refused(staff.key, "session.update", object{"session": "shop", "token": "a-token-of-the-staff"}, rpc.CodeForbidden)
	s.refused(staff.key, "session.create", object{"session_id": "mine"}, rpc.CodeForbidden)
	s.refused(staff.key, "session.grantAccess", object{"session": "shop", "email": "root@example.com"}, rpc.CodeForbidden)

	socket := dial(t, s.url("/v1/ws"), staff.key, nil)
	if followed := socket.hello["sessions"].([]any); len(followed) != 1 {
		t.Errorf("the socket follows %v", followed)
	}
	ticket := staff.call("tickets.create", object{"session": "shop"})["ticket"].(string)
	events := s.open("/v1/events", staff.key)
	owner.call("session.revokeAccess", object{"session": "shop", "account_id": staff.id})
	for {
		frame := socket.read()
		if params, _ := frame["params"].(object); frame["method"] == "events.gap" && params["session"] == "shop" && params["reason"] == "revoked" {
			break
		}
	}
	for lines := bufio.NewScanner(events.Body); ; {
		if !lines.Scan() {
			t.Fatal("the stream ended without the gap:", lines.Err())
		}
		if strings.HasPrefix(lines.Text(), "data:") && strings.Contains(lines.Text(), `"revoked"`) {
			break
		}
	}
	s.refused(staff.key, "session.getStatus", object{"session": "shop"}, rpc.CodeForbidden)
	if late := s.redeem(ticket); late == nil || late.Code != rpc.CodeForbidden {
		t.Errorf("the ticket for the session: %v", late)
	}

	// A revoked key closes its connections, and another key of the account continues.
	second := staff.newKey(object{"name": "second"})
	other := dial(t, s.url("/v1/ws"), second, nil)
	keys := s.call("account.listApiKeys", object{"account_id": staff.id})["keys"].([]any)
	s.call("account.revokeApiKey", object{"account_id": staff.id, "key_id": keys[0].(object)["key_id"]})
	if _, _, err := socket.ws.Read(t.Context()); websocket.CloseStatus(err) != 4503 {
		t.Errorf("the socket of a revoked key ended with %v", err)
	}
	s.refused(staff.key, "session.list", object{}, rpc.CodeUnauthenticated)
	other.call("session.list", object{})
	s.call("account.delete", object{"account_id": staff.id})
	if _, _, err := other.ws.Read(t.Context()); websocket.CloseStatus(err) != 4503 {
		t.Errorf("the socket of a deleted account ended with %v", err)
	}
}

// redeem opens a socket with a ticket, calls a method of its session and returns the error.
func (s *testServer) redeem(ticket string) *rpctest.ErrorReply {
	s.t.Helper()
	ws, _, err := websocket.Dial(s.t.Context(), strings.Replace(s.url("/v1/ws?ticket="+ticket), "http://", "ws://", 1), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }()
	c := &socketClient{t: s.t, ws: ws}
	c.call("conn.hello", object{"protocol": 1})
	if err := ws.Write(s.t.Context(), websocket.MessageText, []byte(`{"jsonrpc":"2.0","id":9,"method":"session.getStatus"}`)); err != nil {
		s.t.Fatal(err)
	}
	problem, _ := c.read()["error"].(object)
	if problem == nil {
		return nil
	}
	return &rpctest.ErrorReply{Code: int(problem["code"].(float64))}
}

func (s *testServer) open(path, token string) *http.Response {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url(path), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := plainHTTP.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

func TestLogInAndKeys(t *testing.T) {
	s := startServer(t, "-registration", "-wrong-passwords", "1000")
	person := object{"name": "Anna", "email": "anna@example.com", "password": accountPassword}
	s.refused("", "account.register", person, rpc.CodeForbidden) // there is no first account
	first := s.call("account.create", object{"name": "Root", "email": "root@example.com", "password": accountPassword})
	if role := first["account"].(object)["role"]; role != "SUPERADMIN" {
		t.Errorf("the first account is %v", role)
	}
	public := func(method string, params object) object {
		t.Helper()
		return rpctest.MustCall[object](t, s.url("/v1/rpc"), "", method, params)
	}
	if a := public("account.register", person)["account"].(object); a["role"] != "OWNER" {
		t.Errorf("registered %v", a)
	}
	s.refused("", "account.register", person, rpc.CodeConflict)
	s.refused("", "account.login", object{"email": "anna@example.com", "password": "wrong"}, rpc.CodeUnauthenticated)
	s.refused("", "account.login", object{"email": "nobody@example.com", "password": "wrong"}, rpc.CodeUnauthenticated)
	login := public("account.login", object{"email": "ANNA@example.com", "password": accountPassword})
	anna := &testAccount{s: s, key: login["token"].(string), id: login["account"].(object)["account_id"].(string)}
	if now := anna.call("account.getCurrent", object{}); now["expires_at"] != login["expires_at"] || now["account"].(object)["email"] != "anna@example.com" {
		t.Errorf("current: %v", now)
	}
	if now := public("account.getCurrent", object{}); now["account"] != nil {
		t.Errorf("current without a credential: %v", now)
	}
	anna.call("session.create", object{"session_id": "shop"})
	if key := anna.call("account.getApiKey", object{}); key["api_key"] != nil {
		t.Errorf("key: %v", key)
	}
	own := anna.call("account.createApiKey", object{})["api_key"].(string)
	if key := anna.call("account.getApiKey", object{}); key["api_key"] != own {
		t.Errorf("key: %v", key)
	}
	reading := anna.call("account.createApiKey", object{"name": "reads", "effects": []string{"read"}, "session_ids": []string{"shop"}})["api_key"].(string)
	s.refused(own, "account.createApiKey", object{"name": "more"}, rpc.CodeForbidden)
	s.refused(own, "account.getApiKey", object{}, rpc.CodeForbidden)
	s.refused(own, "account.createApiKey", object{"name": "of another", "account_id": first["account"].(object)["account_id"]}, rpc.CodeForbidden)
	s.refused(anna.key, "account.createApiKey", object{"name": "x", "session_ids": []string{"none"}}, rpc.CodeInvalidParams)
	s.refused(reading, "session.connect", object{"session": "shop"}, rpc.CodeForbidden)
	rpctest.MustCall[object](t, s.url("/v1/rpc"), reading, "session.get", object{"session": "shop"})
	s.refused(own, "account.list", object{}, rpc.CodeForbidden)
	s.refused(own, "session.create", object{"session_id": "old", "restore": true}, rpc.CodeForbidden)

	if out := anna.call("account.logout", object{}); out["logged_out"] != true {
		t.Errorf("log-out: %v", out)
	}
	s.refused(anna.key, "account.getCurrent", object{}, rpc.CodeUnauthenticated)
	if answer, _ := send(t, http.MethodPost, s.url("/v1/media?session=shop"), reading, strings.NewReader("x"), "Content-Type: text/plain"); answer.StatusCode != http.StatusForbidden {
		t.Errorf("an upload with a key that only reads: %d", answer.StatusCode)
	}
	if text := s.logged.String(); strings.Contains(text, accountPassword) || strings.Contains(text, own) || strings.Contains(text, anna.key) {
		t.Error("a credential is in the log")
	}
}
