package namecheck

import (
	"strings"
	"testing"
)

// TestBrokenNamesAreFound: each violation of the rule is a problem, and correct names are none.
func TestBrokenNamesAreFound(t *testing.T) {
	const both = `"chat_pn":"15550100002@s.whatsapp.net","chat_lid":"1001@lid","chat_key":"1001@lid"`
	for _, c := range []struct{ name, first, then, want string }{
		{"right", `{"chat":"15550100002@s.whatsapp.net",` + both + `}`, `{"contact":"15550100002@s.whatsapp.net","pn":"15550100002@s.whatsapp.net","lid":"1001@lid","contact_key":"1001@lid"}`, ""},
		{"a LID beside its number", `{"chat":"1001@lid",` + both + `}`, `{}`, "was shown before"},
		{"a LID whose number was shown", `{"chat":"15550100002@s.whatsapp.net",` + both + `}`, `{"author":"1001@lid"}`, "was shown before"},
		{"a mention", `{"chat":"15550100002@s.whatsapp.net",` + both + `}`, `{"mentions":["1001@lid"]}`, "was shown before"},
		{"no key", `{"chat":"1@g.us","chat_pn":null,"chat_lid":null}`, `{}`, "no chat_key"},
		{"no key inside", `{"quoted":{"chat":"1@g.us"}}`, `{}`, "no chat_key"},
		{"no addresses", `{"chat":"1@g.us","chat_key":"1@g.us"}`, `{}`, "no chat_pn"},
		{"no contact key", `{"sender":"1001@lid","pn":null,"lid":"1001@lid"}`, `{}`, "no contact_key"},
		{"a device", `{"sender":"15550100002:3@s.whatsapp.net","pn":null,"lid":null,"contact_key":"k"}`, `{}`, "with a device"},
		{"two keys", `{"sender":"1001@lid","pn":null,"lid":"1001@lid","contact_key":"a"}`, `{"sender":"1001@lid","pn":null,"lid":"1001@lid","contact_key":"b"}`, "no Alias joins"},
		{"a group without a chat", `{"group":"1@g.us"}`, `{}`, "names chat"},
	} {
		checker := New()
		checker.Event("s", "First", []byte(c.first))
		checker.Event("s", "Then", []byte(c.then))
		problems, checked := checker.TakeProblems("")
		found := strings.Join(problems, "\n")
		if checked != 2 || (c.want == "") != (found == "") || !strings.Contains(found, c.want) {
			t.Errorf("%s: %q", c.name, found)
		}
	}
	checker := New()
	checker.Event("s", "A", []byte(`{"sender":"1001@lid","pn":null,"lid":"1001@lid","contact_key":"a"}`))
	checker.Event("s", "Alias", []byte(`{"contact_key":"b","replaced_contact_key":"a"}`))
	checker.Event("s", "B", []byte(`{"sender":"1001@lid","pn":null,"lid":"1001@lid","contact_key":"b"}`))
	checker.Reply("s", "sandbox.x", []byte(`{"chat":"1@g.us"}`))
	if problems, checked := checker.TakeProblems(""); len(problems) != 0 || checked != 3 {
		t.Errorf("%d: %v", checked, problems)
	}
}
