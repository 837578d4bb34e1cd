package guard

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestNormalize(t *testing.T) {
	for address, want := range map[string]string{
		"http://example.com":                     "http://example.com",
		" https://example.com/a \n":              "https://example.com/a",
		"http://example.com/hook?note=a b":       "http://example.com/hook?note=a%20b",
		"http://example.com/a b/c":               "http://example.com/a%20b/c",
		"http://example.com/a%20b?c=%20d":        "http://example.com/a%20b?c=%20d",
		"http://example.com/straße?q=ü":          "http://example.com/stra%C3%9Fe?q=%C3%BC",
		"http://example.com/?q=100%":             "http://example.com/?q=100%25",
		"http://example.com/?q=%zz":              "http://example.com/?q=%25zz",
		"http://example.com/?a={x}|y^\"<>`\\":    "http://example.com/?a=%7Bx%7D%7Cy%5E%22%3C%3E%60%5C",
		"http://example.com/a%2Fb?x=1&y=a+b#top": "http://example.com/a%2Fb?x=1&y=a+b#top",
		"http://bücher.example/":                 "http://xn--bcher-kva.example/",
		"http://BÜCHER.example:8080/x":           "http://xn--bcher-kva.example:8080/x",
		"http://пример.example":                  "http://xn--e1afmkfd.example",
		"http://例え。example/":                     "http://xn--r8jz45g.example/",
		"http://１２７.０.０.１/":                      "http://127.0.0.1/",
		"http://user:p%20w@bücher.example/":      "http://user:p%20w@xn--bcher-kva.example/",
		"redis://:secret@bücher.example:6379/0":  "redis://:secret@xn--bcher-kva.example:6379/0",
		"socks5://me:pw@bücher.example:1080":     "socks5://me:pw@xn--bcher-kva.example:1080",
		"amqp://example.com/my%2Fvhost":          "amqp://example.com/my%2Fvhost",
		"http://[::1]:80/a b":                    "http://[::1]:80/a%20b",
		"http://example.com/?a=\u00a0b":          "http://example.com/?a=%C2%A0b",
		"http://under_score.example/":            "http://under_score.example/",
		"":                                       "",
	} {
		got, err := Normalize(address)
		if err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", address, got, err, want)
		}
		if again, err := Normalize(got); err != nil || again != got {
			t.Errorf("%q again: %q, %v", got, again, err)
		}
	}
	for _, address := range []string{"http://a b/", "http://example.com/a\nb", "http://example.com/%zz", "http://ex\x00ample.com", "http://bü cher.example", "http://a..ü\u200e/", "::"} {
		if got, err := Normalize(address); ReasonOf(err) != ReasonBadURL {
			t.Errorf("%q: %q, %v", address, got, err)
		} else if strings.Contains(err.Error(), "%zz") {
			t.Errorf("%q is in its error: %v", address, err)
		}
	}
}

// TestUnicodeHosts requests hosts by the names that people type, which resolve and are allowed by their ASCII form.
func TestUnicodeHosts(t *testing.T) {
	answers := map[string][]string{"xn--bcher-kva.example": {"93.184.216.34"}, "xn--mller-kva.example": {"10.0.0.7"}, "xn--r8jz45g.example": {"10.0.0.8"}}
	w := newWorld(t, hello, answers, "müller.example", "xn--r8jz45g.example")
	for address, want := range map[string]Reason{
		"http://bücher.example/": "", "http://BÜCHER.example/": "", "http://xn--bcher-kva.example/": "", "http://bücher.example./": "",
		"http://müller.example/": "", "http://xn--mller-kva.example/": "", "http://例え.example/": "", "http://例え。example/": "",
		"http://１２７.０.０.１/": ReasonForbidden, "http://①.example/": ReasonUnresolved, "http://bü_cher.example/": ReasonBadURL,
	} {
		if err := w.Check(t.Context(), address); ReasonOf(err) != want {
			t.Errorf("check of %s: %v", address, err)
		}
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.CheckHost(t.Context(), u.Hostname()); ReasonOf(err) != want {
			t.Errorf("check of the host of %s: %v", address, err)
		}
		if want == "" {
			if _, err := get(w.Client(Limits{}), address); err != nil {
				t.Errorf("%s: %v", address, err)
			}
		}
	}
}

// TestQueriesAreEncoded requests and redirects to addresses with characters that no request line may contain.
func TestQueriesAreEncoded(t *testing.T) {
	var seen []string
	w := newWorld(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.URL.Query().Get("note"))
		if r.URL.Path == "/again" {
			rw.Header().Set("Location", "/?note=c d")
			rw.WriteHeader(http.StatusFound)
		}
	}), map[string][]string{"a.example": {"93.184.216.34"}})
	if _, err := get(w.Client(Limits{}), "http://a.example/again?note=a b"); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 2 || seen[0] != "a b" || seen[1] != "c d" {
		t.Errorf("seen %q", seen)
	}
}

func TestPortsOfTheAllowList(t *testing.T) {
	answers := map[string][]string{"in.example": {"10.0.0.1"}, "all.example": {"10.0.0.2"}, "bare.example": {"10.0.0.3"}}
	w := newWorld(t, hello, answers)
	g, err := New(Config{
		Allow: []string{
			"in.example:8080", "in.example:8081", "all.example:*", "bare.example", "10.1.0.1:9000", "10.2.0.0/16:9000", "10.3.0.0/16", "[fd00::1]:9000",
			"fd00::2", "[fd00::3]", "[fd00:5::/32]:9000",
		},
		BarePorts: []uint16{80, 443}, Resolver: w.names, Dial: w.dial,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for host, ok := range map[string]bool{
		"in.example:8080": true, "in.example:8081": true, "in.example": false, "in.example:8082": false, "in.example:443": false,
		"all.example": true, "all.example:1": true, "bare.example": true, "bare.example:443": true, "bare.example:8080": false, "bare.example:22": false,
		"10.1.0.1:9000": true, "10.1.0.1": false, "10.2.3.4:9000": true, "10.2.3.4:9001": false, "10.3.3.4": true, "10.3.3.4:6379": false,
		"[fd00::1]:9000": true, "[fd00::1]": false, "[fd00::2]:80": true, "[fd00::3]:443": true, "[fd00::3]:9": false, "[fd00:5::9]:9000": true,
		"93.184.216.34:12345": true,
	} {
		_, got := get(g.Client(Limits{}), "http://"+host+"/")
		if checked := g.Check(t.Context(), "http://"+host+"/"); (got == nil) != ok || (checked == nil) != ok || !ok && ReasonOf(got) != ReasonForbidden {
			t.Errorf("%s: %v, check %v", host, got, checked)
		}
	}
}

func TestTidy(t *testing.T) {
	for address, want := range map[string]string{
		"redis://:s@bücher.example:6379/0":                   "redis://:s@xn--bcher-kva.example:6379/0",
		"redis://bücher.example:1,müller.example:2/?a=b":     "redis://xn--bcher-kva.example:1,xn--mller-kva.example:2/?a=b",
		" amqp://guest:guest@bücher.example:5672/my vhost\n": "amqp://guest:guest@xn--bcher-kva.example:5672/my%20vhost",
		"https://sqs.example/1/{session}-{type}":             "https://sqs.example/1/{session}-{type}",
		"https://sqs.bücher.example/1/queue":                 "https://sqs.xn--bcher-kva.example/1/queue",
		"queue-name":                                         "queue-name", " {session}.fifo ": "{session}.fifo", "": "",
		"redis://[fd00::1]:6379": "redis://[fd00::1]:6379",
	} {
		if got := Tidy(address); got != want || Tidy(got) != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

// The errors of addresses show nothing of them: they may contain passwords.
func TestNormalizeErrorsShowNoAddress(t *testing.T) {
	for _, address := range []string{"http://user:hunter2@[::1", "http://user:hunter2@host:port/", "http://hunter2%zz/", "://hunter2", "http://a hunter2/", "http://hunter2\x01/", "hunter2:1/ab:%"} {
		if _, err := Normalize(address); err != nil && strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
