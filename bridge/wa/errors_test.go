package wa

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/socket"
)

func TestTextOfErrors(t *testing.T) {
	cause := errors.New("cause")
	for want, e := range map[string]*Error{
		"bridge: to: is empty":            BadParam("to", "is %s", "empty"),
		"bridge: not_found":               {Reason: ReasonNotFound},
		"bridge: the disk is full: cause": StorageError("the disk is full", cause),
		"bridge: there are 3 chats":       NewError(ReasonConflict, "there are %d chats", 3),
		"bridge: media: too_large: cause": {Reason: ReasonTooLarge, Field: "media", Err: cause},
		"bridge: a: b":                    {Reason: ReasonBadParam, Field: "a", Message: "b"},
	} {
		if e.Error() != want {
			t.Errorf("%q, want %q", e.Error(), want)
		}
	}
	if !errors.Is(StorageError("x", cause), cause) {
		t.Error("the cause is lost")
	}
}

// TestErrorsAreComparedByReason checks errors.Is with an error that has a reason alone.
func TestErrorsAreComparedByReason(t *testing.T) {
	err := fmt.Errorf("call: %w", BadParam("to", "is empty"))
	for target, want := range map[error]bool{
		&Error{Reason: ReasonBadParam}: true, &Error{Reason: ReasonNotFound}: false, &Error{Reason: ReasonBadParam, Field: "to"}: false,
		&Error{Reason: ReasonBadParam, Message: "is empty"}: false, io.EOF: false,
	} {
		if errors.Is(err, target) != want {
			t.Errorf("%v: %v", target, !want)
		}
	}
	if ReasonOf(err) != ReasonBadParam || ReasonOf(io.EOF) != "" || ReasonOf(nil) != "" {
		t.Errorf("reasons %q, %q, %q", ReasonOf(err), ReasonOf(io.EOF), ReasonOf(nil))
	}
}

// TestFieldsAreNamed checks how a field gets a parent, and an error without a field gets one. The first error is not changed.
func TestFieldsAreNamed(t *testing.T) {
	inner := BadParam("name", "is empty")
	var e *Error
	if err := InField("contacts/0", inner); !errors.As(err, &e) || e.Field != "contacts/0/name" || inner.Field != "name" {
		t.Errorf("%v of %v", err, inner)
	}
	if err := NameField("to", inner); !errors.As(err, &e) || e.Field != "name" {
		t.Errorf("an error with a field: %v", err)
	}
	plain := NewError(ReasonConflict, "x")
	if err := NameField("to", plain); !errors.As(err, &e) || e.Field != "to" || plain.Field != "" {
		t.Errorf("%v of %v", err, plain)
	}
	if err := InField("a", plain); !errors.As(err, &e) || e.Field != "" {
		t.Errorf("an error without a field: %v", err)
	}
	if err := InField("a", io.EOF); !errors.Is(err, io.EOF) || NameField("a", io.EOF) != io.EOF || InField("a", nil) != nil || NameField("a", nil) != nil { //nolint:errorlint // the same error is returned
		t.Errorf("other errors change: %v", err)
	}
}

// TestNamedRefusals checks each error that whatsmeow has a name for, alone and with WhatsApp's code.
func TestNamedRefusals(t *testing.T) {
	for _, known := range refusals {
		for code, err := range map[int]error{0: known.err, 406: fmt.Errorf("%w: %w", known.err, whatsmeow.ErrIQNotAcceptable)} {
			var e *Error
			if got := Wrap("do it", err); !errors.As(got, &e) || e.Reason != known.reason || e.Field != known.field || e.WACode != code || e.Message != known.message || e.OutcomeUnknown || !errors.Is(got, known.err) {
				t.Errorf("%v: %+v", err, got)
			}
		}
	}
}

func TestCodesOfQueries(t *testing.T) {
	for code, want := range map[int]Reason{401: ReasonForbidden, 403: ReasonForbidden, 404: ReasonNotFound, 405: ReasonForbidden, 409: ReasonConflict, 410: ReasonNotFound, 413: ReasonTooLarge, 429: ReasonRateLimited, 501: ReasonNotSupported, 418: ReasonWhatsApp, 503: ReasonWhatsApp} {
		var e *Error
		err := Wrap("do it", &whatsmeow.IQError{Code: code, Text: "words"})
		if !errors.As(err, &e) || e.Reason != want || e.WACode != code || e.Message != "could not do it: WhatsApp refused (words)" {
			t.Errorf("%d: %+v", code, err)
		}
		temporary := code == 429 || code == 503
		if e.Retryable != temporary {
			t.Errorf("%d: may be repeated %v", code, e.Retryable)
		}
	}
	var e *Error
	if err := Wrap("do it", &whatsmeow.IQError{Code: 418}); !errors.As(err, &e) || e.Message != "could not do it: WhatsApp refused" {
		t.Errorf("a refusal without words: %v", err)
	}
}

// TestFailedSends checks the reason of a failed send, and whether its message may have been sent.
func TestFailedSends(t *testing.T) {
	refused := func(code int) error { return fmt.Errorf("%w %d", whatsmeow.ErrServerReturnedError, code) }
	own := BadParam("to", "is empty")
	for name, c := range map[string]struct {
		err       error
		reason    Reason
		code      int
		unknown   bool
		retryable bool
		field     string
	}{
		"own error":        {fmt.Errorf("send: %w", own), ReasonBadParam, 0, false, false, "to"},
		"limit":            {refused(429), ReasonRateLimited, 429, false, true, ""},
		"group":            {refused(420), ReasonWhatsApp, 420, false, false, ""},
		"forbidden":        {refused(403), ReasonWhatsApp, 403, false, false, ""},
		"failure":          {refused(503), ReasonWhatsApp, 503, false, true, ""},
		"without a code":   {fmt.Errorf("%w of some kind", whatsmeow.ErrServerReturnedError), ReasonWhatsApp, 0, false, false, ""},
		"not acknowledged": {whatsmeow.ErrMessageTimedOut, ReasonTimeout, 0, true, false, ""},
		"deadline":         {context.DeadlineExceeded, ReasonTimeout, 0, true, false, ""},
		"cancelled":        {fmt.Errorf("wait: %w", context.Canceled), ReasonTimeout, 0, true, false, ""},
		"lost connection":  {fmt.Errorf("failed to write: %w", io.EOF), ReasonTimeout, 0, true, false, ""},
		"no connection":    {whatsmeow.ErrNotConnected, ReasonNotConnected, 0, false, false, ""},
		"closed":           {socket.ErrSocketClosed, ReasonNotConnected, 0, false, false, ""},
		"not paired":       {whatsmeow.ErrNotLoggedIn, ReasonNotConnected, 0, false, false, ""},
		"no such number":   {errors.New("no LID found for 15550000009@s.whatsapp.net"), ReasonNotFound, 0, false, false, "to"},
		"refused query":    {whatsmeow.ErrIQForbidden, ReasonForbidden, 403, false, false, ""},
		"broadcast":        {whatsmeow.ErrBroadcastListUnsupported, ReasonNotSupported, 0, false, false, ""},
		"unknown":          {errors.New("secret inner text"), ReasonWhatsApp, 0, false, false, ""},
	} {
		e := SendError("M1", c.err)
		if e.Reason != c.reason || e.WACode != c.code || e.OutcomeUnknown != c.unknown || e.Retryable != c.retryable || e.Field != c.field || e.Message == "" || !errors.Is(e, c.err) && !errors.Is(c.err, e) {
			t.Errorf("%s: %+v", name, e)
		}
		if name != "own error" && e.MessageID != "M1" {
			t.Errorf("%s: message id %q", name, e.MessageID)
		}
	}
	for code, known := range sendCodes {
		if e := SendError("M1", refused(code)); e.Message != known.message || e.WACode != code {
			t.Errorf("%d: %+v", code, e)
		}
	}
	if e := SendError("M1", refused(418)); e.Message != "WhatsApp refused the message" {
		t.Errorf("an unknown code: %+v", e)
	}
}

func TestCheckText(t *testing.T) {
	for _, c := range []struct {
		text        string
		least, most int
		ok          bool
	}{
		{"", 0, 3, true}, {"", 1, 3, false}, {" \t", 1, 3, false}, {" ", 0, 3, true}, {"äöü", 1, 3, true}, {"äöüß", 1, 3, false}, {"   x", 0, 3, false},
	} {
		err := CheckText("name", c.text, c.least, c.most)
		var e *Error
		if (err == nil) != c.ok || err != nil && (!errors.As(err, &e) || e.Field != "name" || e.Reason != ReasonBadParam) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

func TestCheckTimer(t *testing.T) {
	for seconds, ok := range map[int]bool{0: true, 86400: true, 604800: true, 7776000: true, 1: false, -1: false, 86401: false} {
		err := CheckTimer(seconds)
		var e *Error
		if (err == nil) != ok || err != nil && (!errors.As(err, &e) || e.Field != "disappearing_seconds") {
			t.Errorf("%d: %v", seconds, err)
		}
	}
}

func TestNodeText(t *testing.T) {
	for want, content := range map[string]any{"x": []byte("x"), "": []waBinary.Node{{Tag: "a"}}} {
		got := NodeText(&waBinary.Node{Content: content})
		if (got == nil) != (want == "") || got != nil && *got != want {
			t.Errorf("%v: %v", content, got)
		}
	}
	if NodeText(&waBinary.Node{}) != nil || NodeText(&waBinary.Node{Content: []byte{}}) != nil {
		t.Error("an empty node has a text")
	}
}

func TestHiddenPictures(t *testing.T) {
	for err, want := range map[error]bool{whatsmeow.ErrProfilePictureUnauthorized: true, whatsmeow.ErrProfilePictureNotSet: true, whatsmeow.ErrIQForbidden: false} {
		if IsPictureHidden(fmt.Errorf("get: %w", err)) != want {
			t.Errorf("%v: %v", err, !want)
		}
	}
}

// TestReasonsAreComplete checks that the list for tables has each reason once.
func TestReasonsAreComplete(t *testing.T) {
	seen := map[Reason]bool{}
	for _, reason := range Reasons {
		if seen[reason] || strings.ToLower(string(reason)) != string(reason) {
			t.Errorf("%s", reason)
		}
		seen[reason] = true
	}
	for _, reason := range codeReasons {
		if !seen[reason] {
			t.Errorf("%s is not in the list", reason)
		}
	}
}
