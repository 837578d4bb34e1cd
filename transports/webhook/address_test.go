package webhook

import "testing"

// TestAddressesAreNormalized checks that every method that sets an address stores it in the normalized form used for requests.
func TestAddressesAreNormalized(t *testing.T) {
	for address, want := range map[string]string{
		"http://example.com/hook?note=a b": "http://example.com/hook?note=a%20b",
		" http://example.com/a b\n":        "http://example.com/a%20b",
		"http://bücher.example/ü?x=ä":      "http://xn--bcher-kva.example/%C3%BC?x=%C3%A4",
		"http://example.com/a%20b?c=d+e":   "http://example.com/a%20b?c=d+e",
		"":                                 "",
	} {
		w := emptyDefault("s")
		(&Change{URL: &address}).apply(w)
		if w.URL != want {
			t.Errorf("%q: %q", address, w.URL)
		}
		if got := (&Global{URL: address}).webhook().URL; got != want {
			t.Errorf("the operator's %q: %q", address, got)
		}
		if old := (&Webhook{URL: address}).ready(); address != "" && old.to.String() != want { // stored by an earlier version
			t.Errorf("stored %q: %q", address, old.to)
		}
	}
}
