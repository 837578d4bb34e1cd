package wa

import (
	"errors"
	"strings"
	"testing"
)

func TestParseJID(t *testing.T) {
	for in, want := range map[string]string{
		"15550001001":                   "15550001001@s.whatsapp.net",
		"+15550001001":                  "15550001001@s.whatsapp.net",
		"15550001001@c.us":              "15550001001@s.whatsapp.net",
		"15550001001@s.whatsapp.net":    "15550001001@s.whatsapp.net",
		"15550001001:12@s.whatsapp.net": "15550001001@s.whatsapp.net",
		"123456789012:3@lid":            "123456789012@lid",
		"120363000000000001@g.us":       "120363000000000001@g.us",
		"15550001001-1400000000@g.us":   "15550001001-1400000000@g.us",
		"status@broadcast":              "status@broadcast",
		"120363000000000001@newsletter": "120363000000000001@newsletter",
	} {
		got, err := ParseJID("to", in)
		if err != nil || got.String() != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{
		"", "0555123456", "12", "+", "++15550001001", "1 555", "abc", "@s.whatsapp.net", "abc@s.whatsapp.net", "x@g.us",
		"123@example.com", "15550001001@", strings.Repeat("1", 200), strings.Repeat("1", 16), "1@2@3", "123-@g.us", "x@broadcast",
		"123@lid\x00", "१२३४५६७८",
	} {
		_, err := ParseJID("to", in)
		var e *Error
		if !errors.As(err, &e) || e.Reason != ReasonBadParam || e.Field != "to" {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func FuzzParseJID(f *testing.F) {
	for _, seed := range []string{"15550001001", "1:2@lid", "status@broadcast", "1.0:1@s.whatsapp.net", "@", "1-2@g.us"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		jid, err := ParseJID("to", in)
		if err != nil {
			return
		}
		again, err := ParseJID("to", jid.String())
		if err != nil || again != jid {
			t.Errorf("%q became %v, and that %v (%v)", in, jid, again, err)
		}
	})
}
