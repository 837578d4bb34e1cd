package wwebjs

import (
	"cmp"
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
		Accounts:    true,
		Credentials: []rest.Credential{rest.HeaderToken("x-api-key"), rest.QueryToken("x-api-key")},
		Admits:      admitsCaller,
		TakesForms:  true,
		Routes: slices.Concat(
			sessionRoutes(), clientRoutes(), clientChatRoutes(), clientContactRoutes(), clientGroupRoutes(), clientLabelRoutes(), eventRoutes(),
			contactRoutes(), groupRoutes(), chatRoutes(), messageRoutes(), sendRoutes(), webhookRoutes(), forkRoutes(), forkMessageRoutes(), forkChannelRoutes(),
		),
		Fail: failReply, Missing: missingPage, Shape: describeShape,
	}
}

// Families of rows, by their answer to an unknown session; the others have status 404.
const (
	familyState   = "state"   // status 200 with a state
	familySession = "session" // status 200
	familyStart   = "start"   // it is created, which the token of a session may not
)

var sessionName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

const badSessionName = "Session should be alphanumerical or -"

func admitsCaller(x *rest.Exchange) (string, error) {
	if session := x.Request.PathValue("sessionId"); session != "" && !sessionName.MatchString(session) {
		return "", rest.Bad("sessionId", badSessionName, "is no session name")
	}
	session, err := rest.SessionInPath("sessionId")(x)
	if err != nil {
		err = &rest.Failure{Err: rpc.NotFound(noSession), Text: sessionNotFound}
	}
	return session, err
}

// noSession is the message of methods about an unknown session. Other things that do not exist have other messages.
const noSession = "there is no such session"

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
	status, e := f.Status(), failure{Error: cmp.Or(f.Text, f.Reason()), Fields: f.BadFields()}
	family := ""
	if x.Route != nil {
		family = x.Route.Family()
	}
	own := replyOfFamily(x, family, f)
	switch {
	case own != nil:
		return own
	case len(f.Faults) > 0 && f.Faults[0].Kind == rest.FaultBody:
		return page(http.StatusBadRequest, "Error: "+f.Error())
	case len(f.Faults) > 0 && f.Faults[0].Text == badSessionName:
		return &rest.Reply{Status: http.StatusUnprocessableEntity, Body: failure{Error: badSessionName}}
	case len(f.Faults) > 0 && f.Faults[0].Text != "":
		e.Error = f.Faults[0].Text
	case f.Err == nil:
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return refusal()
	case f.Err.Code == rpc.CodeConflict && family == familyStart:
		status, e.Error = http.StatusUnprocessableEntity, "Session already exists for: "+x.Request.PathValue("sessionId")
	case f.Err.Code == rpc.CodeSessionNotConnected:
		status, e.Error = http.StatusNotFound, "session_not_connected"
	case f.Err.Code == rpc.CodeNotFound && f.Text == noContact: // the only other thing whose absence has status 404
	case f.Err.Code == rpc.CodeNotFound && f.Err.Message == noSession:
		return unknownSession(family)
	case !ownStatus[status]:
		status = http.StatusInternalServerError
	}
	return &rest.Reply{Status: status, Body: e}
}

// ownStatus are the statuses of errors that the document lacks. Things that do not exist, other than the session, have 500.
var ownStatus = map[int]bool{http.StatusBadRequest: true, http.StatusTooManyRequests: true, http.StatusRequestEntityTooLarge: true}

func refusal() *rest.Reply {
	return &rest.Reply{Status: http.StatusForbidden, Body: failure{Error: "Invalid API key"}}
}

// unknownSession is the answer of a family to a session that does not exist for the caller.
func unknownSession(family string) *rest.Reply {
	switch family {
	case familyState:
		return &rest.Reply{Body: stateFailure{failure: failure{Message: sessionNotFound}}}
	case familySession:
		return &rest.Reply{Body: failure{Message: sessionNotFound}}
	case familyStart:
		return refusal()
	}
	return &rest.Reply{Status: http.StatusNotFound, Body: failure{Error: sessionNotFound}}
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
