package rpc

import "testing"

func TestEmailFormat(t *testing.T) {
	for address, ok := range map[string]bool{
		"anna@example.com": true, "anna+crm@mail.example.com": true, "": false, "anna": false, "Anna <anna@example.com>": false, "anna@example.com, bert@example.com": false,
		" anna@example.com": false, "\"a b\"@example.com": false, "anna@": false, "anna@example.com\r\nX: y": false,
	} {
		if got := checkEmail(address) == ""; got != ok {
			t.Errorf("%q is accepted: %v", address, got)
		}
	}
}
