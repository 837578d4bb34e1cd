package wa

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/coder/websocket"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/socket"
)

func TestWAErrorClassifies(t *testing.T) {
	for _, tc := range []struct {
		err     error
		reason  Reason
		field   string
		code    int
		unknown bool
	}{
		{whatsmeow.ErrIQForbidden, ReasonForbidden, "", 403, false},
		{whatsmeow.ErrIQNotFound, ReasonNotFound, "", 404, false},
		{whatsmeow.ErrIQNotAcceptable, ReasonWhatsApp, "", 406, false},
		{whatsmeow.ErrIQRateOverLimit, ReasonRateLimited, "", 429, false},
		{whatsmeow.ErrIQInternalServerError, ReasonWhatsApp, "", 500, false},
		{fmt.Errorf("usync: %w", whatsmeow.ErrIQNotAuthorized), ReasonForbidden, "", 401, false},
		{whatsmeow.ErrGroupNotFound, ReasonNotFound, "group", 0, false},
		{whatsmeow.ErrInviteLinkInvalid, ReasonBadParam, "invite", 0, false},
		{whatsmeow.ErrInvalidImageFormat, ReasonBadParam, "media", 0, false},
		{whatsmeow.ErrNotConnected, ReasonNotConnected, "", 0, false},
		{whatsmeow.ErrIQDisconnected, ReasonNotConnected, "", 0, true},
		{socket.ErrSocketClosed, ReasonNotConnected, "", 0, false},
		{fmt.Errorf("failed to write: %w", net.ErrClosed), ReasonNotConnected, "", 0, true},
		{fmt.Errorf("failed to write: %w", io.EOF), ReasonNotConnected, "", 0, true},
		{&net.OpError{Op: "write", Err: syscall.EPIPE}, ReasonNotConnected, "", 0, true},
		{&net.OpError{Op: "write", Err: syscall.ECONNRESET}, ReasonNotConnected, "", 0, true},
		{fmt.Errorf("failed to write: %w", websocket.CloseError{Code: websocket.StatusGoingAway}), ReasonNotConnected, "", 0, true},
		{whatsmeow.ErrIQTimedOut, ReasonTimeout, "", 0, true},
		{context.DeadlineExceeded, ReasonTimeout, "", 0, true},
		{&whatsmeow.ElementMissingError{Tag: "group", In: "x"}, ReasonWhatsApp, "", 0, false},
		{errors.New("secret inner text"), ReasonWhatsApp, "", 0, false},
	} {
		var got *Error
		if !errors.As(Wrap("do it", tc.err), &got) {
			t.Errorf("%v is not classified", tc.err)
			continue
		}
		if got.Reason != tc.reason || got.Field != tc.field || got.WACode != tc.code || got.OutcomeUnknown != tc.unknown {
			t.Errorf("%v: %s field %q code %d unknown %v", tc.err, got.Reason, got.Field, got.WACode, got.OutcomeUnknown)
		}
		if !errors.Is(got, tc.err) {
			t.Errorf("%v: the cause is lost", tc.err)
		}
		if got.Message == "" || got.Message == tc.err.Error() {
			t.Errorf("%v: message %q", tc.err, got.Message)
		}
	}
	own := BadParam("x", "y")
	if Wrap("do it", nil) != nil {
		t.Error("nil must stay nil")
	}
	if !errors.Is(Wrap("do it", context.Canceled), context.Canceled) || ReasonOf(Wrap("do it", context.Canceled)) != "" {
		t.Error("a cancelled call is the caller's own doing and must pass as it is")
	}
	if err := Wrap("do it", own); !errors.Is(err, own) || ReasonOf(err) != ReasonBadParam {
		t.Errorf("an error of this package must pass, got %v", err)
	}
}
