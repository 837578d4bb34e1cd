package rest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/waystation/waystation/rpc"
)

// FaultKind is the kind of a fault.
type FaultKind int

// Kinds of faults.
const (
	FaultMissing FaultKind = iota + 1 // required and not there, or empty
	FaultType                         // of another JSON type, or not decodable
	FaultValue                        // of the right type, but not usable
	FaultBody                         // the body as a whole cannot be read
)

// Fault is one bad field of a request.
type Fault struct {
	// Field is its documented name, with dots and indexes for nested fields; empty for the body as a whole.
	Field string
	Kind  FaultKind
	// Problem describes the fault, for people.
	Problem string
	// Text is the document's own text for it, from the tag bad; may be empty.
	Text string
}

// Bad makes the error of a field that is not usable, for functions of routes. text is the document's text for it; empty =
// the dialect's general one.
func Bad(field, text, problem string) error {
	return &Failure{Faults: []Fault{{Field: field, Kind: FaultValue, Problem: problem, Text: text}}}
}

// Missing makes the error of a field that is required in the case at hand.
func Missing(field, text string) error {
	return &Failure{Faults: []Fault{{Field: field, Kind: FaultMissing, Problem: "is required", Text: text}}}
}

// State makes the error of an operation that the state of the session does not allow, with the document's text.
func State(text string) error { return &Failure{Err: rpc.Conflict(text), Text: text} }

// Failure is the reason of a request without a result. It is an error that functions of routes may return.
type Failure struct {
	// Err is the error; nil if Faults has the reason.
	Err *rpc.Error
	// Faults are the bad fields of the request, under their documented names.
	Faults []Fault
	// Text is the document's text, when the route's function knows it; may be empty.
	Text string
	// Route is nil when the request was refused before its route was found.
	Route *Route
}

// Error describes the failure.
func (f *Failure) Error() string {
	if f.Err != nil {
		return f.Err.Error()
	}
	if len(f.Faults) > 0 {
		return strings.TrimSpace(f.Faults[0].Field + " " + f.Faults[0].Problem)
	}
	return f.Text
}

// BadRequest reports whether the request itself is at fault.
func (f *Failure) BadRequest() bool {
	if len(f.Faults) > 0 {
		return true
	}
	return f.Err != nil && f.Err.Code == rpc.CodeInvalidParams
}

// Reason is the message of the method's error, for documents that include it in their texts.
func (f *Failure) Reason() string {
	if f.Err != nil {
		return f.Err.Message
	}
	return f.Error()
}

// Param is the param of the method that an error which is not the caller's fault concerns, or "".
func (f *Failure) Param() string {
	if f.Err == nil {
		return ""
	}
	details, _ := f.Err.Details.(map[string]any)
	param, _ := details["field"].(string)
	return param
}

// Status is the HTTP status that fits when a document says nothing.
func (f *Failure) Status() int {
	if f.Err == nil {
		return http.StatusBadRequest
	}
	if status, ok := statuses[f.Err.Code]; ok {
		return status
	}
	return http.StatusInternalServerError
}

var statuses = map[int]int{
	rpc.CodeInvalidParams:       http.StatusBadRequest,
	rpc.CodeUnauthenticated:     http.StatusUnauthorized,
	rpc.CodeForbidden:           http.StatusForbidden,
	rpc.CodeNotFound:            http.StatusNotFound,
	rpc.CodeConflict:            http.StatusConflict,
	rpc.CodeIdempotencyMismatch: http.StatusConflict,
	rpc.CodeRateLimited:         http.StatusTooManyRequests,
	rpc.CodeTimeout:             http.StatusGatewayTimeout,
	rpc.CodeSessionNotConnected: http.StatusServiceUnavailable,
	rpc.CodeOwnerUnavailable:    http.StatusServiceUnavailable,
	rpc.CodeShuttingDown:        http.StatusServiceUnavailable,
	rpc.CodeWhatsApp:            http.StatusBadGateway,
	rpc.CodeTooLarge:            http.StatusRequestEntityTooLarge,
	rpc.CodeNotSupported:        http.StatusNotImplemented,
}

// failureOf turns the error of a route's function into a Failure, and errors of params into faults of the documented
// fields.
func failureOf(route *Route, err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		own := *f
		own.Route = route
		return &own
	}
	var problem *rpc.Error
	if !errors.As(err, &problem) {
		problem = rpc.Internal()
	}
	f = &Failure{Err: problem, Route: route}
	if problem.Code != rpc.CodeInvalidParams {
		return f
	}
	details, _ := problem.Details.(map[string]any)
	fields, _ := details["fields"].(rpc.Fields)
	for _, bad := range fields {
		fault := Fault{Field: strings.TrimPrefix(bad.Pointer, "/"), Kind: FaultValue, Problem: bad.Problem}
		if name, field := route.request.documentedName(bad.Pointer); field != nil {
			fault.Field, fault.Text = name, field.bad
		}
		f.Faults = append(f.Faults, fault)
	}
	return f
}

// tooLarge is the failure of a body over a limit in bytes.
func tooLarge(limit int64) *Failure {
	return &Failure{Err: rpc.TooLarge(fmt.Sprintf("the body is larger than %d bytes", limit), int(limit))}
}
