package rpc

import (
	"net/mail"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// format is a named form of strings.
type format struct {
	check  func(s string) string // problem of a string, or ""
	schema map[string]any        // its keywords in JSON Schema
}

// formats are the values of the rule format=.
var formats = map[string]format{
	"jid": {checkJID, map[string]any{
		"description": "a JID, or an international phone number in digits; +, 00, spaces, dots, brackets and hyphens do not matter",
		"examples":    []string{"4915112345678@s.whatsapp.net", "+4915112345678"},
	}},
	"time":  {checkTime, map[string]any{"format": "date-time"}},
	"date":  {checkDate, map[string]any{"format": "date"}},
	"uri":   {checkURI, map[string]any{"format": "uri"}},
	"email": {checkEmail, map[string]any{"format": "email"}},
}

// checkJID accepts strings of the form of an address; methods check whether it exists.
func checkJID(s string) string {
	const problem = "must be a JID or an international phone number"
	const longest = 128 // characters
	if s == "" || len(s) > longest {
		return problem
	}
	user, server, isJID := strings.Cut(s, "@")
	if isJID {
		if strings.ContainsAny(user, " \t") && strings.ContainsFunc(user, unicode.IsLetter) {
			return problem // blanks stand in numbers only
		}
		if user == "" || server == "" || strings.ContainsAny(user, "\r\n/\\\"<>") || strings.ContainsAny(server, " \t\r\n/\\\"<>@") {
			return problem
		}
		return ""
	}
	digits := 0
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case unicode.IsLetter(c) || unicode.IsControl(c) && c != '\t' || c == utf8.RuneError:
			return problem
		}
	}
	if digits < 5 || digits > 20 {
		return problem
	}
	return ""
}

func checkTime(s string) string {
	if _, err := time.Parse(time.RFC3339, s); err != nil {
		return "must be a time in RFC 3339 form with an offset"
	}
	return ""
}

func checkDate(s string) string {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return "must be a date in the form 2006-01-02"
	}
	return ""
}

func checkURI(s string) string {
	if u, err := url.Parse(strings.TrimSpace(s)); err != nil || u.Scheme == "" || (u.Host == "" && u.Opaque == "" && u.Path == "") {
		return "must be an absolute URI"
	}
	return ""
}

// checkEmail accepts bare addresses, without a name.
func checkEmail(s string) string {
	const longest = 254 // characters, RFC 5321
	if parsed, err := mail.ParseAddress(s); err != nil || parsed.Address != s || len(s) > longest || strings.ContainsAny(s, " \"<>") {
		return "must be an e-mail address"
	}
	return ""
}
