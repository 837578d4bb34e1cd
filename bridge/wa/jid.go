package wa

import (
	"strings"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/phonenumber"
)

// Bounds of an international number in digits: E.164 allows 15, a few test
// ranges are as short as 7.
const (
	minPhoneDigits = 7
	maxPhoneDigits = 15
	maxJIDLength   = 128
)

// ParseJID reads a parameter that names a chat, a person or a group: a JID as
// WhatsApp writes it, or an international number in any form that
// phonenumber.Normalize takes. A device part is dropped. Errors name field.
func ParseJID(field, value string) (types.JID, error) {
	switch {
	case value == "":
		return types.EmptyJID, BadParam(field, "is empty")
	case len(value) > maxJIDLength:
		return types.EmptyJID, BadParam(field, "is longer than %d characters", maxJIDLength)
	case !strings.Contains(value, "@"):
		return ParsePhone(field, value)
	}
	jid, err := types.ParseJID(plainUser(value))
	if err != nil {
		return types.EmptyJID, BadParam(field, "is not a JID")
	}
	jid = jid.ToNonAD()
	if jid.Server == types.LegacyUserServer {
		jid.Server = types.DefaultUserServer
	}
	if problem := checkJID(jid); problem != "" {
		return types.EmptyJID, BadParam(field, "%s", problem)
	}
	return jid, nil
}

// plainUser writes the number of a JID as digits: callers put @s.whatsapp.net or @c.us behind a number as a person typed it.
func plainUser(value string) string {
	user, server, _ := strings.Cut(value, "@")
	if server != types.DefaultUserServer && server != types.LegacyUserServer || isDigits(user) || strings.Contains(user, ":") {
		return value
	}
	if _, err := types.ParseJID(value); err == nil && strings.Count(user, ".") == 1 {
		return value // with an agent, such as 15550100002.0
	}
	if digits, ok := phonenumber.International(user, minPhoneDigits, maxPhoneDigits); ok {
		return digits + "@" + server
	}
	return value
}

// ParsePhone parses an international number in any form that phonenumber.International accepts. The error names field.
func ParsePhone(field, value string) (types.JID, error) {
	digits, ok := phonenumber.International(value, minPhoneDigits, maxPhoneDigits)
	if !ok {
		return types.EmptyJID, BadParam(field, "is neither a JID nor an international number of %d to %d digits",
			minPhoneDigits, maxPhoneDigits)
	}
	return types.NewJID(digits, types.DefaultUserServer), nil
}

func checkJID(jid types.JID) (problem string) {
	switch jid.Server {
	case types.DefaultUserServer, types.HiddenUserServer, types.NewsletterServer, types.BotServer,
		types.HostedServer, types.HostedLIDServer:
		if !isDigits(jid.User) {
			return "the part before @ must be digits"
		}
	case types.GroupServer:
		for _, part := range strings.SplitN(jid.User, "-", 2) {
			if !isDigits(part) {
				return "is not a group JID"
			}
		}
	case types.BroadcastServer:
		if jid.User != types.StatusBroadcastJID.User && !isDigits(jid.User) {
			return "is not a broadcast JID"
		}
	default:
		return "has an unknown server after @"
	}
	return ""
}

func isDigits(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// IsPerson reports whether jid is the address of a person: a phone number or a LID.
func IsPerson(jid types.JID) bool {
	return jid.Server == types.DefaultUserServer || jid.Server == types.HiddenUserServer
}

// AddressString returns jid without its device part; empty for an empty JID.
func AddressString(jid types.JID) string {
	if jid.IsEmpty() {
		return ""
	}
	return jid.ToNonAD().String()
}
