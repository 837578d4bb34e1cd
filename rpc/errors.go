package rpc

import (
	"fmt"
	"strconv"
	"time"
)

// Codes of JSON-RPC 2.0 and of this protocol.
const (
	CodeParse               = -32700
	CodeInvalidRequest      = -32600
	CodeMethodNotFound      = -32601
	CodeInvalidParams       = -32602
	CodeInternal            = -32603
	CodeUnauthenticated     = -32001
	CodeForbidden           = -32002
	CodeNotFound            = -32003
	CodeConflict            = -32004
	CodeRateLimited         = -32005
	CodeTimeout             = -32006
	CodeCancelled           = -32007
	CodeSessionNotConnected = -32008
	CodeOwnerUnavailable    = -32009
	CodeWhatsApp            = -32010
	CodeTooLarge            = -32011
	CodeIdempotencyMismatch = -32012
	CodePositionLost        = -32013
	CodeNotSupported        = -32014
	CodeShuttingDown        = -32015
)

// reasons names each code for programs; the table is also what rpc.discover shows.
var reasons = map[int]string{
	CodeParse:               "parse_error",
	CodeInvalidRequest:      "invalid_request",
	CodeMethodNotFound:      "method_not_found",
	CodeInvalidParams:       "invalid_params",
	CodeInternal:            "internal",
	CodeUnauthenticated:     "unauthenticated",
	CodeForbidden:           "forbidden",
	CodeNotFound:            "not_found",
	CodeConflict:            "conflict",
	CodeRateLimited:         "rate_limited",
	CodeTimeout:             "timeout",
	CodeCancelled:           "cancelled",
	CodeSessionNotConnected: "session_not_connected",
	CodeOwnerUnavailable:    "owner_unavailable",
	CodeWhatsApp:            "whatsapp_error",
	CodeTooLarge:            "too_large",
	CodeIdempotencyMismatch: "idempotency_mismatch",
	CodePositionLost:        "position_lost",
	CodeNotSupported:        "not_supported",
	CodeShuttingDown:        "shutting_down",
}

// Error is the error returned to a caller instead of a result.
type Error struct {
	// Code is one of the constants above.
	Code int
	// Message is for people; it must not carry secrets or inner error texts.
	Message string
	// Reason is for programs; empty stands for the name of the code.
	Reason string
	// Retryable says that the same call may work later.
	Retryable bool
	// RetryAfter is how long to wait before that; 0 = not known.
	RetryAfter time.Duration
	// Details is anything JSON can carry; nil = none.
	Details any
}

// Error gives the message with its code.
func (e *Error) Error() string { return fmt.Sprintf("%s (%d): %s", e.reason(), e.Code, e.Message) }

// With returns the error with its details replaced.
func (e *Error) With(details any) *Error {
	c := *e
	c.Details = details
	return &c
}

func (e *Error) reason() string {
	if e.Reason != "" {
		return e.Reason
	}
	if r := reasons[e.Code]; r != "" {
		return r
	}
	return reasons[CodeInternal]
}

type errorData struct {
	Reason       string `json:"reason"`
	Retryable    bool   `json:"retryable"`
	RetryAfterMS int64  `json:"retry_after_ms,omitempty"`
	RequestID    string `json:"request_id"`
	Details      any    `json:"details,omitempty"`
}

// AppendJSON appends the error object of JSON-RPC to b. Details that cannot be encoded are left out.
func (e *Error) AppendJSON(b []byte, requestID string) []byte {
	b = append(b, `{"code":`...)
	b = strconv.AppendInt(b, int64(e.Code), 10)
	b = append(b, `,"message":`...)
	b = appendString(b, e.Message)
	data := errorData{Reason: e.reason(), Retryable: e.Retryable, RequestID: requestID, Details: e.Details}
	if e.RetryAfter > 0 {
		data.RetryAfterMS = max(e.RetryAfter.Milliseconds(), 1)
	}
	raw, err := EncodeJSON(data)
	if err != nil {
		data.Details = nil
		raw, _ = EncodeJSON(data)
	}
	b = append(b, `,"data":`...)
	b = append(b, raw...)
	return append(b, '}')
}

func appendString(b []byte, s string) []byte {
	raw, _ := EncodeJSON(s) // a string always encodes
	return append(b, raw...)
}

// Field is one bad field of the params.
type Field struct {
	// Pointer is a JSON pointer (RFC 6901) into params; empty = params as a whole.
	Pointer string `json:"pointer"`
	// Problem is the problem, for people.
	Problem string `json:"problem"`
}

// Fields is a list of bad fields; Validate methods return it to name several.
type Fields []Field

// Error names the first field and how many there are.
func (f Fields) Error() string {
	switch len(f) {
	case 0:
		return "no bad fields"
	case 1:
		return describeField(f[0])
	}
	return fmt.Sprintf("%s, and %d more", describeField(f[0]), len(f)-1)
}

func describeField(f Field) string {
	if f.Pointer == "" {
		return f.Problem
	}
	return f.Pointer + ": " + f.Problem
}

// InvalidParams names one bad field by its JSON pointer ("/to"); an empty pointer means params as a whole.
func InvalidParams(pointer, problem string) *Error {
	return InvalidFields(Fields{{Pointer: pointer, Problem: problem}})
}

// InvalidFields names several bad fields.
func InvalidFields(fields Fields) *Error {
	return &Error{Code: CodeInvalidParams, Message: "invalid params: " + fields.Error(), Details: map[string]any{"fields": fields}}
}

// ParseError says that a frame is not JSON.
func ParseError(problem string) *Error {
	return &Error{Code: CodeParse, Message: "parse error: " + problem}
}

// InvalidRequest says that JSON is not a request of JSON-RPC 2.0, or comes where it must not.
func InvalidRequest(problem string) *Error {
	return &Error{Code: CodeInvalidRequest, Message: "invalid request: " + problem}
}

// MethodNotFound names a method that does not exist.
func MethodNotFound(method string) *Error {
	const longest = 100 // of a name that is repeated to the caller
	if len(method) > longest {
		method = method[:longest]
	}
	return &Error{Code: CodeMethodNotFound, Message: "method not found: " + method}
}

// Internal is the answer to a failure the caller can do nothing about; its cause belongs in the log.
func Internal() *Error { return &Error{Code: CodeInternal, Message: "internal error", Retryable: true} }

// Unauthenticated says that the call needs a credential, or that the one given is not known.
func Unauthenticated(message string) *Error {
	return &Error{Code: CodeUnauthenticated, Message: message}
}

// Forbidden says that the credential does not reach so far.
func Forbidden(message string) *Error { return &Error{Code: CodeForbidden, Message: message} }

// NotFound says that the named thing does not exist.
func NotFound(message string) *Error { return &Error{Code: CodeNotFound, Message: message} }

// Conflict says that the state of a thing does not allow the call.
func Conflict(message string) *Error { return &Error{Code: CodeConflict, Message: message} }

// RateLimited says that the caller must slow down.
func RateLimited(message string, after time.Duration) *Error {
	return &Error{Code: CodeRateLimited, Message: message, Retryable: true, RetryAfter: after}
}

// Timeout says that a call took too long and had no effect that is not known.
func Timeout(message string) *Error {
	return &Error{Code: CodeTimeout, Message: message, Retryable: true}
}

// OutcomeUnknown reports that a message may or may not have been sent; messageID (may be empty) identifies it for a later check.
func OutcomeUnknown(message, messageID string) *Error {
	details := map[string]any{"outcome": "unknown"}
	if messageID != "" {
		details["message_id"] = messageID
	}
	return &Error{Code: CodeTimeout, Message: message, Details: details}
}

// Cancelled answers a call that conn.cancel ended.
func Cancelled() *Error { return &Error{Code: CodeCancelled, Message: "cancelled by the caller"} }

// SessionNotConnected says that the operation needs a connected session.
func SessionNotConnected(message string) *Error {
	return &Error{Code: CodeSessionNotConnected, Message: message, Retryable: true}
}

// OwnerUnavailable says that the node which holds the session cannot be reached.
func OwnerUnavailable(message string, after time.Duration) *Error {
	return &Error{Code: CodeOwnerUnavailable, Message: message, Retryable: true, RetryAfter: after}
}

// WhatsApp carries an error code of WhatsApp's servers.
func WhatsApp(code int, message string) *Error {
	return &Error{Code: CodeWhatsApp, Message: message, Details: map[string]any{"wa_code": code}}
}

// TooLarge says that something is over a limit, in bytes.
func TooLarge(message string, limit int) *Error {
	return &Error{Code: CodeTooLarge, Message: message, Details: map[string]any{"limit_bytes": limit}}
}

// IdempotencyMismatch says that a key came again with other params.
func IdempotencyMismatch() *Error {
	return &Error{Code: CodeIdempotencyMismatch, Message: "the idempotency key was used with other params"}
}

// PositionLost says that an offset is no longer, or not yet, in the log.
func PositionLost(message string) *Error { return &Error{Code: CodePositionLost, Message: message} }

// NotSupported says that the server does not offer this.
func NotSupported(message string) *Error { return &Error{Code: CodeNotSupported, Message: message} }

// ShuttingDown says that the server is going away.
func ShuttingDown(after time.Duration) *Error {
	return &Error{Code: CodeShuttingDown, Message: "the server is shutting down", Retryable: true, RetryAfter: after}
}
