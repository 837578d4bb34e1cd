package wuzapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// Name is the name of the dialect in settings and prefixes.
const Name = "wuzapi"

// New makes the dialect.
func New() *rest.Dialect {
	return &rest.Dialect{
		Name: Name, Title: "wuzapi API, served by Waystation", Version: "1",
		Mounts: []string{"", "/" + Name},
		// The npm client sends its token as Authorization.
		Credentials: []rest.Credential{adminToken(), rest.HeaderToken("Token"), rest.Authorization(), rest.QueryToken("token")},
		Admits:      admitsCaller,
		Routes: slices.Concat(sessionRoutes(), configurationRoutes(), webhookRoutes(), userRoutes(), privacyRoutes(), sendRoutes(), interactiveRoutes(), chatRoutes(),
			groupRoutes(), groupChangeRoutes(), adminRoutes()),
		PerSession: true,
		Success:    wrapSuccess, Fail: failReply, Missing: rest.NotFoundPage, Shape: shape,
	}
}

// adminToken is read before the token of a session on the paths of operators: programs tend to send both.
func adminToken() rest.Credential {
	c := rest.Authorization()
	authorization := c.Token
	c.Token = func(r *http.Request) string {
		if !strings.HasPrefix(r.URL.Path, "/admin/") {
			return ""
		}
		return authorization(r)
	}
	return c
}

// admitsCaller accepts the admin token for operations on users, and tokens of sessions for the others.
func admitsCaller(x *rest.Exchange) (string, error) {
	if x.Route.Family() == familyAdmin {
		if x.Principal.Kind != rpc.ScopeAdmin || x.Principal.Session != "" {
			return "", rpc.Unauthenticated("the token is not that of an admin")
		}
		return "", nil
	}
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
	// Fields and Reason are extensions: details that the texts of the document lack.
	Fields []rest.BadField `json:"fields,omitempty"`
	Reason string          `json:"reason,omitempty"`
}

func wrapSuccess(_ *rest.Exchange, result any) any {
	e := envelope{Code: http.StatusOK, Data: result, Success: true}
	if p, ok := result.(*servedPicture); ok {
		return barePicture{e, p.picture}
	}
	return e
}

const undecodable = "Could not decode Payload"

// failReply returns the reply to an error: 400 for bad requests, 500 for errors of the session and WhatsApp, as documented.
// Limits and shutdown, which are not documented, have the statuses of HTTP.
func failReply(_ *rest.Exchange, f *rest.Failure) *rest.Reply {
	e := envelope{Code: f.Status(), Error: textOf(f), Fields: f.BadFields()}
	if reason := f.Reason(); len(f.Faults) == 0 && reason != e.Error {
		e.Reason = reason
	}
	if !ownStatus[e.Code] && (f.Route == nil || !ownStatusOf[f.Route.Family()][e.Code]) {
		e.Code = http.StatusInternalServerError
	}
	return &rest.Reply{Status: e.Code, Body: e}
}

var ownStatus = map[int]bool{
	http.StatusBadRequest: true, http.StatusUnauthorized: true, http.StatusRequestEntityTooLarge: true,
	http.StatusTooManyRequests: true,
}

// ownStatusOf are further statuses of families.
var ownStatusOf = map[string]map[int]bool{
	familyAdmin:  {http.StatusNotFound: true, http.StatusConflict: true},
	familyLookup: {http.StatusNotFound: true},
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
	if f.Err.Code == rpc.CodeNotFound && f.Route != nil && f.Route.Family() == familyAdmin {
		return "User not found"
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

func shape(_ *rest.Route, result map[string]any) (success, failure map[string]any) {
	return rest.ObjectSchema(map[string]any{"code": rest.IntegerSchema, "data": result, "success": rest.FlagSchema}, "code", "data", "success"),
		rest.ObjectSchema(map[string]any{
			"code": rest.IntegerSchema, "error": rest.TextSchema, "success": rest.FlagSchema, "fields": rest.BadFieldsSchema, "reason": rest.TextSchema,
		}, "code", "error", "success")
}
