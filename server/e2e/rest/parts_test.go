package rest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// The documents that are served in part: each operation that changes something has its effect, with the admin token and
// with that of the session, under both mounts; the session of another token is not reached.
func TestPartlyServedDocuments(t *testing.T) {
	w := startRestWorld(t, "digigo")
	s, group := w.Caller, strings.ReplaceAll(w.Group, "@", "%40")
	png := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n\r\n" + string(e2etest.JPEGFile(t, 9)) + "\r\n--x--\r\n"
	session := "/api/v1/sessions/" + s.ID
	for name, c := range map[string]struct {
		header, line, label, body string
		status                    int
		want                      string // part of the answer
	}{
		"reconnect off":        {"Authorization", "PUT " + session + "/reconnect", "application/json", `{"enabled":false}`, 200, `"enabled":false`},
		"reconnect":            {"Authorization", "GET /operations" + session + "/reconnect", "", "", 200, `"error_count":0`},
		"history":              {"Authorization", "PUT /operations" + session + "/history-sync", "application/json", `{"skip":true}`, 200, `{"skip_history_sync":true}`},
		"no label":             {"Authorization", "PUT " + session + "/reconnect", "text/plain", `{"enabled":true}`, 415, "Content-Type: application/json"},
		"no field":             {"Authorization", "PUT " + session + "/reconnect", "application/json", `{}`, 422, "missing field `enabled`"},
		"tokens":               {"Authorization", "GET " + session + "/tctoken/list", "", "", 200, `"jids":[`},
		"no token":             {"Authorization", "GET " + session + "/tctoken/15550199999@s.whatsapp.net", "", "", 200, `"found":false`},
		"expired":              {"Authorization", "DELETE " + session + "/tctoken/expired", "", "", 200, `{"pruned_count":0}`},
		"another session":      {"Authorization", "GET /api/v1/sessions/" + w.Idle.ID + "/reconnect", "", "", 404, "Session not found"},
		"ping":                 {"", "GET /ping", "", "", 200, `"pong"`},
		"status":               {"X-Api-Key", "GET /session/status/" + s.ID, "", "", 200, `"state":"CONNECTED"`},
		"unknown session":      {"X-Api-Key", "GET /wwebjs/session/status/unknown", "", "", 200, `"message":"session_not_found","state":null`},
		"bad session":          {"X-Api-Key", "GET /session/status/a.b", "", "", 422, "alphanumerical"},
		"no picture":           {"X-Api-Key", "GET /session/qr/" + s.ID + "/image", "", "", 200, "already scanned"},
		"pin":                  {"X-Api-Key", "POST /client/pinChat/" + s.ID, "application/json", `{"chatId":"` + w.Peer.Number + `@c.us"}`, 200, `"result":true`},
		"archive":              {"X-Api-Key", "POST /client/archiveChat/" + s.ID, "application/json", `{"chatId":"` + w.Shop + `@c.us"}`, 200, `"result":true`},
		"about":                {"X-Api-Key", "POST /wwebjs/client/setStatus/" + s.ID, "application/x-www-form-urlencoded", "status=sailing", 200, `{"success":true}`},
		"wrong key":            {"", "GET /session/status/" + s.ID, "", "", 403, "Invalid API key"},
		"broken JSON":          {"X-Api-Key", "POST /client/pinChat/" + s.ID, "application/json", `{`, 400, "<pre>Error"},
		"subject":              {"X-Api-Key", "PUT /api/groups/" + s.ID + "/" + group + "/subject", "application/json", `{"subject":"Pier"}`, 200, `"subject":"Pier"`},
		"subject by body":      {"X-Api-Key", "PUT /waakg/api/groups/" + group + "/subject", "application/json", `{"sessionId":"` + s.ID + `","subject":"Pier"}`, 200, `"subject":"Pier"`},
		"schedule":             {"X-Api-Key", "POST /api/scheduler/" + s.ID, "application/json", `{"jid":"` + w.Peer.Number + `@s.whatsapp.net","content":"Reminder","sendAt":"2099-01-15T08:00:00"}`, 200, `"content":"Reminder","mediaUrl":null,"mediaType":null,"sendAt":"2099-01-15T08:00:00.000Z","status":"PENDING"`},
		"schedule by body":     {"X-Api-Key", "POST /api/scheduler", "application/json", `{"sessionId":"` + s.ID + `","jid":"` + w.Peer.Number + `@s.whatsapp.net","content":"Second","sendAt":"2099-01-15"}`, 200, `"sendAt":"2099-01-15T00:00:00.000Z"`},
		"no schedule":          {"X-Api-Key", "DELETE /api/scheduler/" + s.ID + "/none", "", "", 404, "Message not found"},
		"broadcast":            {"X-Api-Key", "POST /api/messages/" + s.ID + "/broadcast", "application/json", `{"recipients":["` + w.Peer.Number + `@s.whatsapp.net"],"message":"Sale"}`, 200, `"total":1`},
		"repeated":             {"X-Api-Key", "POST /api/messages/" + s.ID + "/" + w.Peer.Number + "@s.whatsapp.net/spam", "application/json", `{"message":"Again"}`, 403, "does not permit"},
		"long subject":         {"X-Api-Key", "PUT /api/groups/" + group + "/subject", "application/json", `{"sessionId":"` + s.ID + `","subject":"` + strings.Repeat("x", 101) + `"}`, 400, `{"error":"Subject must be`},
		"no group":             {"X-Api-Key", "PUT /api/groups/" + s.ID + "/nobody/subject", "application/json", `{"subject":"Pier"}`, 400, `"field":"jid"`},
		"picture":              {"X-Api-Key", "PUT /api/groups/" + s.ID + "/" + group + "/picture", "multipart/form-data; boundary=x", png, 200, "picture updated"},
		"no file":              {"X-Api-Key", "GET /api/media/" + s.ID + "-none.jpg", "", "", 404, "File not found"},
		"escaping file":        {"X-Api-Key", "GET /api/media/" + s.ID + "-..%2Fx", "", "", 400, "Invalid filename"},
		"file of another":      {"X-Api-Key", "GET /api/media/" + w.Idle.ID + "-x.jpg", "", "", 403, "Cannot access this session's media"},
		"unknown action":       {"X-Api-Key", "POST /api/sessions/" + s.ID + "/fly", "", "", 400, "Invalid action"},
		"start":                {"X-Api-Key", "POST /api/sessions/" + s.ID + "/start", "", "{", 200, "Session started successfully"},
		"no credential":        {"", "GET /api/media/x.jpg", "", "", 401, `{"error":"Unauthorized"}`},
		"session of the other": {"X-Api-Key", "POST /api/sessions/" + w.Idle.ID + "/stop", "", "", 403, "Cannot access this session"},
	} {
		t.Run(name, func(t *testing.T) {
			method, path, _ := strings.Cut(c.line, " ")
			client := resttest.Client{HTTP: e2etest.Client, Base: "http://" + w.Server.Addr, Header: http.Header{}}
			if c.header != "" {
				client.Header.Set(c.header, s.Token)
			}
			request := &resttest.Request{Method: method, Path: path, Header: http.Header{}, Body: []byte(c.body)}
			if c.label != "" {
				request.Header.Set("Content-Type", c.label)
			}
			answer, err := client.Do(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			if answer.Status != c.status || !strings.Contains(string(answer.Body), c.want) {
				t.Errorf("%d %.300s, want %d with %s", answer.Status, answer.Body, c.status, c.want)
			}
		})
	}
	settings, _ := w.Call(t, s, "session.getSettings", object{})["settings"].(map[string]any)
	if settings["auto_reconnect"] != false || settings["skip_history_sync"] != true {
		t.Errorf("settings %v", settings)
	}
	chat, _ := w.Call(t, s, "chat.get", object{"chat": w.Peer.Number})["chat"].(map[string]any)
	if chat["pinned"] != true {
		t.Errorf("chat %v", chat)
	}
	if chat, _ := w.Call(t, s, "chat.get", object{"chat": w.Shop})["chat"].(map[string]any); chat["archived"] != true {
		t.Errorf("chat %v", chat)
	}
	found, _ := w.Call(t, s, "group.get", object{"group": w.Group, "include_picture": true})["group"].(map[string]any)
	if found["name"] != "Pier" || found["picture_url"] == nil {
		t.Errorf("group %v", found)
	}
	schedules, _ := w.Call(t, s, "schedule.list", object{"status": "pending"})["schedules"].([]any)
	if len(schedules) != 2 {
		t.Errorf("schedules %v", schedules)
	}
	jobs, _ := w.Call(t, s, "job.list", object{})["jobs"].([]any)
	if len(jobs) != 1 {
		t.Errorf("jobs %v", jobs)
	}
	profile := w.Call(t, s, "profile.get", object{})
	if text, _ := json.Marshal(profile); !strings.Contains(string(text), "sailing") {
		t.Errorf("profile %s", text)
	}
}
