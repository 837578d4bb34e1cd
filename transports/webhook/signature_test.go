package webhook

import (
	"net/http"
	"testing"
	"time"
)

// The values come from openssl: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac KEY
func TestSign(t *testing.T) {
	at, body := time.Unix(1700000000, 0), []byte(`{"a":1}`)
	const a, b = "v1=3e7e7e176ca7597b13c4e6134c5af6006fb55b6ebb20f1be4afd4d2e30dbd7ec", "v1=6eb07277a164575f5bba87628ef5b8c3c0872aac34892cb9a456094f6133e475"
	if got := Sign(at, body, "key-number-one-00"); got != a {
		t.Errorf("one key: %s", got)
	}
	if got := Sign(at, body, "key-number-two-00", "key-number-one-00"); got != b+","+a {
		t.Errorf("two keys: %s", got)
	}
}

func TestClassify(t *testing.T) {
	want := map[int]verdict{
		200: delivered, 201: delivered, 202: delivered, 204: delivered, 299: delivered,
		301: refused, 302: refused, 304: refused, 307: refused, 308: refused,
		400: refused, 401: refused, 403: refused, 404: refused, 405: refused, 406: refused, 410: refused, 413: refused, 422: refused, 451: refused,
		408: retried, 409: retried, 421: retried, 423: retried, 425: retried, 429: retried,
		500: retried, 501: retried, 502: retried, 503: retried, 504: retried, 599: retried,
		100: refused, 199: refused, 600: retried,
	}
	for status, verdict := range want {
		if got := classify(status); got != verdict {
			t.Errorf("%d is %d, want %d", status, got, verdict)
		}
	}
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"0": 0, "1": time.Second, " 120 ": 2 * time.Minute, "3600": time.Hour, "3601": time.Hour,
		"99999999999999999999999999":        time.Hour,
		"Sun, 01 Mar 2026 12:00:30 GMT":     30 * time.Second,
		"Sunday, 01-Mar-26 12:00:30 GMT":    30 * time.Second,
		"Sun Mar  1 12:00:30 2026":          30 * time.Second,
		"Sun, 01 Mar 2026 11:00:00 GMT":     0,
		"Sun, 01 Mar 2099 11:00:00 GMT":     time.Hour,
		now.Add(-1).Format(http.TimeFormat): 0,
	} {
		if got, ok := parseRetryAfter(value, now, time.Hour); !ok || got != want {
			t.Errorf("%q is %s, %v, want %s", value, got, ok, want)
		}
	}
	for _, value := range []string{"", "  ", "-1", "+1", "1.5", "1s", "soon", "0x10", "١٢", "2026-03-01T12:00:00Z"} {
		if got, ok := parseRetryAfter(value, now, time.Hour); ok {
			t.Errorf("%q is %s", value, got)
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "120", "99999999999999999999", "Sun, 01 Mar 2026 12:00:30 GMT", "Sun Mar  1 12:00:30 2026", "-5"} {
		f.Add(seed)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		pause, ok := parseRetryAfter(value, now, time.Hour)
		if pause < 0 || pause > time.Hour || !ok && pause != 0 {
			t.Errorf("%q is %s, %v", value, pause, ok)
		}
	})
}
