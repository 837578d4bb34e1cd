package rest

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// TestWaakgRefusesBadInput sends bad requests for each field of the served operations of the dialect waakg, and valid requests with the token of
// another session.
func TestWaakgRefusesBadInput(t *testing.T) {
	waakg(t).checkBadInput(t)
}

// waakg returns the run of the dialect, whose cases are valid requests of the served operations for the caller's session and group.
func waakg(t *testing.T) *restRun {
	t.Helper()
	r := newRestRun(t, &restDialect{
		name: "waakg", world: "digigo", mounts: []string{"/waakg/api"}, header: "X-API-Key", names: waakgNames,
		foreign:  func(answer *resttest.Answer) bool { return answer.Status >= http.StatusForbidden },
		ofServer: []string{"GET /sessions", "GET /docs", "GET /user/api-key", "POST /user/api-key", "DELETE /user/api-key"},
		badPaths: map[string][]string{"labelId": {}, "messageId": {}, "id": {}, "jid": {"no address"}, "filename": {"a..b", `a\b`}},
		tolerated: map[string]string{
			"PUT /groups/*/description: no body":      "an absent description removes it",
			"PATCH /sessions/*: deep":                 "unknown switches are ignored",
			"POST /messages/*/media: type missing":    "the default is the kind of the file",
			"POST /messages/*/media: type null":       "the default is the kind of the file",
			"POST /messages/*/media: type empty":      "the default is the kind of the file",
			"POST /messages/*: message.*.url *":       "the error of an address names the message",
			"POST /messages/*: message.* string":      "a text is an address",
			"POST /messages/*/react: emoji empty":     "an empty emoji removes the reaction",
			"POST /messages/*/star: no body":          "the default is to star",
			"POST /messages/*/star: deep":             "unknown keys are ignored",
			"PUT /chat/*/read: no body":               "without ids the whole chat is read",
			"PUT /chat/*/read: deep":                  "unknown keys are ignored",
			"PUT /profile/*/status: status empty":     "an empty text removes it",
			"POST /status/*: mediaUrl too long":       "the example is a text, which has no file",
			"PUT /webhooks/*: no body":                "nothing is changed",
			"PUT /webhooks/*: deep":                   "unknown keys are ignored",
			"PUT /labels/*: no body":                  "nothing is changed",
			"PUT /labels/*: deep":                     "unknown keys are ignored",
			"PATCH /users/*: no body":                 "nothing is changed",
			"POST /sessions/{id}/{action}: *":         "only the action pair reads a body",
			"POST /sessions/{id}/bot-config: no body": "nothing is changed",
			"PATCH /notifications/read: no body":      "without ids all are marked",
			"PATCH /notifications/read: deep":         "unknown keys are ignored",
			"POST /settings/system: no body":          "nothing is changed",
			"POST /settings/system: deep":             "unknown keys are ignored",
		},
		refuses: refusesInForms,
	})
	for _, operation := range []string{"PUT /groups/*/picture", "PUT /profile/*/picture", "POST /messages/*/media", "POST /messages/*/sticker"} {
		r.tolerated[operation+": cut"] = "only the end of the last boundary is cut off"
		r.tolerated[operation+": more after it"] = "text after the last boundary is ignored, as RFC 2046 has it"
		r.tolerated[operation+": no UTF-8"] = "only JSON is changed, so that it is the good body"
		r.tolerated[operation+": list"] = "text before the first boundary is ignored, as RFC 2046 has it"
	}
	for _, o := range r.catalogue.Operations {
		r.cases = append(r.cases, restCase{operation: o.Name(), prepare: func(t *testing.T, w *restWorld) restAct {
			act := restAct{values: w.waakgValues(t, o)}
			if first, _, _ := strings.Cut(o.Path[1:], "/"); slices.Contains([]string{"notifications", "settings", "system", "user", "users"}, first) || strings.HasSuffix(o.Path, "/access") {
				act.as = admins()
			}
			return act
		}})
	}
	return r
}

// waakgValues returns the values of a valid request for an operation.
func (w *restWorld) waakgValues(t *testing.T, o *resttest.Operation) resttest.Values {
	values := resttest.Values{
		"sessionId": w.Caller.ID, "id": w.Caller.ID, "jid": w.Peer.JID(), "subject": "Pier", "action": "start", "filename": w.Caller.ID + "-none.jpg", "labelId": "1",
		"participants": []string{w.Peer.JID()}, "numbers": []string{w.Peer.Number}, "fromJid": w.Peer.JID(), "toJids": []string{w.Peer.JID()}, "mentions": []string{w.Peer.JID()}, "timezone": "Asia/Jakarta", "logoUrl": "https://example.com/logo.png", "faviconUrl": "/icon.png",
		"messageId": "3EB0F00D", "messageIds": []string{"3EB0F00D"}, "q": "invoice", "labelIds": []string{"1"}, "url": w.Receiver.URL + "/bad", "events": []string{"message.received"},
		"secret": "0123456789abcdef", "quality": 50, "contacts": []object{{"displayName": "Zoe", "vcard": "BEGIN:VCARD\nVERSION:3.0\nFN:Zoe\nEND:VCARD"}},
		"mediaUrl": e2etest.DataURL("image/jpeg", e2etest.JPEGFile(t, 15)),
	}
	switch {
	case strings.HasPrefix(o.Path, "/groups/"):
		values["jid"], values["action"] = w.Group, "add"
	case strings.HasPrefix(o.Path, "/labels/"):
		values["action"] = "add"
	case strings.HasPrefix(o.Path, "/webhooks/"):
		values["id"] = "none"
	case strings.HasPrefix(o.Path, "/scheduler"):
		values["scheduleId"], values["content"], values["sendAt"], values["mediaUrl"] = "none", "Reminder", "2099-01-01T09:00:00", "https://files.example.com/image.jpg"
	case strings.HasPrefix(o.Path, "/autoreplies/"):
		values["replyId"], values["response"], values["mediaUrl"] = "none", "Hello", "https://files.example.com/image.jpg"
	case strings.HasPrefix(o.Path, "/users"), strings.HasPrefix(o.Path, "/auth/"), strings.HasSuffix(o.Path, "/access"):
		values["id"], values["email"], values["password"], values["name"], values["role"] = "none", "ada@example.com", "correct horse", "Ada", "STAFF"
	case strings.HasPrefix(o.Path, "/status/"):
		values["mentions"] = resttest.Absent
	}
	return values
}

// refusesInForms is refusesBadRequest for errors whose text is in message, or that are an object.
func refusesInForms(r *restRun, answer *resttest.Answer, bad resttest.BadRequest) string {
	body := errorBody(answer.JSON())
	switch {
	case answer.Status != http.StatusBadRequest || answer.ContentType() != "application/json":
		return "is not 400 in JSON"
	case body["error"] == nil && e2etest.TextOf(body["message"]) == "" || body["status"] == true || body["success"] == true:
		return "is not in the form of errors"
	case !r.names(body, bad.Field):
		return "does not name the field"
	}
	return ""
}

// waakgNames reports whether an error names a field. A body without a file is named as a whole: its bad requests are in JSON.
func waakgNames(answer map[string]any, field string) bool {
	return wuzapiNames(answer, field) || answer["message"] == "the body is not multipart/form-data" && wuzapiNames(answer, "body")
}
