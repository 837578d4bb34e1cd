package webhook

import (
	"net/http"
	"strings"
	"time"
)

// parseRetryAfter parses the header Retry-After (RFC 9110, 10.2.3): seconds or an HTTP date. The pause is between 0 and most; ok is false if the
// header cannot be parsed.
func parseRetryAfter(value string, now time.Time, most time.Duration) (pause time.Duration, ok bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds := int64(0)
		for _, digit := range value {
			if seconds = seconds*10 + int64(digit-'0'); seconds > int64(most/time.Second) {
				return most, true // includes values too large for a number
			}
		}
		return time.Duration(seconds) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), most), true
}
