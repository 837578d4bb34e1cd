package origin

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"
)

// request is one to waystation.example:8480 from a page.
func request(origins ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/v1/ws", nil)
	r.Host = "waystation.example:8480"
	if len(origins) > 0 {
		r.Header["Origin"] = origins
	}
	return r
}

func TestAllows(t *testing.T) {
	list, err := New([]string{"https://example.com", "good.example:8443", "http://localhost:3000", "http://[::1]:3000"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for page, want := range map[string]bool{
		"http://waystation.example:8480":  true, // its own
		"https://waystation.example:8480": true, // behind a proxy with TLS
		"https://example.com":             true,
		"https://example.com:443":         true,
		"HTTPS://EXAMPLE.COM":             true,
		"https://good.example:8443":       true,
		"http://localhost:3000":           true,
		"http://[::1]:3000":               true,

		"":                                      false,
		"null":                                  false,
		"NULL":                                  false,
		"*":                                     false,
		"http://example.com":                    false, // another scheme
		"http://good.example:8443":              false,
		"https://localhost:3000":                false,
		"ws://example.com":                      false,
		"file://example.com":                    false,
		"chrome-extension://example.com":        false,
		"javascript:alert(1)//https://e.com":    false,
		"https://example.com:8443":              false, // another port
		"https://good.example":                  false,
		"http://waystation.example":             false,
		"http://waystation.example:8481":        false,
		"https://evil-example.com":              false, // looks alike
		"https://example.com.evil":              false,
		"https://evil.com/https://example.com":  false,
		"https://sub.example.com":               false,
		"https://examplexcom":                   false,
		"https://example.com.":                  false,
		"https://waystation.example.evil:8480":  false,
		"https://evilwaystation.example:8480":   false,
		"https://example.com@evil.com":          false,
		"https://user@example.com":              false,
		"https://evil.com#example.com":          false,
		"https://evil.com?https://example.com":  false,
		"https://example.com/":                  false, // not the form that browsers send
		"https://example.com/path":              false,
		"https://example.com?":                  false,
		"https://example.com:":                  false,
		"https://example.com https://evil.com":  false,
		" https://example.com":                  false,
		"https://example.com\x00.evil.com":      false,
		"example.com":                           false,
		"//example.com":                         false,
		"https://":                              false,
		"https://:443":                          false,
		"https://example.com%2eevil.com":        false,
		"https://xn--xample-9uf.com":            false,
		"https://\u0435xample.com":              false,
		"https://[::1]:3000":                    false,
		"http://[::1%25lo]:3000":                false,
		"https://waystation.example:8480.evil/": false,
	} {
		if got := list.Allows(request(page)); got != want {
			t.Errorf("%q: %v, want %v", page, got, want)
		}
	}
	if !list.Allows(request()) {
		t.Error("what is no page is refused")
	}
	if list.Allows(request("https://example.com", "https://evil.com")) || list.Allows(request("https://example.com", "https://example.com")) {
		t.Error("two origins pass")
	}
}

func TestOwnScheme(t *testing.T) {
	behindProxy, err := New(nil, "https://waystation.example:8480/base")
	if err != nil {
		t.Fatal(err)
	}
	withTLS := request("http://waystation.example:8480")
	withTLS.TLS = &tls.ConnectionState{}
	for name, c := range map[string]struct {
		list *List
		r    *http.Request
		want bool
	}{
		"public URL, same scheme":  {behindProxy, request("https://waystation.example:8480"), true},
		"public URL, other scheme": {behindProxy, request("http://waystation.example:8480"), false},
		"plain page on TLS":        {nil, withTLS, false},
		"no list, own host":        {nil, request("http://waystation.example:8480"), true},
		"no list, other host":      {nil, request("http://evil.example:8480"), false},
	} {
		if got := c.list.Allows(c.r); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	// Another name of the same server, such as the loopback: the public URL does not apply to it.
	local := request("http://127.0.0.1:8480")
	local.Host = "127.0.0.1:8480"
	if !behindProxy.Allows(local) {
		t.Error("the page of another name of the server is refused")
	}
}

func TestBadLists(t *testing.T) {
	for _, entry := range []string{"*", "*.example.com", "https://*", "ftp://example.com", "https://example.com/path", "null", "", "a b"} {
		list, err := New([]string{entry}, "")
		if entry == "null" { // a host of that name; the Origin null is still rejected
			if err != nil || list.Allows(request("null")) {
				t.Errorf("null: %v", err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%q is taken", entry)
		}
	}
}

func TestGuard(t *testing.T) {
	list, err := New([]string{"https://app.example"}, "")
	if err != nil {
		t.Fatal(err)
	}
	status := func(code int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	}
	guard := list.Guard(status(http.StatusOK), status(http.StatusForbidden))
	for name, c := range map[string]struct {
		method, page string
		preflight    bool
		status       int
		allowed      string
	}{
		"no page":           {http.MethodGet, "", false, http.StatusOK, ""},
		"allowed":           {http.MethodGet, "https://app.example", false, http.StatusOK, "https://app.example"},
		"preflight":         {http.MethodOptions, "https://app.example", true, http.StatusNoContent, "https://app.example"},
		"hostile":           {http.MethodGet, "https://app.example.evil", false, http.StatusForbidden, ""},
		"hostile preflight": {http.MethodOptions, "https://evil-app.example", true, http.StatusForbidden, ""},
		"null":              {http.MethodGet, "null", false, http.StatusForbidden, ""},
	} {
		r := request()
		r.Method = c.method
		if c.page != "" {
			r.Header.Set("Origin", c.page)
		}
		if c.preflight {
			r.Header.Set("Access-Control-Request-Method", http.MethodPost)
		}
		w := httptest.NewRecorder()
		guard.ServeHTTP(w, r)
		h := w.Result().Header
		if w.Code != c.status || h.Get("Access-Control-Allow-Origin") != c.allowed {
			t.Errorf("%s: status %d, allowed %q", name, w.Code, h.Get("Access-Control-Allow-Origin"))
		}
		if h.Get("Vary") != "Origin" || h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %v", name, h)
		}
		if got := h.Get("Access-Control-Allow-Headers"); (got != "") != (c.status == http.StatusNoContent) {
			t.Errorf("%s: headers %q", name, got)
		}
	}
}
