package wa

import (
	"errors"
	"strings"
	"unicode/utf8"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
)

// CheckText checks the length of a text in characters; a text of blanks counts as empty.
func CheckText(field, text string, least, most int) error {
	if least > 0 && strings.TrimSpace(text) == "" {
		return BadParam(field, "must not be empty")
	}
	if utf8.RuneCountInString(text) > most {
		return BadParam(field, "has more than %d characters", most)
	}
	return nil
}

// disappearingTimers are the lifetimes WhatsApp offers, in seconds.
var disappearingTimers = map[int]bool{0: true, 86400: true, 604800: true, 7776000: true}

// CheckTimer checks a lifetime of messages in seconds; the error names disappearing_seconds.
func CheckTimer(seconds int) error {
	if !disappearingTimers[seconds] {
		return BadParam("disappearing_seconds", "must be 0, 86400, 604800 or 7776000")
	}
	return nil
}

// NodeText returns the text in a node, or nil for a node without one.
func NodeText(n *waBinary.Node) *string {
	content, _ := n.Content.([]byte)
	return OrNull(string(content))
}

// IsPictureHidden reports whether a query for a picture failed because there is none, or none that the account may see.
func IsPictureHidden(err error) bool {
	return errors.Is(err, whatsmeow.ErrProfilePictureUnauthorized) || errors.Is(err, whatsmeow.ErrProfilePictureNotSet)
}
