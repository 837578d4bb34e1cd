package objectstore

import (
	"context"
	"errors"
	"net/http"

	"github.com/minio/minio-go/v7"

	"github.com/waystation/waystation/transports/kit/guard"
)

// ErrClosed means that the storage is shut down.
var ErrClosed = errors.New("s3: closed")

// ErrGone is returned by Files.Done if the job's session is deleted. The storage then deletes the object.
var ErrGone = errors.New("s3: the session is gone")

// Reason classifies an Error.
type Reason string

// Reasons for a file that is not stored.
const (
	ReasonDisabled    Reason = "disabled"    // there are no settings, or they are not enabled
	ReasonCredentials Reason = "credentials" // the storage does not know or accept the keys
	ReasonDenied      Reason = "denied"      // the keys do not permit the request
	ReasonBucket      Reason = "no_bucket"
	ReasonRegion      Reason = "wrong_region"
	ReasonUnreachable Reason = "unreachable" // no connection, or the address is not permitted
	ReasonTimeout     Reason = "timeout"
	ReasonTooLarge    Reason = "too_large"
	ReasonFile        Reason = "file" // the file could not be fetched from WhatsApp
	ReasonBusy        Reason = "busy" // the queue is full
	ReasonFailed      Reason = "failed"
)

// Error is the reason why a file was not stored or a storage test failed.
type Error struct {
	Reason  Reason
	Field   string // the setting at fault, "media" for the file itself; "" = none
	Message string // for display; contains neither keys nor addresses
	Final   bool   // a retry would not help
	Err     error  // for the log
}

// Error implements error.
func (e *Error) Error() string {
	if e.Field != "" {
		return e.Field + ": " + e.Message
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// answers maps the error codes of storages to a reason, the setting at fault and a text.
var answers = map[string]struct {
	reason  Reason
	field   string
	message string
}{
	"InvalidAccessKeyId":           {ReasonCredentials, "access_key", "the storage does not know the key"},
	"XAdminUserNotFound":           {ReasonCredentials, "access_key", "the storage does not know the key"}, // versitygw
	"SignatureDoesNotMatch":        {ReasonCredentials, "secret_key", "the storage refuses the signature: the secret does not belong to the key"},
	"AccessDenied":                 {ReasonDenied, "access_key", "the key may not do this in the bucket"},
	"NoSuchBucket":                 {ReasonBucket, "bucket", "there is no such bucket"},
	"InvalidBucketName":            {ReasonBucket, "bucket", "the storage refuses the name"},
	"PermanentRedirect":            {ReasonRegion, "region", "the bucket is in another region"},
	"AuthorizationHeaderMalformed": {ReasonRegion, "region", "the bucket is in another region"},
	"InvalidRegion":                {ReasonRegion, "region", "the storage does not know the region"},
	"EntityTooLarge":               {ReasonTooLarge, "media", "the storage refuses a file of this size"},
	"QuotaExceeded":                {ReasonFailed, "bucket", "the bucket is full"},
	"XMinioStorageFull":            {ReasonFailed, "endpoint", "the storage is full"},
	"AccessControlListNotSupported": {
		ReasonDenied, "disable_acl", "the bucket takes no access rules of objects: set disable_acl",
	},
}

// explain converts the error of a request to an *Error.
func explain(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	var answer minio.ErrorResponse
	errors.As(err, &answer) // without such an error, the code is empty
	if meaning, ok := answers[answer.Code]; ok {
		return &Error{Reason: meaning.reason, Field: meaning.field, Message: meaning.message, Final: meaning.reason == ReasonTooLarge, Err: err}
	}
	switch answer.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return &Error{Reason: ReasonDenied, Field: "access_key", Message: "the storage refuses the key", Err: err}
	case http.StatusNotFound:
		return &Error{Reason: ReasonBucket, Field: "bucket", Message: "there is no such bucket", Err: err}
	case http.StatusRequestEntityTooLarge:
		return &Error{Reason: ReasonTooLarge, Field: "media", Message: "the storage refuses a file of this size", Final: true, Err: err}
	}
	if answer.StatusCode != 0 && answer.Code != "" {
		return &Error{Reason: ReasonFailed, Field: "endpoint", Message: "the storage answered " + http.StatusText(answer.StatusCode), Err: err}
	}
	switch reason := guard.ReasonOf(err); {
	case reason == guard.ReasonForbidden, reason == guard.ReasonBadURL:
		return &Error{Reason: ReasonUnreachable, Field: "endpoint", Message: "the address may not be requested: it is not public", Err: err}
	case reason == guard.ReasonUnresolved:
		return &Error{Reason: ReasonUnreachable, Field: "endpoint", Message: "the host has no address", Err: err}
	case reason == guard.ReasonTimeout, errors.Is(err, context.DeadlineExceeded):
		return &Error{Reason: ReasonTimeout, Field: "endpoint", Message: "the storage did not answer in time", Err: err}
	}
	return &Error{Reason: ReasonUnreachable, Field: "endpoint", Message: "the storage cannot be reached", Err: err}
}
