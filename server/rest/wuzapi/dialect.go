package wuzapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// Name is what the dialect is called in settings and prefixes.
const Name = "wuzapi"

// New makes the dialect.
func New() *rest.Dialect {
	return &rest.Dialect{
		Name: Name, Title: "wuzapi API, served by Waystation", Version: "1",
		Mounts: []string{"", "/" + Name},
		// The npm client sends its token as Authorization.
		Credentials: []rest.Credential{rest.HeaderToken("Token"), rest.Authorization(), rest.QueryToken("token")},
		Admits:      admits,
		Routes:      slices.Concat(sessionRoutes(), webhookRoutes(), userRoutes(), sendRoutes(), chatRoutes(), groupRoutes()),
		Success:     success, Fail: fail, Missing: missing, Shape: shape,
	}
}

// admits lets in who holds the token of a session; the document knows nobody else.
func admits(x *rest.Exchange) (string, error) {
	if x.Principal.Session == "" {
		return "", rpc.Unauthenticated("the token is not that of a session")
	}
	return x.Principal.Session, nil
}

// envelope is the form of every answer.
type envelope struct {
	Code    int    `json:"code"`
	Data    any    `json:"data,omitempty"`
	Error   string `json:"error,omitempty"`
	Success bool   `json:"success"`
	// Fields and Reason are ours: what the texts of the document do not say.
	Fields []badField `json:"fields,omitempty"`
	Reason string     `json:"reason,omitempty"`
}

type badField struct {
	Field   string `json:"field"`
	Problem string `json:"problem"`
}

func success(_ *rest.Exchange, result any) any {
	e := envelope{Code: http.StatusOK, Data: result, Success: true}
	if p, ok := result.(*servedPicture); ok {
		return barePicture{e, p.picture}
	}
	return e
}

const undecodable = "Could not decode Payload"

// fail writes an error. What the request did wrong is 400, what the session or WhatsApp cannot do is 500, as documented;
// limits and shutdown, which the document does not know, have the statuses of HTTP.
func fail(_ *rest.Exchange, f *rest.Failure) *rest.Reply {
	e := envelope{Code: f.Status(), Error: textOf(f)}
	if reason := f.Reason(); len(f.Faults) == 0 && reason != e.Error {
		e.Reason = reason
	}
	if !ownStatus[e.Code] {
		e.Code = http.StatusInternalServerError
	}
	for _, fault := range f.Faults {
		name := fault.Field
		if name == "" {
			name = "body"
		}
		e.Fields = append(e.Fields, badField{name, fault.Problem})
	}
	return &rest.Reply{Status: e.Code, Body: e}
}

var ownStatus = map[int]bool{
	http.StatusBadRequest: true, http.StatusUnauthorized: true, http.StatusRequestEntityTooLarge: true,
	http.StatusTooManyRequests: true,
}

// textOf is the document's text of a failure.
func textOf(f *rest.Failure) string {
	if f.Text != "" {
		return f.Text
	}
	if len(f.Faults) > 0 {
		return faultText(f)
	}
	switch f.Err.Code {
	case rpc.CodeUnauthenticated:
		return "Unauthorized"
	case rpc.CodeSessionNotConnected:
		return noSession
	case rpc.CodeTooLarge, rpc.CodeRateLimited, rpc.CodeShuttingDown:
		return f.Err.Message
	}
	switch text := failText(f.Route); {
	case text == "":
		return f.Err.Message
	case text == sendFailed && f.Param() == "media":
		return filled(uploadFailed, f.Reason())
	default:
		return filled(text, f.Reason())
	}
}

func failText(route *rest.Route) string {
	if route == nil {
		return ""
	}
	return route.FailText()
}

func faultText(f *rest.Failure) string {
	fault := f.Faults[0]
	inner := fault.Field[strings.LastIndexByte(fault.Field, '.')+1:]
	switch {
	case fault.Kind == rest.FaultBody && f.Route != nil && f.Route.BodyText() != "":
		return filled(f.Route.BodyText(), fault.Problem)
	case fault.Kind == rest.FaultBody, fault.Kind == rest.FaultType:
		return undecodable
	case fault.Kind == rest.FaultMissing && inner != fault.Field:
		return fmt.Sprintf("Missing %s in %s", inner, fault.Field[:len(fault.Field)-len(inner)-1])
	case fault.Kind == rest.FaultMissing:
		return fmt.Sprintf("Missing %s in Payload", fault.Field)
	case fault.Text != "":
		return fault.Text
	}
	return fmt.Sprintf("Invalid %s in Payload: %s", fault.Field, fault.Problem)
}

// filled puts a reason into a text that has a place for it.
func filled(text, reason string) string { return strings.Replace(text, "%s", reason, 1) }

// missing answers like the real server, whose unknown paths and methods end at its file server.
func missing(*rest.Exchange, []string) *rest.Reply {
	return &rest.Reply{Status: http.StatusNotFound, ContentType: "text/plain; charset=utf-8", Body: []byte("404 page not found\n")}
}

func shape(_ *rest.Route, result map[string]any) (success, failure map[string]any) {
	text, number := map[string]any{"type": "string"}, map[string]any{"type": "integer"}
	flag := map[string]any{"type": "boolean"}
	object := func(properties map[string]any, required ...string) map[string]any {
		return map[string]any{"type": "object", "properties": properties, "required": required}
	}
	fields := map[string]any{"type": "array", "items": object(map[string]any{"field": text, "problem": text}, "field", "problem")}
	return object(map[string]any{"code": number, "data": result, "success": flag}, "code", "data", "success"),
		object(map[string]any{"code": number, "error": text, "success": flag, "fields": fields, "reason": text}, "code", "error", "success")
}
