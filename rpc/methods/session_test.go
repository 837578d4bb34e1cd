package methods_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/rpc/methods/shared"
	"github.com/waystation/waystation/transports/outlets"
)

// tokens records the issued tokens.
type tokens struct{ issued map[string]string }

func (k *tokens) IssueSessionToken(_ context.Context, session, token string) (string, error) {
	if token == "" {
		token = "generated-for-" + session
	}
	for other, taken := range k.issued {
		if taken == token && other != session {
			return "", rpc.Conflict("the token is in use")
		}
	}
	k.issued[session] = token
	return token, nil
}

func (k *tokens) RevokeSession(_ context.Context, session string) error {
	delete(k.issued, session)
	return nil
}

// admin makes calls with the admin's credential.
type admin struct {
	*world
	tokens       *tokens
	outletsInUse *outlets.Outlets
	reload       func(ctx context.Context) error
}

func newAdmin(t *testing.T) *admin {
	w := newWorld(t)
	a := &admin{world: w, tokens: &tokens{issued: map[string]string{}}}
	o, hooks, _ := w.outlets()
	a.outletsInUse = o
	deps := methods.Deps{Bridge: w.bridge, Tokens: a.tokens, Webhooks: hooks, Outlets: o, Globals: a.globalDeps(), Events: w.journal}
	methods.RegisterSession(w.calls, deps)
	methods.RegisterTransport(w.calls, deps)
	return a
}

func (a *admin) try(method string, p params) (result, *rpc.Error) {
	a.t.Helper()
	raw, err := json.Marshal(p)
	if err != nil {
		a.t.Fatal(err)
	}
	answer, failed := a.calls.Call(a.ctx(), &rpc.Call{Principal: rpc.Principal{Kind: rpc.ScopeAdmin, ID: "admin"}}, method, raw)
	if failed != nil {
		return nil, failed
	}
	var r result
	if err = json.Unmarshal(answer, &r); err != nil {
		a.t.Fatalf("%s answered %s: %v", method, answer, err)
	}
	return r, nil
}

func (a *admin) call(method string, p params) result {
	a.t.Helper()
	r, failed := a.try(method, p)
	if failed != nil {
		a.t.Fatalf("%s: %v %v", method, failed, failed.Details)
	}
	return r
}

func (a *admin) refused(code int, pointer, method string, p params) {
	a.t.Helper()
	r, failed := a.try(method, p)
	if failed == nil {
		a.t.Errorf("%s %v succeeded: %v", method, p, r)
		return
	}
	details, _ := json.Marshal(failed.Details)
	if failed.Code != code || pointer != "" && !strings.Contains(string(details), `"`+pointer+`"`) {
		a.t.Errorf("%s %v: %v %s, want code %d at %s", method, p, failed, details, code, pointer)
	}
}

func TestSessionLifeOverMethods(t *testing.T) {
	a := newAdmin(t)
	phone, err := a.network.AddAccount(sandbox.AccountOptions{Number: "4915550001", PushName: "Ada"})
	if err != nil {
		t.Fatal(err)
	}
	made := a.call("session.create", params{"session_id": "ada", "name": "Ada's", "settings": params{"skip_groups": true}, "client_profile": params{"device_board": "B-1"}, "connect": true})
	if made["token"] != "generated-for-ada" || made.object("session").object("settings")["skip_groups"] != true {
		t.Errorf("created %v", made)
	}
	if status := a.call("session.connect", params{"session": "ada", "wait_seconds": 10}).object("status"); status["state"] != "pairing" || status["jid"] != nil || status.object("pairing")["code_number"] != 1.0 {
		t.Errorf("status %v", status)
	}
	code := a.call("session.getQrCode", params{"session": "ada"})
	if !strings.HasPrefix(code["image"].(string), "data:image/png;base64,") || code["expires_at"] == nil || code["logged_in"] != false {
		t.Errorf("QR code %v", code)
	}
	shown := a.call("session.get", params{"session": "ada", "include_qr_code": true}).object("session")
	if shown.object("qr_code")["code"] != code["code"] || shown.object("client_profile")["device_board"] != "B-1" {
		t.Errorf("the session shows %v", shown)
	}
	if shown = a.call("session.get", params{"session": "ada"}).object("session"); shown["qr_code"] != nil {
		t.Errorf("without a request for it, the session shows %v", shown)
	}
	if err = phone.ScanQR(a.ctx(), code["code"].(string)); err != nil {
		t.Fatal(err)
	}
	s, err := a.bridge.Session("ada")
	if err != nil {
		t.Fatal(err)
	}
	a.until(s, bridge.StateConnected)
	status := a.call("session.getStatus", params{"session": "ada"})
	for field, want := range map[string]any{
		"state": "connected", "connected": true, "logged_in": true, "health": "connected", "jid": phone.JID().String(),
		"auto_reconnect": true, "reconnect_error_count": 0.0,
	} {
		if status[field] != want {
			t.Errorf("%s is %v, want %v", field, status[field], want)
		}
	}
	if got := a.call("session.get", params{"session": "ada"}).object("session"); got["phone_number"] != "4915550001" || got["lid"] != phone.LID().String() || got["name"] != "Ada's" {
		t.Errorf("session %v", got)
	}
	if code = a.call("session.getQrCode", params{"session": "ada"}); code["code"] != "" || code["logged_in"] != true {
		t.Errorf("QR code of a paired session %v", code)
	}
	a.refused(rpc.CodeConflict, "", "session.requestPairingCode", params{"session": "ada", "phone": "4915550001"})

	restarted := a.call("session.restart", params{"session": "ada", "sync_app_state": true, "check_prekeys": true, "refresh_privacy": true})
	if restarted["was_connected"] != true || restarted.object("status")["state"] != "connected" || len(restarted.list("app_state")) != 5 ||
		restarted.object("prekeys")["checked"] != true || restarted.object("privacy")["fetched"] != true {
		t.Errorf("restarted %v", restarted)
	}
	if status = a.call("session.disconnect", params{"session": "ada"}).object("status"); status["state"] != "disconnected" || status["reason"] != "stopped" {
		t.Errorf("disconnected %v", status)
	}
	a.refused(rpc.CodeSessionNotConnected, "", "session.logout", params{"session": "ada"})
	a.call("session.connect", params{"session": "ada", "wait_seconds": 10})
	if status = a.call("session.logout", params{"session": "ada"}).object("status"); status["state"] != "created" || status["reason"] != "logout" || status["jid"] != nil {
		t.Errorf("logged out %v", status)
	}
	if gone := a.call("session.delete", params{"session": "ada"}); gone["session_id"] != "ada" || gone["name"] != "Ada's" {
		t.Errorf("deleted %v", gone)
	}
	if len(a.tokens.issued) != 0 {
		t.Errorf("tokens are left: %v", a.tokens.issued)
	}
	a.refused(rpc.CodeNotFound, "", "session.get", params{"session": "ada"})
}

// TestShortTokensAreWarnedOf checks that replies warn of a guessable token of the caller's choice, and do not contain it
// in the warning.
func TestShortTokensAreWarnedOf(t *testing.T) {
	a := newAdmin(t)
	for token, short := range map[string]bool{
		"": false, "12345678": true, "123456789012345": true, "1234567890123456": false, strings.Repeat("x", 255): false,
	} {
		session := fmt.Sprint("s", len(token))
		made := a.call("session.create", params{"session_id": session, "token": token})
		if warnings, _ := made["warnings"].([]any); (len(warnings) == 1) != short || short && strings.Contains(fmt.Sprint(warnings), token) {
			t.Errorf("session.create with a token of %d characters: warnings %v", len(token), made["warnings"])
		}
		if token == "" {
			continue
		}
		changed := a.call("session.update", params{"session": session, "token": "u" + token[1:]})
		if warnings, _ := changed["warnings"].([]any); (len(warnings) == 1) != short || short && strings.Contains(fmt.Sprint(warnings), token[1:]) {
			t.Errorf("session.update with a token of %d characters: warnings %v", len(token), changed["warnings"])
		}
		if renamed := a.call("session.update", params{"session": session, "name": "x"}); renamed["warnings"] != nil {
			t.Errorf("session.update without a token: warnings %v", renamed["warnings"])
		}
	}
}

func TestSessionBadInput(t *testing.T) {
	a := newAdmin(t)
	a.call("session.create", params{"session_id": "one", "token": "long-enough"})
	for _, c := range []struct {
		code    int
		pointer string
		method  string
		p       params
	}{
		{rpc.CodeConflict, "", "session.create", params{"session_id": "one"}},
		{rpc.CodeConflict, "", "session.create", params{"session_id": "two", "token": "long-enough"}},
		{rpc.CodeInvalidParams, "/token", "session.create", params{"token": "short"}},
		{rpc.CodeInvalidParams, "/webhook/url", "session.create", params{"webhook": params{"url": "x"}}},
		{rpc.CodeInvalidParams, "/webhook/url", "session.create", params{"webhook": params{"events": []string{"*"}}}},
		{rpc.CodeInvalidParams, "/webhook/events/0", "session.create", params{"webhook": params{"url": "http://127.0.0.1/", "events": []string{"x"}}}},
		{rpc.CodeInvalidParams, "/webhook/secret", "session.create", params{"webhook": params{"url": "http://127.0.0.1/", "secret": "x"}}},
		{rpc.CodeInvalidParams, "/webhook/files", "session.create", params{"webhook": params{"url": "http://127.0.0.1/", "files": "base64"}}},
		{rpc.CodeInvalidParams, "/webhook/files", "session.create", params{"webhook": params{"url": "http://127.0.0.1/", "files": "multipart"}}},
		{rpc.CodeInvalidParams, "/webhook/files", "session.create", params{"webhook": params{"url": "http://127.0.0.1/", "format": "waakg", "files": "inline"}}},
		{rpc.CodeInvalidParams, "/transports/redis/url", "session.create", params{"transports": params{"redis": params{}}}},
		{rpc.CodeInvalidParams, "/storage/retention_days", "session.create", params{"storage": params{"retention_days": -1}}},
		{rpc.CodeInvalidParams, "/proxy/url", "session.create", params{"proxy": params{"enabled": true, "url": "ftp://x"}}},
		{rpc.CodeInvalidParams, "/session_id", "session.create", params{"session_id": "a b"}},
		{rpc.CodeInvalidParams, "/client_profile/version", "session.create", params{"client_profile": params{"version": "x"}}},
		{rpc.CodeInvalidParams, "/settings/skip_global", "session.create", params{"settings": params{"skip_global": []string{"fax"}}}},
		{rpc.CodeInvalidParams, "/nonsense", "session.create", params{"nonsense": 1}},
		{rpc.CodeInvalidParams, "/limit", "session.list", params{"limit": 5000}},
		{rpc.CodeInvalidParams, "/confirm", "session.deleteAll", params{"confirm": false}},
		{rpc.CodeInvalidParams, "/call_reject_reason", "session.updateSettings", params{"session": "one", "call_reject_reason": "never"}},
		{rpc.CodeInvalidParams, "/dialect", "session.updateSettings", params{"session": "one", "dialect": "latin"}},
		{rpc.CodeInvalidParams, "/url", "session.setProxy", params{"session": "one", "enabled": true}},
		{rpc.CodeInvalidParams, "/enabled", "session.setProxy", params{"session": "one"}},
		{rpc.CodeInvalidParams, "/phone", "session.requestPairingCode", params{"session": "one", "phone": "nobody"}},
		{rpc.CodeInvalidParams, "", "session.update", params{"session": "one"}},
		{rpc.CodeInvalidParams, "/webhook/url", "session.update", params{"session": "one", "name": "changed", "webhook": params{"url": "x"}}},
		{rpc.CodeInvalidParams, "/webhook/secret", "session.update", params{"session": "one", "token": "another-token", "webhook": params{"secret": "x"}}},
		{rpc.CodeInvalidParams, "/storage/retention_days", "session.update", params{"session": "one", "webhook": params{"url": "http://93.184.216.34/"}, "storage": params{"retention_days": -1}}},
		{rpc.CodeInvalidParams, "/proxy/url", "session.update", params{"session": "one", "name": "changed", "webhook": params{"url": "http://93.184.216.34/"}, "proxy": params{"enabled": true, "url": "ftp://x"}}},
		{rpc.CodeInvalidParams, "/proxy/enabled", "session.update", params{"session": "one", "proxy": params{"url": "http://93.184.216.34:1"}}},
		{rpc.CodeNotFound, "", "session.delete", params{"session": "nobody"}},
		{rpc.CodeNotFound, "", "session.connect", params{"session": "nobody"}},
	} {
		a.refused(c.code, c.pointer, c.method, c.p)
	}
	if all := a.call("session.list", params{"include_total": true}); all["total"] != 1.0 || len(all.list("sessions")) != 1 {
		t.Errorf("refused calls left sessions: %v", all)
	}
	one := a.call("session.get", params{"session": "one"}).object("session")
	if one["name"] != "one" || one.object("proxy")["url"] != "" || one.list("webhooks")[0]["url"] != "" {
		t.Errorf("refused calls changed the session: %v", one)
	}
}

func TestSessionSettingsAndProxy(t *testing.T) {
	a := newAdmin(t)
	a.call("session.create", params{"session_id": "one"})
	got := a.call("session.updateSettings", params{"session": "one", "reject_calls": true, "call_reject_reason": "decline"}).object("settings")
	if got["reject_calls"] != true || got["call_reject_reason"] != "declined" || got["auto_reconnect"] != true || got["dialect"] != "digigo" {
		t.Errorf("settings %v", got)
	}
	got = a.call("session.updateSettings", params{"session": "one", "skip_media": true, "dialect": "wuzapi", "replace": true}).object("settings")
	if got["reject_calls"] != false || got["skip_media"] != true || got["dialect"] != "wuzapi" {
		t.Errorf("replaced settings %v", got)
	}
	if whole := a.call("session.getSettings", params{"session": "one"}); whole.object("settings")["skip_media"] != true || whole.object("server")["skip_media"] != false {
		t.Errorf("settings %v", whole)
	}
	proxy := a.call("session.setProxy", params{"session": "one", "enabled": true, "url": "socks5://me:geheim@93.184.216.34:1"})
	if proxy["url"] != "socks5://me:***@93.184.216.34:1" || proxy["enabled"] != true {
		t.Errorf("proxy %v", proxy)
	}
	if proxy = a.call("session.setProxy", params{"session": "one", "enabled": false}); proxy["enabled"] != false || proxy["url"] != "socks5://me:***@93.184.216.34:1" {
		t.Errorf("proxy switched off %v", proxy)
	}
	if version := a.call("session.getClientVersion", params{"session": "one"}); version["version"] == "" || version["latest_version"] != nil {
		t.Errorf("version %v", version)
	}
	updated := a.call("session.update", params{"session": "one", "name": "First", "token": "another-token"})
	if updated["token"] != "another-token" || updated.object("session")["name"] != "First" {
		t.Errorf("updated %v", updated)
	}
	updated = a.call("session.update", params{
		"session": "one", "webhook": params{"url": "http://93.184.216.34/", "events": []string{"Message"}, "format": "wuzapi"}, "proxy": params{"enabled": true},
	}).object("session")
	if hook := updated.list("webhooks")[0]; hook["format"] != "wuzapi" || hook["active"] != true || updated.object("proxy")["enabled"] != true {
		t.Errorf("updated %v", updated)
	}
}

func TestSessionListPages(t *testing.T) {
	a := newAdmin(t)
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		a.call("session.create", params{"session_id": id})
	}
	page := a.call("session.list", params{"limit": 2, "offset": 2, "include_total": true, "full": true})
	if page["total"] != 5.0 || page["next_offset"] != 4.0 || len(page.list("sessions")) != 2 || page.list("sessions")[0].object("settings") == nil {
		t.Errorf("page %v", page)
	}
	if last := a.call("session.list", params{"limit": 2, "offset": 4}); last["next_offset"] != nil || len(last.list("sessions")) != 1 {
		t.Errorf("last page %v", last)
	}
	if some := a.call("session.list", params{"session_ids": []string{"b", "x"}, "state": "created"}); len(some.list("sessions")) != 1 {
		t.Errorf("filtered %v", some)
	}
	gone := a.call("session.deleteAll", params{"confirm": true})
	if len(gone.texts("session_ids")) != 5 || len(gone.list("errors")) != 0 {
		t.Errorf("deleted %v", gone)
	}
}

// TestEveryReasonHasACode keeps the table of errors complete, and inner causes
// away from callers.
func TestEveryReasonHasACode(t *testing.T) {
	for _, reason := range wa.Reasons {
		mapped := shared.MapError(&wa.Error{Reason: reason, Field: "to", Message: "as it is", Err: errors.New("geheim")})
		if mapped == nil {
			t.Errorf("%s has no code", reason)
			continue
		}
		if text := string(mapped.AppendJSON(nil, "1")); strings.Contains(text, "geheim") || !strings.Contains(text, "as it is") {
			t.Errorf("%s became %s", reason, text)
		}
	}
	if mapped := shared.MapError(errors.New("geheim")); mapped != nil {
		t.Errorf("a foreign error became %v", mapped)
	}
	unknown := shared.MapError(&wa.Error{Reason: wa.ReasonTimeout, OutcomeUnknown: true, MessageID: "3EB0"})
	if text := string(unknown.AppendJSON(nil, "1")); !strings.Contains(text, `"outcome":"unknown"`) || !strings.Contains(text, "3EB0") {
		t.Errorf("an open outcome became %s", text)
	}
}
