package rest_test

import (
	"encoding/base64"
	"net/http"
	"path"
	"strings"

	"github.com/waystation/waystation/server/rest"
)

// waakgForms has two forms for 401, bare lists, multipart, and actions in the path.
func waakgForms() *rest.Dialect {
	wrong := func(status int, text string) *rest.Reply {
		return &rest.Reply{Status: status, Body: object{"status": false, "message": text, "error": text}}
	}
	picture := func(x *rest.Exchange, in *struct {
		Group string    `rest:"jid,path,param=/group"`
		File  rest.File `rest:"file,required,param=/media" also:"image"`
	},
	) (any, error) {
		return object{"message": "Group picture updated successfully"}, x.Call("group.setPicture", rest.Params{"group": in.Group, "media": in.File.Media()}, nil)
	}
	return &rest.Dialect{
		Name: "waakg", Title: "waakg", Version: "1", Mounts: []string{"/api", "/waakg/api"},
		Credentials: []rest.Credential{rest.HeaderToken("X-API-Key"), {Name: "session", In: "cookie", Token: func(r *http.Request) string {
			cookie, err := r.Cookie("next-auth.session-token")
			if err != nil {
				return ""
			}
			return cookie.Value
		}}},
		Admits: func(x *rest.Exchange) (string, error) {
			for _, name := range []string{"sessionId", "id"} {
				if session := x.Request.PathValue(name); session != "" {
					return session, nil
				}
			}
			return "", nil
		},
		Success: func(_ *rest.Exchange, result any) any {
			answer, ok := result.(object)
			if !ok {
				return result // a list
			}
			answer["status"], answer["success"] = true, true
			return answer
		},
		Fail: func(x *rest.Exchange, f *rest.Failure) *rest.Reply {
			if f.Status() == http.StatusUnauthorized && x.Request.Header.Get("X-Api-Key") == "" {
				return &rest.Reply{Status: 401, Body: object{"error": "Unauthorized"}}
			}
			if len(f.Faults) > 0 {
				return wrong(400, f.Error())
			}
			return wrong(f.Status(), f.Reason())
		},
		Missing: func(_ *rest.Exchange, allowed []string) *rest.Reply {
			if allowed != nil {
				return &rest.Reply{Status: 405, ContentType: "text/plain", Body: []byte{}}
			}
			return &rest.Reply{Status: 404, ContentType: "text/html", Body: []byte("<html>")}
		},
		Routes: []rest.Route{
			rest.Row("GET", "/groups/{sessionId}", "group.list", func(x *rest.Exchange, _ *rest.None) (any, error) {
				var list struct {
					Groups []struct{ Group, Name string }
				}
				err := x.Call("group.list", nil, &list)
				rows := []object{}
				for _, g := range list.Groups {
					rows = append(rows, object{"id": g.Group, "subject": g.Name})
				}
				return rows, err
			}),
			rest.Row("PUT", "/groups/{sessionId}/{jid}/picture", "group.setPicture", picture),
			// The session is in the path of one and in the body of the other.
			rest.Row("PUT", "/groups/{sessionId}/{jid}/subject", "group.setName", func(x *rest.Exchange, in *struct {
				Group   string `rest:"jid,path,param=/group"`
				Subject string `rest:"subject,required,param=/name"`
			},
			) (any, error) {
				return object{"subject": in.Subject}, x.Call("group.setName", rest.Params{"group": in.Group, "name": in.Subject}, nil)
			}),
			rest.Row("PUT", "/groups/{jid}/subject", "group.setName", func(x *rest.Exchange, in *struct {
				Group   string `rest:"jid,path,param=/group"`
				Session string `rest:"sessionId,required,param=/session"`
				Subject string `rest:"subject,required,param=/name"`
			},
			) (any, error) {
				return object{"subject": in.Subject}, x.Call("group.setName", rest.Params{"session": in.Session, "group": in.Group, "name": in.Subject}, nil)
			}),
			rest.Row("GET", "/sessions/{id}/qr", "session.getQrCode", func(*rest.Exchange, *rest.None) (any, error) { return object{"qr": "2@"}, nil }),
			// The path names the method.
			rest.Row("POST", "/sessions/{id}/{action}", "session.connect session.disconnect", func(x *rest.Exchange, in *struct {
				Action string `rest:"action,path"`
			},
			) (any, error) {
				method, ok := map[string]string{"start": "session.connect", "stop": "session.disconnect"}[in.Action]
				if !ok {
					return nil, rest.Bad("action", "", "is not one of start, stop")
				}
				return object{"message": "Session " + in.Action + "ed successfully"}, x.Call(method, nil, nil)
			}, rest.IgnoresBody()),
			// Bytes with header fields of their own.
			rest.Row("GET", "/media/{filename}", "media.get", func(x *rest.Exchange, in *struct {
				Name string `rest:"filename,path"`
			},
			) (*rest.Reply, error) {
				if path.Base(in.Name) != in.Name {
					return nil, rest.Bad("filename", "Invalid filename", "is no name of a file")
				}
				var file struct {
					Media struct {
						Base64   string
						MimeType string `json:"mime_type"`
					}
				}
				if err := x.Call("media.get", rest.Params{"media_id": in.Name}, &file); err != nil {
					return nil, err
				}
				_, encoded, _ := strings.Cut(file.Media.Base64, ",")
				data, err := base64.StdEncoding.DecodeString(encoded)
				return &rest.Reply{ContentType: file.Media.MimeType, Body: data, Header: http.Header{
					"Content-Disposition": {"inline; filename=" + in.Name}, "Cache-Control": {"private, max-age=3600"},
				}}, err
			}),
		},
	}
}
