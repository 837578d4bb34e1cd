package wwebjs

import (
	"html"
	"net/http"
	"regexp"
	"slices"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// Name is the name of the dialect in settings and prefixes.
const Name = "wwebjs"

// New makes the dialect.
func New() *rest.Dialect {
	return &rest.Dialect{
		Name: Name, Title: "whatsapp-web.js API, served by Waystation", Version: "1",
		Mounts:      []string{"", "/" + Name},
		Credentials: []rest.Credential{rest.HeaderToken("x-api-key")},
		Admits:      admitsCaller,
		Routes:      slices.Concat(sessionRoutes(), clientRoutes()),
		Fail:        failReply, Missing: missingPage, Shape: describeShape,
	}
}

// Families of rows, by their answer to an unknown session.
const (
	familyState   = "state"   // status 200 with a state
	familySession = "session" // status 200
)

var sessionName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

const badSessionName = "Session should be alphanumerical or -"

func admitsCaller(x *rest.Exchange) (string, error) {
	if session := x.Request.PathValue("sessionId"); session != "" && !sessionName.MatchString(session) {
		return "", rest.Bad("sessionId", badSessionName, "is no session name")
	}
	return rest.SessionInPath("sessionId")(x)
}

type failure struct {
	Success bool   `json:"success"`
	Error   string `json:"error,omitempty"`
	Message string `json:"message,omitempty"`
	// Fields is an extension: the bad fields.
	Fields []rest.BadField `json:"fields,omitempty"`
}

// stateFailure has a state beside the message.
type stateFailure struct {
	failure
	State *string `json:"state"`
}

const sessionNotFound = "session_not_found"

// failReply returns the reply to an error. Errors of the request have status 400, which the document lacks, and name the fields;
// errors without a documented status have 500.
func failReply(x *rest.Exchange, f *rest.Failure) *rest.Reply {
	status, e := f.Status(), failure{Error: f.Reason(), Fields: f.BadFields()}
	switch {
	case len(f.Faults) > 0 && f.Faults[0].Kind == rest.FaultBody:
		return page(http.StatusBadRequest, "Error: "+f.Error())
	case len(f.Faults) > 0 && f.Faults[0].Text == badSessionName:
		status, e = http.StatusUnprocessableEntity, failure{Error: badSessionName}
	case f.Err == nil:
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		status, e.Error = http.StatusForbidden, "Invalid API key"
	case f.Err.Code == rpc.CodeSessionNotConnected:
		status, e.Error = http.StatusNotFound, "session_not_connected"
	case f.Err.Code == rpc.CodeNotFound && x.Route != nil && x.Route.Family() == familyState:
		return &rest.Reply{Body: stateFailure{failure: failure{Message: sessionNotFound}}}
	case f.Err.Code == rpc.CodeNotFound && x.Route != nil && x.Route.Family() == familySession:
		return &rest.Reply{Body: failure{Message: sessionNotFound}}
	case f.Err.Code == rpc.CodeNotFound:
		e.Error = sessionNotFound
	case status != http.StatusTooManyRequests && status != http.StatusBadRequest && status != http.StatusRequestEntityTooLarge:
		status = http.StatusInternalServerError
	}
	return &rest.Reply{Status: status, Body: e}
}

// missingPage answers unknown paths and methods with a page, as Express does.
func missingPage(x *rest.Exchange, _ []string) *rest.Reply {
	return page(http.StatusNotFound, "Cannot "+x.Request.Method+" "+x.Request.URL.Path)
}

func page(status int, text string) *rest.Reply {
	return &rest.Reply{Status: status, ContentType: "text/html; charset=utf-8", Body: []byte(
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n<body>\n<pre>" + html.EscapeString(text) + "</pre>\n</body>\n</html>\n",
	)}
}

func describeShape(_ *rest.Route, result map[string]any) (success, failure map[string]any) {
	return result, rest.ObjectSchema(map[string]any{"success": rest.FlagSchema, "error": rest.TextSchema, "message": rest.TextSchema, "fields": rest.BadFieldsSchema}, "success")
}
