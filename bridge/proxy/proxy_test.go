package proxy

import (
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge/wa"
)

func TestProxy(t *testing.T) {
	stored := Proxy{Enabled: true, URL: "socks5://me:geheim@proxy.example:1080"}
	masked := stored.Masked()
	if strings.Contains(masked.URL, "geheim") || !strings.Contains(masked.URL, "me:***@proxy.example:1080") {
		t.Errorf("masked: %s", masked.URL)
	}
	for name, c := range map[string]struct {
		change Proxy
		want   string
		bad    bool
	}{
		"off keeps the address":  {Proxy{}, stored.URL, false},
		"masked means unchanged": {Proxy{true, masked.URL}, stored.URL, false},
		"new address":            {Proxy{true, "http://other.example:3128"}, "http://other.example:3128", false},
		"foreign mask":           {Proxy{true, "http://me:***@other.example"}, "", true},
		"scheme":                 {Proxy{true, "ftp://other.example"}, "", true},
		"no host":                {Proxy{true, "http://"}, "", true},
		"nonsense":               {Proxy{true, "::"}, "", true},
		"too long":               {Proxy{true, "http://" + strings.Repeat("a", 3000)}, "", true},
	} {
		got, err := stored.MergeChange(c.change)
		if (err != nil) != c.bad || err == nil && got.URL != c.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: the error tells the password", name)
		}
	}
	if _, err := (Proxy{}).MergeChange(Proxy{Enabled: true}); wa.ReasonOf(err) != wa.ReasonBadParam {
		t.Errorf("on without an address: %v", err)
	}
}
