package rest_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

var sessionName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// wwebjs has the session in the path, its own form for bad names, and another success key in each operation.
func wwebjs() *rest.Dialect {
	return &rest.Dialect{
		Name: "wwebjs", Title: "wwebjs", Version: "1", Mounts: []string{"", "/wwebjs"},
		Credentials: []rest.Credential{rest.HeaderToken("x-api-key")},
		Admits: func(x *rest.Exchange) (string, error) {
			session := x.Request.PathValue("sessionId")
			if !sessionName.MatchString(session) {
				return "", rest.Bad("sessionId", "Session should be alphanumerical or -", "is no session name")
			}
			return session, nil
		},
		Success: func(_ *rest.Exchange, result any) any {
			answer, _ := result.(object)
			if answer == nil {
				answer = object{}
			}
			answer["success"] = true
			return answer
		},
		Fail: func(_ *rest.Exchange, f *rest.Failure) *rest.Reply {
			status, text := f.Status(), f.Error()
			switch {
			case len(f.Faults) > 0 && f.Faults[0].Field == "sessionId":
				status, text = http.StatusUnprocessableEntity, f.Faults[0].Text
			case status == http.StatusUnauthorized:
				status, text = http.StatusForbidden, "Invalid API key"
			case status == http.StatusServiceUnavailable:
				status, text = http.StatusNotFound, "session_not_connected"
			}
			return &rest.Reply{Status: status, Body: object{"success": false, "error": text}}
		},
		Missing: func(*rest.Exchange, []string) *rest.Reply {
			return &rest.Reply{Status: 404, ContentType: "text/html; charset=utf-8", Body: []byte("<pre>Cannot GET</pre>")}
		},
		Routes: []rest.Route{
			// 200 whatever happens; what is wrong is in the body.
			rest.Row("GET", "/session/status/{sessionId}", "session.getStatus", func(x *rest.Exchange, _ *rest.None) (*rest.Reply, error) {
				var s struct{ Connected bool }
				err := x.Call("session.getStatus", nil, &s)
				var problem *rpc.Error
				switch {
				case errors.As(err, &problem) && problem.Code == rpc.CodeNotFound:
					return &rest.Reply{Body: object{"success": false, "state": nil, "message": "session_not_found"}}, nil
				case err != nil:
					return nil, err
				case !s.Connected:
					return &rest.Reply{Body: object{"success": false, "state": "OPENING", "message": "session_not_connected"}}, nil
				}
				return &rest.Reply{Body: object{"success": true, "state": "CONNECTED", "message": "session_connected"}}, nil
			}),
			// A picture, or JSON when there is none.
			rest.Row("GET", "/session/qr/{sessionId}/image", "session.getQrCode", func(x *rest.Exchange, _ *rest.None) (*rest.Reply, error) {
				var code struct{ Image string }
				if err := x.Call("session.getQrCode", nil, &code); err != nil {
					return nil, err
				}
				_, encoded, _ := strings.Cut(code.Image, ",")
				picture, _ := base64.StdEncoding.DecodeString(encoded)
				if len(picture) == 0 {
					return &rest.Reply{Body: object{"success": false, "message": "qr code not ready or already scanned"}}, nil
				}
				return &rest.Reply{ContentType: "image/png", Body: picture}, nil
			}),
			// What content is depends on another field.
			rest.Row("POST", "/client/sendMessage/{sessionId}", "message.sendText message.sendImage message.sendLocation", func(x *rest.Exchange, in *struct {
				Chat    string          `rest:"chatId,required,param=/to"`
				Type    string          `rest:"contentType"`
				Content json.RawMessage `rest:"content"`
			},
			) (any, error) {
				var text string
				var content struct {
					Mimetype, Data      string
					Latitude, Longitude float64
				}
				if json.Unmarshal(in.Content, &text) != nil && json.Unmarshal(in.Content, &content) != nil {
					return nil, rest.Bad("content", "", "must be a text or an object")
				}
				p := rest.Params{"to": strings.Replace(in.Chat, "@c.us", "@s.whatsapp.net", 1)}
				var method string
				switch in.Type {
				case "string":
					method, p["text"] = "message.sendText", text
				case "Location":
					method, p["latitude"], p["longitude"] = "message.sendLocation", content.Latitude, content.Longitude
				case "MessageMedia":
					method, p["media"] = "message.sendDocument", rest.Params{"base64": "data:" + content.Mimetype + ";base64," + content.Data}
				default:
					return nil, rest.State("contentType invalid")
				}
				var sent object
				err := x.Call(method, p, &sent)
				return object{"message": sent}, err
			}),
			// A key of its own for success.
			rest.Row("POST", "/chat/sendStateTyping/{sessionId}", "presence.setChatState", func(x *rest.Exchange, in *struct {
				Chat string `rest:"chatId,required,param=/chat"`
			},
			) (any, error) {
				return object{"result": true, "sendStateTyping": true}, x.Call("presence.setChatState", rest.Params{"chat": in.Chat, "state": "composing"}, nil)
			}),
		},
	}
}
