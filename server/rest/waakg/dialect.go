package waakg

import (
	"net/http"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// Name is the name of the dialect in settings and prefixes.
const Name = "waakg"

// New makes the dialect.
func New() *rest.Dialect {
	return &rest.Dialect{
		Name: Name, Title: "WA-AKG API, served by Waystation", Version: "1",
		Mounts:      []string{"/api", "/" + Name + "/api"},
		Accounts:    true,
		Credentials: []rest.Credential{rest.HeaderToken("X-API-Key")},
		Admits:      admitsCaller,
		Routes:      routes(),
		Fail:        failReply, Missing: rest.NotFoundPage, Shape: describeShape,
	}
}

// Families of rows: those of files, and those whose errors have the key error alone.
const (
	familyMedia = "media"
	familyError = "error"
)

// admitsCaller finds the session in the path: that of a file is before the last hyphen of its name.
func admitsCaller(x *rest.Exchange) (string, error) {
	session, err := rest.SessionInPath("sessionId", "id")(x)
	text := "Forbidden - Cannot access this session"
	if file := x.Request.PathValue("filename"); strings.Contains(file, "-") {
		session, text = file[:strings.LastIndexByte(file, '-')], text+"'s media"
		err = x.AdmitsSession(session)
	}
	if err != nil {
		return "", &rest.Failure{Err: rpc.Forbidden(text), Text: text}
	}
	return session, nil
}

// outcome is the part of an answer that all operations share.
type outcome struct {
	Status  bool   `json:"status" from:"=true"`
	Success bool   `json:"success" from:"=true"`
	Message string `json:"message" from:"="`
}

type failure struct {
	Status  *bool  `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	Error   string `json:"error"`
	// Fields and Reason are extensions: details that the texts of the document lack.
	Fields []rest.BadField `json:"fields,omitempty"`
	Reason string          `json:"reason,omitempty"`
}

// failReply returns the reply to an error.
func failReply(x *rest.Exchange, f *rest.Failure) *rest.Reply {
	status, text := statusAndText(f)
	refused := status == http.StatusUnauthorized
	if refused && x.Request.Header.Get("X-Api-Key") == "" || !refused && f.Route != nil && f.Route.Family() == familyError {
		return &rest.Reply{Status: status, Body: failure{Error: text, Fields: f.BadFields()}}
	}
	e := failure{Status: new(bool), Message: text, Error: text, Fields: f.BadFields()}
	if reason := f.Reason(); len(f.Faults) == 0 && reason != text {
		e.Reason = reason
	}
	return &rest.Reply{Status: status, Body: e}
}

func statusAndText(f *rest.Failure) (status int, text string) {
	status, failed := f.Status(), ""
	if f.Route != nil {
		failed = f.Route.FailText()
	}
	switch {
	case f.Text != "":
		return status, f.Text
	case len(f.Faults) > 0 && f.Faults[0].Text != "":
		return status, f.Faults[0].Text
	case f.Err == nil:
		return status, f.Error()
	case f.BadRequest():
		return status, f.Err.Message
	case f.Err.Code == rpc.CodeUnauthenticated:
		return status, "Unauthorized"
	case f.Err.Code == rpc.CodeForbidden && failed != "":
		return status, strings.Replace(failed, "Failed to", "Bot must be admin to", 1)
	case f.Err.Code == rpc.CodeSessionNotConnected:
		return status, "Session not ready"
	case f.Err.Code == rpc.CodeNotFound && f.Route != nil && f.Route.Family() == familyMedia:
		return status, "File not found"
	case f.Err.Code == rpc.CodeNotFound:
		return status, "Session not found"
	case status == http.StatusTooManyRequests || status == http.StatusRequestEntityTooLarge || failed == "":
		return status, f.Err.Message
	}
	return http.StatusInternalServerError, failed
}

func describeShape(_ *rest.Route, result map[string]any) (success, failure map[string]any) {
	return result, rest.ObjectSchema(map[string]any{
		"status": rest.FlagSchema, "message": rest.TextSchema, "error": rest.TextSchema, "fields": rest.BadFieldsSchema, "reason": rest.TextSchema,
	}, "error")
}
