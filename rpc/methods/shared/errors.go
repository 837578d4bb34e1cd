package shared

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/kit/refusal"
)

// WatchRetry is the retry hint when the limit of open watches is reached.
const WatchRetry = 5 * time.Second

// reasonCodes maps each reason of the bridge to its code. A test checks that the table is complete.
var reasonCodes = map[wa.Reason]struct {
	code      int
	retryable bool
}{
	wa.ReasonNotFound:     {rpc.CodeNotFound, false},
	wa.ReasonConflict:     {rpc.CodeConflict, false},
	wa.ReasonNotConnected: {rpc.CodeSessionNotConnected, true},
	wa.ReasonBadParam:     {rpc.CodeInvalidParams, false},
	wa.ReasonWhatsApp:     {rpc.CodeWhatsApp, false},
	wa.ReasonTimeout:      {rpc.CodeTimeout, true},
	wa.ReasonTooLarge:     {rpc.CodeTooLarge, false},
	wa.ReasonNotSupported: {rpc.CodeNotSupported, false},
	wa.ReasonForbidden:    {rpc.CodeForbidden, false},
	wa.ReasonRateLimited:  {rpc.CodeRateLimited, true},
	wa.ReasonUnavailable:  {rpc.CodeShuttingDown, true},
	wa.ReasonStorage:      {rpc.CodeInternal, true},
}

// MapError converts an error of the bridge or the dispatcher to the one for callers, or returns nil for unknown
// errors. Causes are left out: they are for the log.
func MapError(err error) *rpc.Error {
	var e *wa.Error
	if !errors.As(err, &e) {
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return rpc.Timeout("the call took too long")
		case errors.Is(err, dispatch.ErrNotFound):
			return rpc.NotFound("there is no such entry")
		case errors.Is(err, dispatch.ErrTooMany):
			return rpc.Conflict("too many replays are pending: repeat the call when some of them have ended")
		case errors.Is(err, dispatch.ErrTooManyWatches):
			return rpc.RateLimited("too many open watches", WatchRetry)
		case errors.Is(err, dispatch.ErrClosed):
			return rpc.ShuttingDown(0)
		}
		return nil
	}
	mapped, known := reasonCodes[e.Reason]
	if !known {
		return nil
	}
	message := e.Message
	if message == "" {
		message = string(e.Reason)
	}
	switch {
	case e.Reason == wa.ReasonBadParam:
		return rpc.InvalidParams(Pointer(e.Field), message)
	case e.OutcomeUnknown:
		out := rpc.OutcomeUnknown(message, e.MessageID)
		out.Code, out.Reason = mapped.code, cmp.Or(string(e.Kind), out.Reason)
		return out
	case e.Reason == wa.ReasonStorage:
		return &rpc.Error{Code: mapped.code, Message: "the database failed: " + message, Reason: "storage", Retryable: true}
	}
	out := &rpc.Error{Code: mapped.code, Message: message, Reason: string(e.Kind), Retryable: mapped.retryable || e.Retryable}
	details := map[string]any{}
	if e.WACode != 0 {
		details["wa_code"] = e.WACode
	}
	if e.Field != "" {
		details["field"] = e.Field
	}
	if !e.RetryAt.IsZero() {
		details["retry_at"] = e.RetryAt.UTC()
		out.Retryable, out.RetryAfter = true, max(time.Until(e.RetryAt), time.Millisecond)
	}
	if e.MessageID != "" {
		details["message_id"] = e.MessageID
	}
	if len(details) > 0 {
		out.Details = details
	}
	return out
}

// Pointer returns the JSON pointer of a field in the bridge's notation: parts joined by slashes.
func Pointer(field string) string {
	if field == "" || strings.HasPrefix(field, "/") {
		return field
	}
	return "/" + field
}

// RefusedFields returns the fields of rejected settings, below a pointer. It returns nil for other errors.
func RefusedFields(below string, err error) *rpc.Error {
	var bad refusal.Problems
	if !errors.As(err, &bad) {
		return nil
	}
	fields := make(rpc.Fields, len(bad))
	for i, p := range bad {
		fields[i] = rpc.Field{Pointer: below + Pointer(p.Field), Problem: p.Text}
	}
	return rpc.InvalidFields(fields)
}
