package media

import (
	"errors"
	"fmt"
)

// Reason classifies an Error.
type Reason string

// The reasons for which a file cannot be had or used.
const (
	ReasonBad         Reason = "bad"           // not readable, or of another type than declared
	ReasonTooLarge    Reason = "too_large"     // over a limit
	ReasonConflict    Reason = "conflict"      // an upload in parts stands elsewhere, or is being written
	ReasonTooMany     Reason = "too_many"      // unfinished uploads
	ReasonNotFound    Reason = "not_found"     // no such file in the store
	ReasonForbidden   Reason = "forbidden"     // the address may not be fetched
	ReasonFetch       Reason = "fetch"         // the address gave no file
	ReasonTimeout     Reason = "timeout"       // the address was too slow
	ReasonUnsupported Reason = "not_supported" // a conversion is needed and there is no converter
	ReasonStorage     Reason = "storage"       // the disk or the database failed
)

// Error says which member of a media object is at fault, and why. Message is
// safe to show; Err is not.
type Error struct {
	Reason  Reason
	Field   string // media_id, url, base64, mime_type, filename; "" = the object as a whole
	Message string
	Limit   int64 // bytes, with ReasonTooLarge
	Err     error
}

// Error implements error.
func (e *Error) Error() string {
	text := "media: " + e.Message
	if e.Field != "" {
		text = "media: " + e.Field + ": " + e.Message
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// ReasonOf returns the reason of the first Error in err's chain, or "".
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

func badField(field, format string, args ...any) *Error {
	return &Error{Reason: ReasonBad, Field: field, Message: fmt.Sprintf(format, args...)}
}

func tooLarge(field string, limit int64) *Error {
	return &Error{Reason: ReasonTooLarge, Field: field, Limit: limit, Message: fmt.Sprintf("is larger than %d bytes", limit)}
}

func storageError(what string, err error) *Error {
	return &Error{Reason: ReasonStorage, Message: what, Err: err}
}
