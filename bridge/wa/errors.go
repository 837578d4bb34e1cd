package wa

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Reason classifies an Error. rpc/methods maps each one to a JSON-RPC error.
type Reason string

// Every reason an operation of this package may fail with.
const (
	ReasonNotFound     Reason = "not_found"      // the session, message or file does not exist
	ReasonConflict     Reason = "conflict"       // it exists already, or its state forbids this
	ReasonNotConnected Reason = "not_connected"  // the session has no live, logged in connection
	ReasonBadParam     Reason = "bad_param"      // Field names the parameter
	ReasonWhatsApp     Reason = "whatsapp_error" // WhatsApp refused; WACode holds its code when it gave one
	ReasonTimeout      Reason = "timeout"        // no answer in time; see OutcomeUnknown
	ReasonTooLarge     Reason = "too_large"      // over a size limit
	ReasonNotSupported Reason = "not_supported"  // WhatsApp or this account cannot do it
	ReasonForbidden    Reason = "forbidden"      // the account lacks the right inside WhatsApp
	ReasonRateLimited  Reason = "rate_limited"   // WhatsApp asked to slow down
	ReasonUnavailable  Reason = "unavailable"    // the server is shutting down
	ReasonStorage      Reason = "storage"        // the database failed
)

// Kind distinguishes errors of one Reason that programs handle differently. It is the reason that a caller sees.
type Kind string

// Kinds of errors of pairing.
const (
	KindNoPasskeyRequest  Kind = "no_passkey_request"  // no phone has asked for a passkey
	KindPasskeyExpired    Kind = "passkey_expired"     // the request ended before the answer came
	KindPasskeyAnswered   Kind = "passkey_answered"    // WhatsApp has accepted an answer already
	KindPasskeyBusy       Kind = "passkey_busy"        // another call of this step waits for WhatsApp
	KindPasskeyRejected   Kind = "passkey_rejected"    // WhatsApp refused the answer
	KindPasskeyPending    Kind = "passkey_pending"     // pairing is in the passkey step, which forbids this
	KindNoConfirmationDue Kind = "no_confirmation_due" // nothing waits for a confirmation
	KindWrongNumber       Kind = "wrong_number"        // the session belongs to another number
)

// KindReachoutTimelock is the kind of a refused message to a new contact. Error.RetryAt holds the end of the restriction.
const KindReachoutTimelock Kind = "reachout_timelock"

// KindSendGovernor is the kind of a send that the session's send governor does not permit at present. Error.RetryAt holds the time of a retry.
const KindSendGovernor Kind = "send_governor"

// Reasons lists every Reason, for tables that must cover all of them.
var Reasons = []Reason{
	ReasonNotFound, ReasonConflict, ReasonNotConnected, ReasonBadParam, ReasonWhatsApp, ReasonTimeout,
	ReasonTooLarge, ReasonNotSupported, ReasonForbidden, ReasonRateLimited, ReasonUnavailable, ReasonStorage,
}

// Error is the error of the bridge's operations. Message is safe to show to
// a client; Err is not, and stays in the log.
type Error struct {
	Reason         Reason
	Kind           Kind   // distinguishes errors of one reason; empty for most
	Field          string // the parameter at fault, as the caller named it
	WACode         int    // WhatsApp's own code, 0 = none
	Message        string
	Err            error
	Retryable      bool      // the same call may succeed later, although the reason's usual answer is that it will not
	RetryAt        time.Time // when the call may succeed; zero = not known
	OutcomeUnknown bool      // a send may or may not have happened
	MessageID      string    // the message such a send carried
}

// Error implements error.
func (e *Error) Error() string {
	var s strings.Builder
	s.WriteString("bridge: ")
	if e.Field != "" {
		s.WriteString(e.Field + ": ")
	}
	if e.Message != "" {
		s.WriteString(e.Message)
	} else {
		s.WriteString(string(e.Reason))
	}
	if e.Err != nil {
		s.WriteString(": " + e.Err.Error())
	}
	return s.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is compare two errors of this package by reason.
func (e *Error) Is(target error) bool {
	var other *Error
	return errors.As(target, &other) && other.Reason == e.Reason && other.Field == "" && other.Message == ""
}

// ReasonOf returns the reason of the first Error in err's chain, or "".
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// NewError returns an Error with a formatted message.
func NewError(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// BadParam returns the Error for a parameter that cannot be accepted. The message continues the name of the field: "is empty".
func BadParam(field, format string, args ...any) *Error {
	return &Error{Reason: ReasonBadParam, Field: field, Message: fmt.Sprintf(format, args...)}
}

// StorageError returns the Error for a failure of the database; what describes the failed operation to the client.
func StorageError(what string, err error) *Error {
	return &Error{Reason: ReasonStorage, Message: what, Err: err}
}

// InField names the field of a bad parameter below the object that holds it.
func InField(parent string, err error) error {
	var e *Error
	if errors.As(err, &e) && e.Field != "" {
		out := *e
		out.Field = parent + "/" + e.Field
		return &out
	}
	return err
}

// PublicText returns the part of an error that callers may see, or other for errors without one.
func PublicText(err error, other string) string {
	var e *Error
	if errors.As(err, &e) && e.Message != "" {
		return e.Message
	}
	return other
}
