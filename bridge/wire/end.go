package wire

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types/events"
)

// The last stanza of a connection, "failure" or "stream:error", states why WhatsApp ends the connection. whatsmeow
// handles stanzas in a queue and drops the remaining ones when the socket ends. A session that misses the report that
// its credentials are used elsewhere would reconnect and end the other connection, which may do the same. Therefore the
// last stanza is remembered when it is read, and handled after the end of the socket if whatsmeow has not handled it.

// endTags are the encoded tags of last stanzas.
var endTags = [][]byte{encodedTag("stream:error"), encodedTag("failure")}

// Binary form of a stanza: a byte of flags, the size of the list (a type byte and one or two bytes), the tag.
const (
	frameTagAt   = 3
	listWithSize = 249 // the size takes two bytes
)

func encodedTag(tag string) []byte {
	raw, err := waBinary.Marshal(waBinary.Node{Tag: tag})
	if err != nil {
		panic(err) // the tag is a constant
	}
	return raw[frameTagAt:]
}

// isEndFrame reports whether a checked frame is a last stanza.
func isEndFrame(frame []byte) bool {
	at := frameTagAt
	if len(frame) > 1 && frame[1] == listWithSize {
		at++
	}
	if len(frame) < at {
		return false
	}
	for _, tag := range endTags {
		if bytes.HasPrefix(frame[at:], tag) {
			return true
		}
	}
	return false
}

// End is WhatsApp's reason for ending a connection or refusing a login.
type End struct {
	Code  int
	Login bool // a failure of the login, not an error of the stream
	// Message is WhatsApp's text for a refused login.
	Message string
}

type endKey struct{}

// endOf reads a failure or stream:error stanza.
func endOf(node *waBinary.Node) End {
	ag := node.AttrGetter()
	if node.Tag == "failure" {
		return End{Code: ag.OptionalInt("reason"), Login: true, Message: ag.OptionalString("message")}
	}
	code, _ := strconv.Atoi(ag.OptionalString("code"))
	return End{Code: code}
}

// Reason returns the Reason of the resulting state.
func (e End) Reason() string {
	switch {
	case e.Login:
		return "refused: " + RefusalText(e.Code)
	case e.Code != 0:
		return "stream error " + strconv.Itoa(e.Code)
	}
	return ""
}

// refusalTexts extends whatsmeow's texts for the codes of refused logins.
var refusalTexts = map[int]string{
	400: "bad request", 415: "account not found", 418: "client is unknown", 500: "internal server error", 501: "feature not implemented",
	503: "service unavailable",
}

// RefusalText returns the code of a refused login and its meaning, as "503: service unavailable".
func RefusalText(code int) string {
	if text := refusalTexts[code]; text != "" {
		return fmt.Sprintf("%d: %s", code, text)
	}
	return events.ConnectFailureReason(code).String()
}

// MessengerLoginError is WhatsApp's request for the credentials of a Messenger client, which sessions do not have
// (codes 413 and 414).
type MessengerLoginError struct{ End End }

// Error implements error.
func (e *MessengerLoginError) Error() string {
	return "WhatsApp asks for the credentials of a Messenger client: " + e.End.Reason()
}

// RefuseMessengerLogin is the client's RefreshCAT. whatsmeow calls RefreshCAT without checking it for nil.
func RefuseMessengerLogin(ctx context.Context) error {
	end, _ := ctx.Value(endKey{}).(End)
	return &MessengerLoginError{End: end}
}
