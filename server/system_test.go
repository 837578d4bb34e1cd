package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/rpctest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// failure calls a method with the admin token and returns its error.
func (s *testServer) failure(method string, params object) *rpctest.ErrorReply {
	s.t.Helper()
	reply := rpctest.PostCall(s.t, s.url("/v1/rpc"), s.token, method, params)
	if reply.Error == nil {
		s.t.Fatalf("%s %v: %s", method, params, reply.Result)
	}
	return reply.Error
}

func TestSystemSettings(t *testing.T) {
	s := startServer(t, "-timezone", "Asia/Jakarta")
	if got := s.call("server.getSettings", object{}); got["app_name"] != "Waystation" || got["timezone"] != "Asia/Jakarta" || got["logo_url"] != nil || got["updated_at"] != nil {
		t.Errorf("before a change: %v", got)
	}
	for _, bad := range []object{
		{"timezone": "Mars/Olympus"}, {"timezone": "Local"}, {"app_name": ""}, {"logo_url": "javascript:alert(1)"}, {"favicon_url": "//evil.example.com/i"}, {"registration_enabled": "yes"},
	} {
		for field := range bad {
			if e := s.failure("server.updateSettings", bad); e.Code != rpc.CodeInvalidParams || !strings.Contains(string(e.Data.Details), `"/`+field+`"`) {
				t.Errorf("%v: %+v", bad, e)
			}
		}
	}
	s.call("server.updateSettings", object{"app_name": "Shop", "logo_url": "https://example.com/logo.png"})
	got := s.call("server.updateSettings", object{"timezone": "Europe/Berlin"})["settings"].(object)
	if got["app_name"] != "Shop" || got["logo_url"] != "https://example.com/logo.png" || got["timezone"] != "Europe/Berlin" || got["updated_at"] == nil {
		t.Errorf("after changes: %v", got)
	}
	if got := s.call("server.updateSettings", object{"logo_url": ""})["settings"].(object); got["logo_url"] != nil {
		t.Errorf("an empty address: %v", got)
	}
	// Registration is closed, then opened and closed by the settings, at once.
	owner := object{"name": "Ada", "email": "ada@example.com", "password": "correct horse", "role": "OWNER"}
	id := s.call("account.create", owner)["account"].(object)["account_id"].(string)
	register := func(name string) *rpctest.ErrorReply {
		return rpctest.PostCall(t, s.url("/v1/rpc"), "", "account.register", object{"name": name, "email": name + "@example.com", "password": "correct horse"}).Error
	}
	if e := register("bob"); e == nil || e.Data.Reason != "registration_disabled" {
		t.Errorf("closed: %+v", e)
	}
	s.call("server.updateSettings", object{"registration_enabled": true})
	if e := register("bob"); e != nil {
		t.Errorf("open: %+v", e)
	}
	s.call("server.updateSettings", object{"registration_enabled": false})
	if e := register("eve"); e == nil {
		t.Error("closed again, and it is open")
	}
	// Notices of a deleted account go with it.
	if got := s.call("notification.create", object{"title": "t", "message": "m", "everyone": true}); got["count"] != 2.0 {
		t.Errorf("notices: %v", got)
	}
	s.call("account.delete", object{"account_id": id})
	if list, _, err := s.app.notices.List(t.Context(), id, false, 10); err != nil || len(list) != 0 {
		t.Errorf("left: %v, %v", list, err)
	}
}

func TestAPIDescriptions(t *testing.T) {
	s := startServer(t)
	for _, api := range []string{"", "digigo", "wuzapi", "wwebjs", "waakg", "operations"} {
		document := s.call("server.getApiDescription", object{"api": api})["document"].(object)
		if document["openapi"] != "3.1.0" || len(document["paths"].(object)) < 5 {
			t.Errorf("%s: %v", api, document["info"])
		}
	}
	if e := s.failure("server.getApiDescription", object{"api": "soap"}); e.Code != rpc.CodeInvalidParams {
		t.Errorf("unknown dialect: %+v", e)
	}
}

func TestUpdateFeed(t *testing.T) {
	asked := 0
	feed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = fmt.Fprint(w, `{"tag_name":"v99.0.0","html_url":"https://example.com/v99"}`)
	}))
	defer feed.Close()
	s := startServer(t, "-update-feed", feed.URL)
	for range 2 {
		if got := s.call("server.checkForUpdates", object{}); got["latest_version"] != "v99.0.0" || got["update_available"] != false || got["current_version"] != version || got["notified"] != false {
			t.Errorf("a build without a version: %v", got)
		}
	}
	if asked != 1 {
		t.Errorf("the feed was asked %d times", asked)
	}
	none := startServer(t)
	if e := none.failure("server.checkForUpdates", nil); e.Code != rpc.CodeNotSupported || !strings.Contains(e.Message, "-update-feed") {
		t.Errorf("without a feed: %+v", e)
	}
}

// Each call that could change something is in the audit log, with its outcome and without its params; reading calls are not.
func TestAuditLog(t *testing.T) {
	s := startServer(t, "-calls-per-second", "10000", "-call-burst", "10000")
	token := s.pair("shop", "15550188001")
	s.call("session.list", object{})
	sent := rpctest.PostCall(t, s.url("/v1/rpc"), token, "message.sendText", object{"to": "15550188001", "text": "canary of the audit log"})
	if sent.Error != nil {
		t.Fatal(sent.Error)
	}
	refused := rpctest.PostCall(t, s.url("/v1/rpc"), token, "session.deleteAll", object{})
	if refused.Error == nil {
		t.Fatal("a session's token deletes all sessions")
	}
	entries := func(params object) []any { return s.call("server.listAudit", params)["entries"].([]any) }
	of := entries(object{"session_id": "shop", "method": "message.sendText"})
	if len(of) != 1 {
		t.Fatalf("%v", of)
	}
	entry := of[0].(object)
	if entry["caller"] != "session" || entry["session"] != "shop" || entry["code"] != 0.0 || entry["reason"] != nil || entry["request_id"] == "" || entry["account_id"] != nil {
		t.Errorf("sent: %v", entry)
	}
	if failed := entries(object{"failed_only": true, "method": "session.deleteAll"}); len(failed) != 1 || failed[0].(object)["code"] != float64(rpc.CodeForbidden) {
		t.Errorf("refused: %v", failed)
	}
	if read := entries(object{"method": "session.list"}); len(read) != 0 {
		t.Errorf("a reading call is logged: %v", read)
	}
	if text := fmt.Sprint(entries(object{"limit": 1000})); strings.Contains(text, "canary") || strings.Contains(text, token) {
		t.Error("the log has params or credentials")
	}
	page := s.call("server.listAudit", object{"limit": 2})
	if next := s.call("server.listAudit", object{"limit": 1000, "before_id": page["next_id"]}); len(page["entries"].([]any)) != 2 || next["next_id"] != nil {
		t.Errorf("pages: %v, %v", page, next)
	}
	s.call("session.delete", object{"session": "shop", "purge": true})
	testkit.Eventually(t, "the entries under another name", func() bool {
		of := entries(object{"session_id": "shop"})
		return len(of) == 3 && !strings.Contains(fmt.Sprint(of), "shop")
	})
	if reply := rpctest.PostCall(t, s.url("/v1/rpc"), s.pair("other", "15550188002"), "server.listAudit", object{}); reply.Error == nil || reply.Error.Code != rpc.CodeForbidden {
		t.Errorf("a session reads the audit log: %+v", reply)
	}
}
