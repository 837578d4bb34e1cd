package digigo

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// failure is the form of errors. Families whose errors are plain leave code and success out.
type failure struct {
	Code    int    `json:"code,omitempty"`
	Error   string `json:"error"`
	Success *bool  `json:"success,omitempty"`
	Details string `json:"details,omitempty"`
	// Fields and Reason are ours: what the texts of the document do not say.
	Fields []badField `json:"fields,omitempty"`
	Reason string     `json:"reason,omitempty"`
}

type badField struct {
	Field   string `json:"field"`
	Problem string `json:"problem"`
}

// details go with some texts of the document.
var details = map[string]string{
	badEntryID:  "event ID must be a valid number",
	badStatus:   "status must be 'dlq', 'success', or empty for all",
	noFilter:    "To delete all archive events, please use the admin interface with confirmation",
	noSuchEntry: "No archive event found with the specified ID",
}

// fail writes an error. What the document has no status for is 500, except for what HTTP has one for.
func fail(x *rest.Exchange, f *rest.Failure) *rest.Reply {
	fam, status := familyOf(f.Route), f.Status()
	if !ownStatus[status] || f.Err != nil && f.Err.Code == rpc.CodeSessionNotConnected {
		status = http.StatusInternalServerError
	}
	e := failure{Error: textOf(x, f, fam)}
	if e.Details = details[e.Error]; len(f.Faults) == 0 && f.Reason() != e.Error {
		e.Reason = f.Reason()
	}
	for _, fault := range f.Faults {
		name := fault.Field
		if name == "" {
			name = "body"
		}
		e.Fields = append(e.Fields, badField{name, fault.Problem})
	}
	switch {
	case fam.failed && status >= http.StatusInternalServerError:
		e.Success = new(bool)
	case !fam.plain && !(fam.plainRefusal && status == http.StatusUnauthorized):
		e.Code, e.Success = status, new(bool)
	}
	return &rest.Reply{Status: status, Body: e}
}

var ownStatus = map[int]bool{
	http.StatusBadRequest: true, http.StatusUnauthorized: true, http.StatusForbidden: true, http.StatusNotFound: true, http.StatusConflict: true,
	http.StatusRequestEntityTooLarge: true, http.StatusTooManyRequests: true, http.StatusServiceUnavailable: true,
}

// textOf is the document's text of a failure.
func textOf(x *rest.Exchange, f *rest.Failure, fam family) string {
	switch {
	case f.Text != "":
		return f.Text
	case len(f.Faults) > 0:
		return faultText(x, f, fam)
	}
	switch f.Err.Code {
	case rpc.CodeUnauthenticated:
		return fam.refused
	case rpc.CodeSessionNotConnected:
		return "no session"
	case rpc.CodeNotFound:
		if fam.notFound != "" {
			return fam.notFound
		}
		return f.Err.Message
	case rpc.CodeTooLarge, rpc.CodeRateLimited, rpc.CodeShuttingDown, rpc.CodeForbidden, rpc.CodeConflict:
		return f.Err.Message
	}
	if f.Route != nil && f.Route.FailText() != "" {
		return f.Route.FailText()
	}
	return f.Err.Message
}

func faultText(x *rest.Exchange, f *rest.Failure, fam family) string {
	fault := &f.Faults[0]
	switch {
	case fault.Text != "":
		return fault.Text
	case fault.Kind == rest.FaultBody && f.Route != nil && f.Route.BodyText() != "":
		return f.Route.BodyText()
	case fault.Field == "":
		return fault.Problem
	case fam.field != "":
		return fam.field + strings.TrimPrefix(fault.Field, "filters.") + ": " + parsed(x, fault)
	}
	return fault.Field + " " + fault.Problem
}

// parsed is what is wrong with a number in the query in the words of Go, which is how the document has it.
func parsed(x *rest.Exchange, fault *rest.Fault) string {
	text := x.Request.URL.Query().Get(fault.Field)
	if fault.Kind != rest.FaultType || text == "" {
		return fault.Problem
	}
	var err error
	switch fault.Field {
	case "limit":
		_, err = strconv.Atoi(text)
	case "since_id":
		_, err = strconv.ParseInt(text, 10, 64)
	}
	if err == nil {
		return fault.Problem
	}
	return err.Error()
}

// broken is the error of an operation that did nothing, with the document's text and why.
func broken(text, reason string) error {
	return &rest.Failure{Err: &rpc.Error{Code: rpc.CodeInternal, Message: fmt.Sprint(reason)}, Text: text}
}
