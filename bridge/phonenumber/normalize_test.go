package phonenumber

import (
	"strings"
	"testing"
)

func TestInternational(t *testing.T) {
	const want = "15550100002"
	for _, text := range []string{
		"15550100002", "+15550100002", "0015550100002", "+1 555 010 0002", "1-555-010-0002", "+1.555.010.0002", "+1 (555) 010-0002",
		"(1) 555 010 0002", "(+1) 555 010 0002", "[1] 555 010 0002", "00 1 555 010 0002", "00-1-555-010-0002", "+ 1 555 010 0002", "  +15550100002\t",
		"+1\u00a0555\u202f010\u20090002", "\u202a+1 555 010 0002\u202c", "\u200e+15550100002", "\ufeff15550100002", "1\u2011555\u2013010\u22120002", "\uff0b15550100002",
		"1 555 010 00 02", "1--555  010..0002", "+1(0)5550100002", "001 (0)5550100002",
	} {
		if got, ok := International(text, 7, 15); got != want || !ok {
			t.Errorf("%q: %q, %v", text, got, ok)
		}
	}
	for _, text := range []string{
		"", " ", "+", "00", "-", "()", "abc", "1555010000x", "+1 555 010 0002 ext 5", "0155501000", "(0)155501000", "123456", "1234567890123456",
		"1+5550100002", "++15550100002", "+15550100002+", "+0015550100002", "00015550100002", "15550100002,15550100003", "15550100002;", "1/5550100002",
		"tel15550100002", "\u0661\u0665\u0665\u0665", "1555010\n0002\x00", "15550100001-1600000000",
	} {
		if got, ok := International(text, 7, 15); ok {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestNormalizeKeepsShortAndNationalNumbers(t *testing.T) {
	for text, want := range map[string]string{"110": "110", "0800 123-45": "080012345", "(0)30 1234": "0301234", "+49 (0)30 1234": "49301234"} {
		if got, _, ok := Normalize(text); got != want || !ok {
			t.Errorf("%q: %q, %v", text, got, ok)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	f.Add("+1 (555) 010-0002")
	f.Fuzz(func(t *testing.T, text string) {
		digits, _, ok := Normalize(text)
		if ok && (digits == "" || strings.Trim(digits, "0123456789") != "") {
			t.Errorf("%q: %q", text, digits)
		}
		if again, _, fine := Normalize(digits); ok && fine && !strings.HasPrefix(digits, "00") && again != digits {
			t.Errorf("%q: %q, then %q", text, digits, again)
		}
	})
}
