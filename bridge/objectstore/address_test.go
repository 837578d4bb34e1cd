package objectstore

import "testing"

func TestAddressesAreNormalized(t *testing.T) {
	for address, want := range map[string]string{
		"https://cdn.example/my files/":   "https://cdn.example/my%20files/a.png",
		"https://cdn.example/my%20files":  "https://cdn.example/my%20files/a.png",
		" https://bücher.example/dateien": "https://xn--bcher-kva.example/dateien/a.png",
		"https://cdn.example/ü":           "https://cdn.example/%C3%BC/a.png",
	} {
		var s Settings
		(&Change{PublicURL: &address}).apply(&s)
		if got := s.url("a.png"); got != want {
			t.Errorf("%q: %q", address, got)
		}
		operators, _ := Settings{PublicURL: address, Bucket: "b"}.operators() // the error of other missing fields is ignored
		if got := operators.url("a.png"); got != want {
			t.Errorf("the operator's %q: %q", address, got)
		}
		endpoint := "https://bücher.example/"
		(&Change{Endpoint: &endpoint}).apply(&s)
		if s.Endpoint != "https://xn--bcher-kva.example" {
			t.Errorf("endpoint %q", s.Endpoint)
		}
	}
}
