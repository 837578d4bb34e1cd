package wa

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/coder/websocket"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/socket"
	"go.mau.fi/whatsmeow/types"
)

// refusals are the errors whatsmeow has a name for. Their WhatsApp code, where
// there is one, comes from the IQ error underneath.
var refusals = []struct {
	err     error
	reason  Reason
	field   string
	message string
}{
	{whatsmeow.ErrGroupNotFound, ReasonNotFound, "group", "the group does not exist"},
	{whatsmeow.ErrNotInGroup, ReasonForbidden, "group", "the account is not in the group"},
	{whatsmeow.ErrGroupInviteLinkUnauthorized, ReasonForbidden, "group", "the account may not see the group's invite link"},
	{whatsmeow.ErrInviteLinkInvalid, ReasonBadParam, "invite", "is not a valid invite"},
	{whatsmeow.ErrInviteLinkRevoked, ReasonNotFound, "invite", "the invite was revoked"},
	{whatsmeow.ErrInvalidImageFormat, ReasonBadParam, "media", "WhatsApp does not take it as a picture"},
	{whatsmeow.ErrInvalidDisappearingTimer, ReasonBadParam, "disappearing_seconds", "WhatsApp does not take this timer"},
	{whatsmeow.ErrProfilePictureUnauthorized, ReasonForbidden, "contact", "the picture is hidden from the account"},
	{whatsmeow.ErrProfilePictureNotSet, ReasonNotFound, "contact", "there is no picture"},
	{whatsmeow.ErrBroadcastListUnsupported, ReasonNotSupported, "", "broadcast lists are not supported"},
	{whatsmeow.ErrNoPushName, ReasonConflict, "", "the account has no display name yet"},
	{whatsmeow.ErrAppStateUpdate, ReasonConflict, "", "the account's settings changed at the same time"},
	{whatsmeow.ErrClientIsNil, ReasonNotConnected, "", "the session is not connected"},
	{whatsmeow.ErrNotConnected, ReasonNotConnected, "", "the session is not connected"},
	{whatsmeow.ErrNotLoggedIn, ReasonNotConnected, "", "the session is not paired"},
	{socket.ErrSocketClosed, ReasonNotConnected, "", "the session is not connected"},
}

// ConnectionLost reports whether a call failed because the connection to WhatsApp ended while it was under way: before the
// answer, or while the request was written. Whether WhatsApp carried the request out is not known then.
func ConnectionLost(err error) bool {
	var beforeAnswer *whatsmeow.DisconnectedError
	return errors.As(err, &beforeAnswer) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || websocket.CloseStatus(err) != -1
}

// codeReasons classifies the codes WhatsApp answers queries with; others are ReasonWhatsApp.
var codeReasons = map[int]Reason{
	401: ReasonForbidden,
	403: ReasonForbidden,
	404: ReasonNotFound,
	405: ReasonForbidden,
	409: ReasonConflict,
	410: ReasonNotFound,
	413: ReasonTooLarge,
	429: ReasonRateLimited,
	501: ReasonNotSupported,
}

// Wrap converts an error of whatsmeow to an *Error. what names the failed operation,
// in words that continue "could not". Errors of this package pass.
// Lost connections and timeouts leave open whether a change was made.
func Wrap(what string, err error) error {
	var own *Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	var refused *whatsmeow.IQError
	code, text := 0, ""
	if errors.As(err, &refused) {
		code, text = refused.Code, refused.Text
	}
	var unfulfilled types.GraphQLError
	graphQL := errors.As(err, &unfulfilled)
	if graphQL {
		code, text = unfulfilled.Extensions.ErrorCode, unfulfilled.Message
	}
	for _, known := range refusals {
		if errors.Is(err, known.err) {
			return &Error{Reason: known.reason, Field: known.field, WACode: code, Message: known.message, Err: err}
		}
	}
	var odd *whatsmeow.ElementMissingError
	switch {
	case refused != nil || graphQL:
		reason, classified := codeReasons[code]
		if !classified {
			reason = ReasonWhatsApp
		}
		message := "could not " + what + ": WhatsApp refused"
		if text != "" {
			message += " (" + text + ")"
		}
		return &Error{Reason: reason, WACode: code, Message: message, Err: err, Retryable: temporaryCode(code) || unfulfilled.Extensions.IsRetryable}
	case ConnectionLost(err):
		return &Error{Reason: ReasonNotConnected, Message: "the connection ended before WhatsApp answered", Err: err, OutcomeUnknown: true}
	case errors.Is(err, whatsmeow.ErrIQTimedOut), errors.Is(err, context.DeadlineExceeded):
		return &Error{Reason: ReasonTimeout, Message: "could not " + what + " in time", Err: err, OutcomeUnknown: true}
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &odd):
		return &Error{Reason: ReasonWhatsApp, Message: "could not " + what + ": WhatsApp's answer was incomplete", Err: err}
	}
	return &Error{Reason: ReasonWhatsApp, Message: "could not " + what, Err: err}
}

// NameField names the parameter an error is about, unless it has one.
func NameField(field string, err error) error {
	var own *Error
	if errors.As(err, &own) && own.Field == "" {
		named := *own
		named.Field = field
		return &named
	}
	return err
}

// IsNotFound reports whether an error is an *Error with ReasonNotFound.
func IsNotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Reason == ReasonNotFound
}
