package account

import "testing"

// The contact link has its prefix once for every form of the link in WhatsApp's answer.
func TestContactLinkHasOnePrefix(t *testing.T) {
	for _, code := range []string{"ABCDEF123456", "a", "qr", "ABC-_d", "wa.me"} {
		want := "https://wa.me/qr/" + code
		for _, answer := range []string{
			code, " " + code + "\n", want, "https://api.whatsapp.com/qr/" + code, "http://wa.me/qr/" + code, "wa.me/qr/" + code,
			"api.whatsapp.com/qr/" + code, "HTTPS://WA.ME/qr/" + code, "https://www.wa.me/qr/" + code, contactLink(code),
		} {
			if got := contactLink(answer); got != want {
				t.Errorf("%q: %q, want %q", answer, got, want)
			}
		}
	}
}
