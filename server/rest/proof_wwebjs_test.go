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

// wwebjsForms has the session in the path, its own form for bad names, and another success key in each operation.
func wwebjsForms() *rest.Dialect {
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
			raw, _ := json.Marshal(result)
			answer := object{}
			_ = json.Unmarshal(raw, &answer)
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
			// Errors have the status 200, too; the body has the reason.
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
			// The form of content depends on another field.
			rest.OneOf("POST", "/client/sendMessage/{sessionId}", "contentType", map[string]rest.Route{
				"string":       rest.Pass[textContent, sentMessage]("", "", "message.sendText"),
				"Location":     rest.Pass[locationContent, sentMessage]("", "", "message.sendLocation"),
				"MessageMedia": rest.Pass[mediaContent, sentMessage]("", "", "message.sendDocument"),
			}, rest.Says("contentType invalid")),
			// A key of its own for success.
			rest.Pass[chatRequest, typing]("POST", "/chat/sendStateTyping/{sessionId}", "presence.setChatState", rest.With(rest.Params{"state": "composing"})),
		},
	}
}

// chatID is an address as the document has it.
type chatID string

// ToParam implements rest.Converter.
func (id chatID) ToParam(string) (any, error) {
	return strings.Replace(string(id), "@c.us", "@s.whatsapp.net", 1), nil
}

type textContent struct {
	Chat chatID `rest:"chatId,required,param=/to"`
	Text string `rest:"content,required,param=/text"`
}

type locationContent struct {
	Chat    chatID `rest:"chatId,required,param=/to"`
	Content struct {
		Latitude  float64 `rest:"latitude,required,param=/latitude"`
		Longitude float64 `rest:"longitude,required,param=/longitude"`
	} `rest:"content,required"`
}

type mediaContent struct {
	Chat    chatID `rest:"chatId,required,param=/to"`
	Content struct {
		Mimetype string `rest:"mimetype"`
		Data     string `rest:"data,required,param=/media/base64"`
	} `rest:"content,required"`
}

type sentMessage struct {
	Message json.RawMessage `json:"message" from:"/"`
}

type chatRequest struct {
	Chat string `rest:"chatId,required,param=/chat"`
}

type typing struct {
	Result bool `json:"result" from:"=true"`
	Typing bool `json:"sendStateTyping" from:"=true"`
}
