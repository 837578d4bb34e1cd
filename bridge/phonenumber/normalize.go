package phonenumber

import (
	"strings"
	"unicode"
)

// trunkZero is how people write the digit that is dialled within a country only: +49 (0)30 ...
const trunkZero = "(0)"

// Normalize returns the digits of a phone number as people write and copy it: without spaces of any kind, dots, brackets,
// hyphens and dashes, and marks that set the direction of writing. international reports a + or 00 in front, which is not
// among the digits. It returns false if anything else is in the text, or no digit.
func Normalize(text string) (digits string, international, ok bool) {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text))
	trunk := strings.Contains(text, trunkZero)
	var out strings.Builder
	for _, r := range strings.Replace(text, trunkZero, "", 1) {
		switch {
		case r >= '0' && r <= '9':
			out.WriteRune(r)
		case (r == '+' || r == '\uff0b') && out.Len() == 0 && !international:
			international = true
		case !isSeparator(r):
			return "", false, false
		}
	}
	digits = out.String()
	if rest, found := strings.CutPrefix(digits, "00"); found && !international {
		digits, international = rest, true
	}
	if trunk && !international { // a national number, whose zero is dialled
		digits = "0" + digits
	}
	return digits, international, digits != ""
}

func isSeparator(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune(".()[]", r) || unicode.Is(unicode.Pd, r) || r == '\u2212'
}

// International returns the digits of an international number of minimum to maximum digits, in any form that Normalize
// takes. It returns false for national numbers, which begin with 0.
func International(text string, minimum, maximum int) (digits string, ok bool) {
	digits, _, ok = Normalize(text)
	if !ok || len(digits) < minimum || len(digits) > maximum || digits[0] == '0' {
		return "", false
	}
	return digits, true
}
