package guard

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// canonicalHost returns a host name in lower case, without a final dot, and in ASCII (IDNA, RFC 5891). A name that IDNA
// does not allow is returned as it is; it then has no address.
func canonicalHost(host string) string {
	if !isASCII(host) {
		if ascii, err := idna.Lookup.ToASCII(host); err == nil {
			host = ascii
		}
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// Normalize returns an address in the form in which it is requested: without white space around it, with a host in ASCII (IDNA), and with blanks and
// other characters that no URL may contain percent-encoded. A valid address stays unchanged. It accepts any scheme. The error is an Error with
// ReasonBadURL; its cause is the problem.
func Normalize(address string) (string, error) {
	address = strings.TrimSpace(address)
	for _, r := range address {
		if r < ' ' || r == 0x7f {
			return "", &Error{Reason: ReasonBadURL, Err: errors.New("it contains control characters")}
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", &Error{Reason: ReasonBadURL, Err: parseCause(err)}
	}
	query := EncodeQuery(u.RawQuery)
	if query == u.RawQuery && isASCII(address) && !strings.ContainsAny(address, " \"<>\\^`{|}") {
		return address, nil
	}
	u.RawQuery = query
	if host := u.Hostname(); !isASCII(host) {
		ascii, port := canonicalHost(host), u.Port()
		if !isASCII(ascii) {
			return "", &Error{Reason: ReasonBadURL, Err: fmt.Errorf("%q is not a host name", host)}
		}
		if u.Host = ascii; port != "" {
			u.Host = net.JoinHostPort(ascii, port)
		}
	}
	return u.String(), nil
}

// parseCause returns why an address cannot be parsed, without the address: it may contain secrets.
func parseCause(err error) error {
	var parse *url.Error
	if errors.As(err, &parse) {
		var escape url.EscapeError
		var host url.InvalidHostError
		switch {
		case errors.As(parse.Err, &escape):
			return errors.New("it has a percent sign without two hexadecimal digits behind it")
		case errors.As(parse.Err, &host):
			return errors.New("its host contains a character that no host name has")
		}
	}
	return errors.New("it cannot be parsed")
}

const upperHex = "0123456789ABCDEF"

// EncodeQuery percent-encodes the characters of a raw query that no URL may contain: blanks, quotation marks, braces,
// control characters, everything outside of ASCII, and percent signs that encode nothing. The rest stays as it is.
func EncodeQuery(raw string) string {
	bad := func(i int) bool {
		c := raw[i]
		switch {
		case c <= ' ', c >= 0x7f, strings.IndexByte("\"<>\\^`{|}", c) >= 0:
			return true
		case c == '%':
			return i+2 >= len(raw) || !isHex(raw[i+1]) || !isHex(raw[i+2])
		}
		return false
	}
	var out strings.Builder
	for i := range len(raw) {
		if bad(i) {
			out.Write([]byte{'%', upperHex[raw[i]>>4], upperHex[raw[i]&0xf]})
		} else {
			out.WriteByte(raw[i])
		}
	}
	return out.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// Tidy is Normalize for addresses of brokers, which may have patterns in braces and several hosts: it removes white space around the address,
// converts hosts to ASCII, and percent-encodes blanks and characters outside of ASCII behind them. An unparsable address stays unchanged, for the
// check of its kind.
func Tidy(address string) string {
	address = strings.TrimSpace(address)
	scheme, rest, isURL := strings.Cut(address, "://")
	if !isURL {
		return address
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, tail := rest[:end], rest[end:]
	user := authority[:strings.LastIndexByte(authority, '@')+1]
	hosts := strings.Split(authority[len(user):], ",")
	for i, host := range hosts {
		name, port := host, ""
		if colon := strings.LastIndexByte(host, ':'); colon >= 0 {
			name, port = host[:colon], host[colon:]
		}
		if !isASCII(name) {
			hosts[i] = canonicalHost(name) + port
		}
	}
	var out strings.Builder
	for i := range len(tail) {
		if c := tail[i]; c == ' ' || c >= 0x80 {
			out.Write([]byte{'%', upperHex[c>>4], upperHex[c&0xf]})
		} else {
			out.WriteByte(c)
		}
	}
	return scheme + "://" + user + strings.Join(hosts, ",") + out.String()
}

// NormalizeOrKeep is Normalize for addresses that are checked elsewhere: one that is not in order stays as it is.
func NormalizeOrKeep(address string) string {
	if normal, err := Normalize(address); err == nil {
		return normal
	}
	return address
}
