package digigo

import (
	"cmp"
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
	Error   string `json:"error,omitempty"`
	Data    string `json:"data,omitempty"`    // in place of Error
	Message string `json:"message,omitempty"` // in place of Error
	Success *bool  `json:"success,omitempty"`
	Details string `json:"details,omitempty"`
	// Fields and Reason are extensions: details that the texts of the document lack.
	Fields []rest.BadField `json:"fields,omitempty"`
	Reason string          `json:"reason,omitempty"`
}

// details go with some texts of the document.
var details = map[string]string{
	badEntryID:  "event ID must be a valid number",
	badStatus:   "status must be 'dlq', 'success', or empty for all",
	noFilter:    "To delete all archive events, please use the admin interface with confirmation",
	noSuchEntry: "No archive event found with the specified ID",
}

// failReply returns the reply to an error. Errors without a documented status have 500, except for those in ownStatus.
func failReply(x *rest.Exchange, f *rest.Failure) *rest.Reply {
	fam, status := familyOf(f.Route), f.Status()
	if !ownStatus[status] || f.Err != nil && f.Err.Code == rpc.CodeSessionNotConnected {
		status = http.StatusInternalServerError
	}
	if fam.offlineStatus != 0 && f.Err != nil && f.Err.Code == rpc.CodeSessionNotConnected {
		status = fam.offlineStatus
	}
	if fam.timedOut != "" && f.Err != nil && f.Err.Code == rpc.CodeTimeout {
		status = http.StatusRequestTimeout
	}
	e := failure{Error: textOf(x, f, fam), Fields: f.BadFields()}
	if e.Details = details[e.Error]; len(f.Faults) == 0 && f.Reason() != e.Error {
		e.Reason = f.Reason()
	}
	switch {
	case fam.failed && status >= http.StatusInternalServerError:
		e.Success = new(bool)
	case !fam.plain && !(fam.plainRefusal && status == http.StatusUnauthorized):
		e.Code, e.Success = status, new(bool)
	}
	switch {
	case fam.textFrom != 0 && status >= fam.textFrom:
		return &rest.Reply{Status: status, Body: e.Error}
	case fam.inData:
		e.Data, e.Error = e.Error, ""
	case fam.message:
		e.Message, e.Error, e.Success = e.Error, "", new(bool)
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
		return cmp.Or(fam.offline, "no session")
	case rpc.CodeTimeout:
		if fam.timedOut != "" {
			return fam.timedOut
		}
	case rpc.CodeNotFound:
		if fam.notFound != "" {
			return fam.notFound
		}
		return f.Err.Message
	case rpc.CodeTooLarge, rpc.CodeRateLimited, rpc.CodeShuttingDown, rpc.CodeForbidden, rpc.CodeConflict:
		return f.Err.Message
	}
	if f.Route != nil && f.Route.FailText() != "" {
		return strings.Replace(f.Route.FailText(), "%s", f.Reason(), 1)
	}
	return f.Err.Message
}

func faultText(x *rest.Exchange, f *rest.Failure, fam family) string {
	fault := &f.Faults[0]
	switch {
	case fault.Text != "":
		return fault.Text
	case fault.Kind == rest.FaultMissing && fam.missing != "":
		return fam.missing
	case fault.Kind == rest.FaultBody && f.Route != nil && f.Route.BodyText() != "":
		return f.Route.BodyText()
	case fault.Field == "":
		return fault.Problem
	case fam.field != "":
		return fam.field + strings.TrimPrefix(fault.Field, "filters.") + ": " + goParseError(x, fault)
	}
	return fault.Field + " " + fault.Problem
}

// goParseError returns the text of Go's parser for a bad number in the query, which the document shows.
func goParseError(x *rest.Exchange, fault *rest.Fault) string {
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

// brokenOperation is the error of an operation that failed, with the document's text and the reason.
func brokenOperation(text, reason string) error {
	return &rest.Failure{Err: &rpc.Error{Code: rpc.CodeInternal, Message: fmt.Sprint(reason)}, Text: text}
}
