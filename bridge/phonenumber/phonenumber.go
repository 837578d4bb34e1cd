package phonenumber

import "strings"

// E.164 allows 15 digits; shorter than 5 cannot carry a calling code and a subscriber.
const (
	minDigits = 5
	maxDigits = 15
)

// Number is an international phone number split at its calling code.
type Number struct {
	// Code is the calling code without +, such as "49".
	Code string
	// Region is the ISO 3166 country; empty where a code is shared and the digits do not tell.
	Region string
	// National is what follows the calling code.
	National string
	groups   string
}

// Parse splits digits (international form, no +) at the calling code. It
// reports false for anything that is not 5 to 15 digits or whose calling code
// is not in use.
func Parse(digits string) (Number, bool) {
	if len(digits) < minDigits || len(digits) > maxDigits {
		return Number{}, false
	}
	for _, r := range digits {
		if r < '0' || r > '9' {
			return Number{}, false
		}
	}
	// Calling codes are prefix-free, so at most one length matches.
	for length := 1; length <= 3; length++ {
		country, known := countries[digits[:length]]
		if !known {
			continue
		}
		number := Number{Code: digits[:length], Region: country.region, National: digits[length:], groups: country.groups}
		if region, shared := sharedRegion(number.Code, number.National); shared {
			number.Region = region
		}
		return number, true
	}
	return Number{}, false
}

// International writes the number with + and spaces, such as "+33 6 12 34 56 78".
func (n Number) International() string {
	sizes := groupSizes(n.groups, len(n.National))
	parts := []string{"+" + n.Code}
	rest := n.National
	for _, size := range sizes {
		parts = append(parts, rest[:size])
		rest = rest[size:]
	}
	if rest != "" {
		parts = append(parts, rest)
	}
	return strings.Join(parts, " ")
}

// groupSizes picks the grouping whose sizes add up to length out of a list
// like "244 344": one word per number length, one digit per group.
func groupSizes(groups string, length int) []int {
	for _, word := range strings.Fields(groups) {
		sizes := make([]int, len(word))
		total := 0
		for i, digit := range word {
			sizes[i] = int(digit - '0')
			total += sizes[i]
		}
		if total == length {
			return sizes
		}
	}
	return nil
}

// sharedRegion tells the country apart where several share one calling code.
func sharedRegion(code, national string) (string, bool) {
	switch code {
	case "1":
		if len(national) < 3 {
			return "", true
		}
		if region, known := northAmericanAreas[national[:3]]; known {
			return region, true
		}
		return "US", true
	case "7":
		// Kazakhstan holds the area codes 6xx and 7xx.
		if strings.HasPrefix(national, "6") || strings.HasPrefix(national, "7") {
			return "KZ", true
		}
		return "RU", true
	case "39":
		if strings.HasPrefix(national, "06698") {
			return "VA", true
		}
	case "590":
		// Guadeloupe, Saint Martin and Saint Barthelemy mix their ranges.
		return "", true
	}
	return "", false
}
