package wa

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/socket"
)

// sendCodes says in words what WhatsApp's codes for refused messages mean.
var sendCodes = map[int]struct {
	reason  Reason
	message string
}{
	400: {ReasonWhatsApp, "WhatsApp does not take the message"},
	401: {ReasonWhatsApp, "WhatsApp does not let the account send this"},
	403: {ReasonForbidden, "the account may not write to this chat"},
	404: {ReasonNotFound, "the recipient does not exist"},
	405: {ReasonForbidden, "the account may not do this in this chat"},
	406: {ReasonWhatsApp, "WhatsApp does not accept the message"},
	420: {ReasonWhatsApp, "the account may not write to this group any more"},
	421: {ReasonWhatsApp, "WhatsApp could not tell which address the group is written with"},
	429: {ReasonRateLimited, "too many messages; WhatsApp asks to slow down"},
	463: {ReasonWhatsApp, "WhatsApp refuses a first message to somebody who has not written to the account"},
	475: {ReasonWhatsApp, "the message was not encrypted for the recipient's device"},
	479: {ReasonWhatsApp, "WhatsApp cannot read the message"},
}

// SendError returns the error of a send that WhatsApp did not acknowledge, with the outcome as far as it is known.
func SendError(id string, err error) *Error {
	var own *Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, whatsmeow.ErrServerReturnedError):
		code := codeIn(err)
		known, ok := sendCodes[code]
		if !ok {
			known.reason, known.message = ReasonWhatsApp, "WhatsApp refused the message"
		}
		if known.reason != ReasonRateLimited {
			known.reason = ReasonWhatsApp
		}
		return &Error{Reason: known.reason, WACode: code, Message: known.message, Err: err, MessageID: id, Retryable: temporaryCode(code)}
	case errors.Is(err, whatsmeow.ErrMessageTimedOut), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &Error{
			Reason: ReasonTimeout, Message: "WhatsApp has not acknowledged the message; it may have been sent", Err: err,
			OutcomeUnknown: true, MessageID: id,
		}
	case ConnectionLost(err):
		return &Error{
			Reason: ReasonTimeout, Message: "the connection ended before WhatsApp acknowledged the message; it may have been sent", Err: err,
			OutcomeUnknown: true, MessageID: id,
		}
	case errors.Is(err, whatsmeow.ErrNotConnected), errors.Is(err, socket.ErrSocketClosed), errors.Is(err, whatsmeow.ErrNotLoggedIn):
		return &Error{Reason: ReasonNotConnected, Message: "the connection ended before the message was sent", Err: err, MessageID: id}
	case strings.Contains(err.Error(), "no LID found for"):
		return &Error{Reason: ReasonNotFound, Field: "to", Message: "the number is not on WhatsApp", Err: err, MessageID: id}
	}
	var e *Error
	if errors.As(Wrap("send the message", err), &e) {
		out := *e
		out.MessageID = id
		return &out
	}
	return &Error{Reason: ReasonWhatsApp, Message: "could not send the message", Err: err, MessageID: id}
}

// temporaryCode reports whether a code of WhatsApp is about the moment and not about the request: too much at once, or a failure of WhatsApp's own.
func temporaryCode(code int) bool {
	switch code {
	case 408, 429, 500, 502, 503, 504:
		return true
	}
	return false
}

// codeIn reads the code whatsmeow writes behind its error.
func codeIn(err error) int {
	text := err.Error()
	code, parse := strconv.Atoi(text[strings.LastIndexByte(text, ' ')+1:])
	if parse != nil {
		return 0
	}
	return code
}
