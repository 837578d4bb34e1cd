package phonenumber

import "testing"

func TestParse(t *testing.T) {
	for _, tc := range []struct{ digits, code, region, written string }{
		{"14155550100", "1", "US", "+1 415 555 0100"},
		{"16475550100", "1", "CA", "+1 647 555 0100"},
		{"18765550100", "1", "JM", "+1 876 555 0100"},
		{"79161234567", "7", "RU", "+7 916 123 45 67"},
		{"77011234567", "7", "KZ", "+7 701 123 45 67"},
		{"4915123456789", "49", "DE", "+49 1512 3456789"},
		{"33612345678", "33", "FR", "+33 6 12 34 56 78"},
		{"447400123456", "44", "GB", "+44 7400 123456"},
		{"5511961234567", "55", "BR", "+55 11 96123 4567"},
		{"551133334444", "55", "BR", "+55 11 3333 4444"},
		{"5491123456789", "54", "AR", "+54 9 11 2345 6789"},
		{"919876543210", "91", "IN", "+91 98765 43210"},
		{"966501234567", "966", "SA", "+966 50 123 4567"},
		{"3585012345", "358", "FI", "+358 5012345"},
		{"590690001234", "590", "", "+590 690 00 12 34"},
		{"4930123", "49", "DE", "+49 30123"},
	} {
		number, ok := Parse(tc.digits)
		if !ok {
			t.Errorf("Parse(%q) refused", tc.digits)
			continue
		}
		if number.Code != tc.code || number.Region != tc.region || number.International() != tc.written {
			t.Errorf("Parse(%q) = %s %s %q, want %s %s %q", tc.digits,
				number.Code, number.Region, number.International(), tc.code, tc.region, tc.written)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, digits := range []string{"", "49", "1234", "+4915123456789", "49 151", "2101234567", "0049151234567", "1234567890123456", "٤٩١٥١٢٣"} {
		if number, ok := Parse(digits); ok {
			t.Errorf("Parse(%q) = %+v, want refusal", digits, number)
		}
	}
}

// A code that is the beginning of another would make the result depend on the order of the search.
func TestCallingCodesArePrefixFree(t *testing.T) {
	for code, c := range countries {
		for length := 1; length < len(code); length++ {
			if _, clash := countries[code[:length]]; clash {
				t.Errorf("calling code %s begins with %s", code, code[:length])
			}
		}
		if c.region == "" && code != "590" {
			t.Errorf("calling code %s has no region", code)
		}
	}
}
