package operations

import (
	"mime"
	"net/http"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// Name is the name of the dialect in settings and prefixes.
const Name = "operations"

// New makes the dialect.
func New() *rest.Dialect {
	return &rest.Dialect{
		Name: Name, Title: "Operations API, served by Waystation", Version: "1",
		Mounts:      []string{"", "/" + Name},
		Accounts:    true,
		Credentials: []rest.Credential{rest.Authorization()},
		Admits:      admitsCaller,
		Routes:      routes(),
		Fail:        failReply, Missing: rest.NotFoundPage, Shape: describeShape,
	}
}

// jsonNeeded is the text of a body without a label of JSON.
const jsonNeeded = "Expected request with `Content-Type: application/json`"

func admitsCaller(x *rest.Exchange) (string, error) {
	kind, _, _ := mime.ParseMediaType(x.Request.Header.Get("Content-Type"))
	if x.Request.Method != http.MethodGet && x.Request.Method != http.MethodHead && x.Request.Method != http.MethodDelete && kind != "application/json" {
		return "", &rest.Failure{Faults: []rest.Fault{{Kind: rest.FaultBody, Problem: "the body is not labelled as JSON", Text: jsonNeeded}}}
	}
	return rest.SessionInPath("session_id")(x)
}

type refusal struct {
	Error   string `json:"error"`
	Message string `json:"message"`
}

type failure struct {
	Success bool `json:"success"`
	Error   struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	// Fields is an extension: the bad fields.
	Fields []rest.BadField `json:"fields,omitempty"`
}

// failReply returns the reply to an error. The document has no reply for unknown sessions; later versions of its server answer 404.
func failReply(_ *rest.Exchange, f *rest.Failure) *rest.Reply {
	if len(f.Faults) > 0 && f.Faults[0].Kind != rest.FaultValue {
		return bodyReply(&f.Faults[0])
	}
	e := failure{Fields: f.BadFields()}
	e.Error.Code, e.Error.Message = f.Status(), f.Reason()
	switch {
	case e.Error.Code == http.StatusUnauthorized:
		return &rest.Reply{Status: http.StatusUnauthorized, Body: refusal{"Unauthorized", "Missing or invalid Authorization header. Use: Bearer <token>"}}
	case e.Error.Code == http.StatusForbidden:
		return &rest.Reply{Status: http.StatusForbidden, Body: refusal{"Forbidden", f.Reason()}}
	case len(f.Faults) > 0 && f.Faults[0].Text != "":
		e.Error.Message = f.Faults[0].Text + ": " + f.Faults[0].Problem
	case f.Err == nil:
	case f.Err.Code == rpc.CodeNotFound:
		e.Error.Message = "Session not found"
	case f.Err.Code == rpc.CodeSessionNotConnected:
		e.Error.Code, e.Error.Message = http.StatusServiceUnavailable, "Client not connected"
	case f.Err.Code == rpc.CodeWhatsApp || e.Error.Code == http.StatusInternalServerError:
		e.Error.Code, e.Error.Message = http.StatusInternalServerError, "Internal error: "+f.Reason()
	}
	return &rest.Reply{Status: e.Error.Code, Body: e}
}

// bodyReply returns the reply to a body that cannot be decoded: a line of text.
func bodyReply(fault *rest.Fault) *rest.Reply {
	status, text := http.StatusUnprocessableEntity, "Failed to deserialize the JSON body into the target type: "+fault.Field+" "+fault.Problem
	switch {
	case fault.Text == jsonNeeded:
		status, text = http.StatusUnsupportedMediaType, jsonNeeded
	case fault.Kind == rest.FaultBody:
		status, text = http.StatusBadRequest, "Failed to parse the request body as JSON: "+fault.Problem
	case fault.Kind == rest.FaultMissing:
		text = "Failed to deserialize the JSON body into the target type: missing field `" + fault.Field[strings.LastIndexByte(fault.Field, '.')+1:] + "`"
	}
	return &rest.Reply{Status: status, ContentType: "text/plain; charset=utf-8", Body: []byte(text)}
}

func describeShape(_ *rest.Route, result map[string]any) (success, failure map[string]any) {
	inner := rest.ObjectSchema(map[string]any{"code": rest.IntegerSchema, "message": rest.TextSchema}, "code", "message")
	return result, rest.ObjectSchema(map[string]any{"success": rest.FlagSchema, "error": inner, "fields": rest.BadFieldsSchema}, "error")
}
