package rest_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// The rows below are the awkward operations of the three large documents, written as a dialect would write them. They show
// that a row and a small function are enough.

// digigoForms has three forms of answers: an envelope, success beside a named key, and an error alone.
func digigoForms() *rest.Dialect {
	return &rest.Dialect{
		Name: "digigo", Title: "digigo", Version: "1", Mounts: []string{"", "/digigo"},
		Credentials: []rest.Credential{rest.HeaderToken("token"), rest.Authorization()},
		Admits: func(x *rest.Exchange) (string, error) {
			if x.Route.Family() == "admin" && x.Principal.Kind != rpc.ScopeAdmin {
				return "", rpc.Unauthenticated("unauthorized - admin token required")
			}
			return x.Principal.Session, nil
		},
		Success: func(x *rest.Exchange, result any) any {
			if x.Route.Family() == "admin" {
				return result
			}
			return object{"code": 200, "success": true, "data": result}
		},
		Fail: func(_ *rest.Exchange, f *rest.Failure) *rest.Reply {
			status := f.Status()
			if f.Route != nil && f.Route.Family() == "admin" {
				switch {
				case status == http.StatusUnauthorized:
					return &rest.Reply{Status: status, Body: object{"error": "unauthorized - admin token required"}}
				case status == http.StatusNotFound:
					return &rest.Reply{Status: status, Body: object{"error": "event not found in DLQ"}}
				}
			}
			return &rest.Reply{Status: status, Body: object{"code": status, "success": false, "error": f.Error()}}
		},
		Missing: func(*rest.Exchange, []string) *rest.Reply {
			return &rest.Reply{Status: 404, Body: object{"error": "not found"}}
		},
		Routes: []rest.Route{
			// A literal beside a parameter, and one answer under different keys.
			rest.Row("GET", "/admin/dlq/stats", "archive.getStats", func(x *rest.Exchange, _ *rest.None) (any, error) {
				var s struct{ Total int }
				err := x.Call("archive.getStats", rest.Params{"status": "dead_letter"}, &s)
				return object{"success": true, "stats": object{"total_count": s.Total}}, err
			}, rest.Family("admin")),
			rest.Row("GET", "/admin/dlq/{id}", "archive.get", func(x *rest.Exchange, in *struct {
				ID int `rest:"id,path,param=/entry_id"`
			},
			) (any, error) {
				var e struct{ Entry object }
				err := x.Call("archive.get", rest.Params{"entry_id": in.ID, "status": "dead_letter"}, &e)
				return object{"success": true, "event": e.Entry}, err
			}, rest.Family("admin")),
			// An answer without an end.
			rest.Row("GET", "/admin/events/stream", "delivery.watch", func(*rest.Exchange, *rest.None) (*rest.Reply, error) {
				return &rest.Reply{ContentType: "text/event-stream", Stream: func(w http.ResponseWriter, _ *http.Request) {
					_, _ = w.Write([]byte("data: one\n\n"))
					_ = http.NewResponseController(w).Flush()
					_, _ = w.Write([]byte("data: two\n\n"))
				}}, nil
			}, rest.Family("admin")),
			// Another status for success, and a conflict that has its own.
			rest.Row("POST", "/admin/users", "session.create", func(x *rest.Exchange, in *struct {
				Name    string `rest:"name,required,param=/name"`
				Token   string `rest:"token,required,param=/token"`
				Webhook string `rest:"webhook,param=/webhook/url"`
				S3      *struct {
					Endpoint string `rest:"endpoint,param=/storage/endpoint"`
				} `rest:"s3Config"`
			},
			) (*rest.Reply, error) {
				p := rest.Params{"name": in.Name, "token": in.Token, "webhook": rest.Params{"url": in.Webhook}}
				if in.S3 != nil {
					p["storage"] = rest.Params{"endpoint": in.S3.Endpoint}
				}
				var created struct{ Session object }
				if err := x.Call("session.create", p, &created); err != nil {
					return nil, err
				}
				return &rest.Reply{Status: http.StatusCreated, Body: object{"code": 201, "success": true, "data": created.Session}}, nil
			}, rest.Family("admin")),
			// One text under three names, media in three objects, nested buttons in lowerCamel.
			rest.Row("POST", "/chat/send/buttons", "message.sendButtons", func(x *rest.Exchange, in *struct {
				Phone   string     `rest:"phone,required,param=/to"`
				Text    string     `rest:"body,param=/text" also:"text|caption"`
				Footer  string     `rest:"footer,param=/footer"`
				Image   *mediaText `rest:"image,param=/media"`
				Video   *mediaText `rest:"video,param=/media"`
				Buttons []struct {
					ID   string `rest:"buttonId,required"`
					Text struct {
						Label string `rest:"displayText,required"`
					} `rest:"buttonText,required"`
					Type string `rest:"type,required"`
					URL  string `rest:"url"`
				} `rest:"buttons,required,param=/buttons"`
			},
			) (any, error) {
				p := rest.Params{"to": in.Phone, "text": in.Text, "footer": in.Footer}
				for kind, m := range map[string]*mediaText{"image": in.Image, "video": in.Video} {
					if m != nil {
						p["media"], p["media_kind"] = rest.Params{"url": m.URL}, kind
					}
				}
				var buttons []rest.Params
				for _, b := range in.Buttons {
					buttons = append(buttons, rest.Params{"id": b.ID, "label": b.Text.Label, "type": strings.TrimPrefix(b.Type, "cta_"), "url": b.URL})
				}
				p["buttons"] = buttons
				var sent struct {
					MessageID string `json:"message_id"`
				}
				err := x.Call("message.sendButtons", p, &sent)
				return object{"Details": "Sent", "Id": sent.MessageID}, err
			}),
		},
	}
}

type mediaText struct {
	URL string `rest:"url,required,param=/media/url"`
}

func TestAwkwardOperations(t *testing.T) {
	missing := func(string) func(object) (any, *rpc.Error) {
		return func(object) (any, *rpc.Error) { return nil, rpc.NotFound("there is no such thing") }
	}
	m := &methods{t: t, table: map[string]func(object) (any, *rpc.Error){
		"archive.getStats": func(object) (any, *rpc.Error) { return object{"total": 3}, nil },
		"archive.get": func(p object) (any, *rpc.Error) {
			if p["entry_id"] == 7.0 {
				return object{"entry": object{"id": 7}}, nil
			}
			return missing("")(p)
		},
		"session.create": func(p object) (any, *rpc.Error) {
			if p["token"] == "taken" {
				return nil, rpc.Conflict("the token is in use")
			}
			return object{"session": p}, nil
		},
		"session.getStatus": func(p object) (any, *rpc.Error) {
			if p["session"] == "unknown" {
				return missing("")(p)
			}
			return object{"connected": p["session"] == "live"}, nil
		},
		"session.getQrCode": func(p object) (any, *rpc.Error) {
			if p["session"] == "live" {
				return object{"image": ""}, nil
			}
			return object{"image": "data:image/png;base64,iVBORw0K"}, nil
		},
		"presence.setChatState": func(object) (any, *rpc.Error) { return nil, rpc.SessionNotConnected("off") },
		"group.list": func(object) (any, *rpc.Error) {
			return object{"groups": []object{{"group": "1@g.us", "name": "One"}}}, nil
		},
		"media.get": func(object) (any, *rpc.Error) {
			return object{"media": object{"base64": "data:image/jpeg;base64,/9j/", "mime_type": "image/jpeg"}}, nil
		},
	}}
	done := func(object) (any, *rpc.Error) { return object{"message_id": "M"}, nil }
	for _, name := range []string{"message.sendButtons", "message.sendText", "message.sendLocation", "message.sendDocument", "group.setPicture", "group.setName", "session.connect"} {
		m.table[name] = done
	}
	s := newShim(t, m, rest.Config{}, digigoForms(), wwebjsForms(), waakgForms())
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	file, _ := parts.CreateFormFile("image", "a.png")
	_, _ = file.Write([]byte("\x89PNG\r\n\x1a\n"))
	_ = parts.Close()
	admin, ada, key, apiKey := "Authorization: admin", "token: ada", "x-api-key: admin", "X-API-Key: admin"
	for name, test := range map[string]struct {
		line, body, as string
		status         int
		want           string // the whole body; begins with { or [ for JSON
		params         object // of the last call, if not nil
	}{
		"literal":            {"GET /admin/dlq/stats", "", admin, 200, `{"success":true,"stats":{"total_count":3}}`, object{"status": "dead_letter"}},
		"param beside it":    {"GET /digigo/admin/dlq/7", "", admin, 200, `{"success":true,"event":{"id":7}}`, nil},
		"own not found":      {"GET /admin/dlq/8", "", admin, 404, `{"error":"event not found in DLQ"}`, nil},
		"bad path":           {"GET /admin/dlq/x", "", admin, 400, `{"code":400,"success":false,"error":"id must be a whole number"}`, nil},
		"own unauthorized":   {"GET /admin/dlq/7", "", ada, 401, `{"error":"unauthorized - admin token required"}`, nil},
		"stream":             {"GET /admin/events/stream", "", admin, 200, "data: one\n\ndata: two\n\n", nil},
		"created":            {"POST /admin/users", `{"name":"n","token":"t","s3_config":{"endpoint":"e"}}`, admin, 201, `{"code":201,"success":true,"data":{"name":"n","token":"t","webhook":{"url":""},"storage":{"endpoint":"e"}}}`, nil},
		"conflict":           {"POST /admin/users", `{"name":"n","token":"taken"}`, admin, 409, `{"code":409,"success":false,"error":"conflict (-32004): the token is in use"}`, nil},
		"buttons":            {"POST /chat/send/buttons", `{"phone":"1","caption":"c","image":{"url":"u"},"buttons":[{"buttonId":"b","buttonText":{"displayText":"L"},"type":"cta_url","url":"v"}]}`, ada, 200, `{"code":200,"success":true,"data":{"Details":"Sent","Id":"M"}}`, object{"to": "1", "text": "c", "footer": "", "media": object{"url": "u"}, "media_kind": "image", "buttons": []any{object{"id": "b", "label": "L", "type": "url", "url": "v"}}}},
		"fault in a button":  {"POST /chat/send/buttons", `{"phone":"1","buttons":[{"buttonId":"b","buttonText":{},"type":"x"}]}`, ada, 400, `{"code":400,"success":false,"error":"buttons[0].buttonText.displayText is required"}`, nil},
		"status found":       {"GET /session/status/live", "", key, 200, `{"success":true,"state":"CONNECTED","message":"session_connected"}`, object{"session": "live"}},
		"status of nothing":  {"GET /wwebjs/session/status/unknown", "", key, 200, `{"success":false,"state":null,"message":"session_not_found"}`, nil},
		"bad session name":   {"GET /session/status/a_b", "", key, 422, `{"success":false,"error":"Session should be alphanumerical or -"}`, nil},
		"wrong key":          {"GET /session/status/live", "", "x-api-key: bad", 403, `{"success":false,"error":"Invalid API key"}`, nil},
		"picture":            {"GET /session/qr/new/image", "", key, 200, "\x89PNG\r\n", nil},
		"no picture":         {"GET /session/qr/live/image", "", key, 200, `{"success":false,"message":"qr code not ready or already scanned"}`, nil},
		"object content":     {"POST /client/sendMessage/live", `{"chatId":"1@c.us","contentType":"Location","content":{"latitude":1.5,"longitude":2}}`, key, 200, `{"success":true,"message":{"message_id":"M"}}`, object{"session": "live", "to": "1@s.whatsapp.net", "latitude": 1.5, "longitude": 2.0}},
		"text content":       {"POST /client/sendMessage/live", `{"chatId":"1@c.us","contentType":"string","content":"Hi"}`, key, 200, `{"success":true,"message":{"message_id":"M"}}`, object{"session": "live", "to": "1@s.whatsapp.net", "text": "Hi"}},
		"not connected":      {"POST /chat/sendStateTyping/live", `{"chatId":"1@c.us"}`, key, 404, `{"success":false,"error":"session_not_connected"}`, nil},
		"bare list":          {"GET /api/groups/live", "", apiKey, 200, `[{"id":"1@g.us","subject":"One"}]`, object{"session": "live"}},
		"two forms of 401":   {"GET /api/groups/live", "", "", 401, `{"error":"Unauthorized"}`, nil},
		"the other":          {"GET /api/groups/live", "", "X-API-Key: bad", 401, `{"status":false,"message":"the token is not known","error":"the token is not known"}`, nil},
		"cookie":             {"GET /waakg/api/groups/live", "", "Cookie: next-auth.session-token=admin", 200, `[{"id":"1@g.us","subject":"One"}]`, nil},
		"multipart":          {"PUT /api/groups/live/1%40g.us/picture", form.String(), apiKey + "\nContent-Type: " + parts.FormDataContentType(), 200, `{"status":true,"success":true,"message":"Group picture updated successfully"}`, object{"session": "live", "group": "1@g.us", "media": object{"base64": "data:image/png;base64,iVBORw0KGgo=", "filename": "a.png"}}},
		"session in a path":  {"PUT /api/groups/live/1%40g.us/subject", `{"subject":"N"}`, apiKey, 200, `{"status":true,"success":true,"subject":"N"}`, object{"session": "live", "group": "1@g.us", "name": "N"}},
		"session in a body":  {"PUT /api/groups/1%40g.us/subject", `{"sessionId":"live","subject":"N"}`, apiKey, 200, `{"status":true,"success":true,"subject":"N"}`, object{"session": "live", "group": "1@g.us", "name": "N"}},
		"literal action":     {"GET /api/sessions/live/qr", "", apiKey, 200, `{"status":true,"success":true,"qr":"2@"}`, nil},
		"action":             {"POST /api/sessions/live/start", `{broken`, apiKey, 200, `{"status":true,"success":true,"message":"Session started successfully"}`, object{"session": "live"}},
		"unknown action":     {"POST /api/sessions/live/fly", "", apiKey, 400, `{"status":false,"message":"action is not one of start, stop","error":"action is not one of start, stop"}`, nil},
		"bytes":              {"GET /api/media/live-1.jpg", "", apiKey, 200, "\xff\xd8\xff", nil},
		"escaping file":      {"GET /api/media/..%2Fx", "", apiKey, 400, `{"status":false,"message":"filename is no name of a file","error":"filename is no name of a file"}`, nil},
		"unknown path":       {"GET /session/nothing", "", key, 404, `{"error":"not found"}`, nil},
		"unknown under /api": {"GET /api/nothing", "", key, 404, "<html>", nil},
		"wrong method":       {"DELETE /api/groups/live", "", key, 405, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			m.t, m.calls = t, nil
			w := ask(s, test.line, test.body, strings.Split(test.as, "\n")...)
			same := w.Body.String() == test.want
			if strings.HasPrefix(test.want, "{") || strings.HasPrefix(test.want, "[") {
				other := httptest.NewRecorder()
				other.Body.WriteString(test.want)
				same = reflect.DeepEqual(decoded(t, w), decoded(t, other))
			}
			if w.Code != test.status || !same {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, test.status, test.want)
			}
			if test.params != nil && !reflect.DeepEqual(m.last().params, test.params) {
				t.Errorf("called with %v, want %v", m.last().params, test.params)
			}
		})
	}
}
