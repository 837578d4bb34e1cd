package rest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

type text struct {
	Text string `rest:"text,required,param=/body"`
}

func echo(opts ...rest.Option) rest.Route {
	return rest.Row("POST", "/echo", "message.echo", func(x *rest.Exchange, in *text) (any, error) {
		var out any
		err := x.Call("message.echo", rest.Params{"body": in.Text}, &out)
		return out, err
	}, opts...)
}

func echoing(t *testing.T) *methods {
	return &methods{t: t, table: map[string]func(object) (any, *rpc.Error){
		"message.echo": func(p object) (any, *rpc.Error) { return p["body"], nil },
	}}
}

func TestCredentials(t *testing.T) {
	d := plain("d", echo(), rest.Row("GET", "/open", "", func(*rest.Exchange, *rest.None) (string, error) { return "open", nil }, rest.Public()))
	d.Credentials = []rest.Credential{rest.HeaderToken("Token"), rest.Authorization(), rest.QueryToken("token")}
	for _, test := range []struct {
		line, header string
		query        bool
		status       int
	}{
		{"POST /echo", "Token: ada", false, 200},
		{"POST /echo", "Authorization: ada", false, 200},
		{"POST /echo", "Authorization: Bearer ada", false, 200},
		{"POST /echo", "Authorization: bearer  ada", false, 200},
		{"POST /echo?token=ada", "", true, 200},
		{"POST /echo?token=ada", "", false, 401},
		{"POST /echo?token=bad", "Token: ada", false, 200},
		{"POST /echo", "", true, 401},
		{"POST /echo", "Token: bad", true, 401},
		{"GET /open", "", false, 200},
	} {
		s := newShim(t, echoing(t), rest.Config{QueryTokens: test.query}, d)
		if w := ask(s, test.line, `{"text":"x"}`, test.header); w.Code != test.status {
			t.Errorf("%s with %q: %d %s", test.line, test.header, w.Code, w.Body)
		}
	}
}

func TestErrorsOfMethods(t *testing.T) {
	m := echoing(t)
	s := newShim(t, m, rest.Config{}, plain("d", echo()))
	for _, test := range []struct {
		problem *rpc.Error
		status  int
		want    string
	}{
		{rpc.InvalidParams("/body", "is too long"), 400, `"text is too long"`},
		{rpc.InvalidParams("/body/inside", "is odd"), 400, `"text is odd"`},
		{rpc.InvalidParams("/other", "is odd"), 400, `"other is odd"`},
		{rpc.Forbidden("no"), 403, `"no`},
		{rpc.NotFound("gone"), 404, `gone`},
		{rpc.SessionNotConnected("off"), 503, `off`},
		{rpc.Internal(), 500, `internal`},
		{rpc.Timeout("late"), 504, `late`},
		{rpc.RateLimited("slow down", 1500*time.Millisecond), 429, `slow down`},
	} {
		m.table["message.echo"] = func(object) (any, *rpc.Error) { return nil, test.problem }
		w := ask(s, "POST /echo", `{"text":"x"}`, "Token: ada")
		if w.Code != test.status || !strings.Contains(w.Body.String(), strings.Trim(test.want, `"`)) {
			t.Errorf("%v: %d %s", test.problem, w.Code, w.Body)
		}
		if after := w.Header().Get("Retry-After"); test.status == 429 && after != "2" {
			t.Errorf("Retry-After is %q", after)
		}
	}
	m.table["message.echo"] = func(object) (any, *rpc.Error) { panic("a method's bug") }
	if w := ask(s, "POST /echo", `{"text":"x"}`, "Token: ada"); w.Code != 500 || strings.Contains(w.Body.String(), "bug") {
		t.Errorf("panic: %d %s", w.Code, w.Body)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	file := rest.Row("POST", "/file", "", func(_ *rest.Exchange, in *text) (int, error) { return len(in.Text), nil }, rest.TakesFiles())
	s := newShim(t, echoing(t), rest.Config{MaxBody: 100, MaxFileBody: 1000}, plain("d", echo(), file))
	body := func(n int) string { return `{"text":"` + strings.Repeat("x", n-11) + `"}` }
	for _, test := range []struct {
		path   string
		size   int
		status int
	}{{"/echo", 100, 200}, {"/echo", 101, 413}, {"/file", 1000, 200}, {"/file", 1001, 413}} {
		if w := ask(s, "POST "+test.path, body(test.size), "Token: ada"); w.Code != test.status {
			t.Errorf("%d bytes to %s: %d %s", test.size, test.path, w.Code, w.Body)
		}
		// The same without a length said beforehand.
		r := httptest.NewRequest(http.MethodPost, test.path, io.MultiReader(strings.NewReader(body(test.size))))
		r.Header.Set("Token", "ada")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != test.status {
			t.Errorf("%d bytes in chunks to %s: %d %s", test.size, test.path, w.Code, w.Body)
		}
	}
}

// TestBodiesWaitForMemory holds as many bodies as there is room for; one more waits, and goes when its caller does.
func TestBodiesWaitForMemory(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	slow := rest.Row("POST", "/slow", "", func(*rest.Exchange, *text) (bool, error) {
		entered <- struct{}{}
		<-release
		return true, nil
	}, rest.TakesFiles())
	s := newShim(t, nil, rest.Config{MaxBody: 100, MaxFileBody: 100, BodiesMemory: 200}, plain("d", slow))
	body := `{"text":"` + strings.Repeat("x", 80) + `"}`
	done := make(chan int, 3)
	post := func(ctx context.Context, token string) {
		r := httptest.NewRequestWithContext(ctx, "POST", "/slow", strings.NewReader(body))
		r.Header.Set("Token", token)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		done <- w.Code
	}
	for _, token := range []string{"ada", "ben"} { // one may have half of it: a body of the greatest size
		go post(t.Context(), token)
		<-entered
	}
	ctx, cancel := context.WithCancel(t.Context())
	go post(ctx, "admin")
	select {
	case <-entered:
		t.Fatal("a third body was read")
	case <-time.After(20 * time.Millisecond):
	}
	cancel()
	if code := <-done; code == http.StatusOK {
		t.Error("a request whose caller had gone was served")
	}
	close(release)
	for range 2 {
		if code := <-done; code != http.StatusOK {
			t.Errorf("status %d", code)
		}
	}
	go post(t.Context(), "ada")
	<-entered // the memory was given back
	if code := <-done; code != http.StatusOK {
		t.Errorf("status %d", code)
	}
}

func TestRates(t *testing.T) {
	s := newShim(t, echoing(t), rest.Config{Admit: rpc.NewRates(0.001, 2).Admit}, plain("d", echo()))
	for i, want := range []int{200, 200, 429} {
		if w := ask(s, "POST /echo", `{"text":"x"}`, "Token: ada"); w.Code != want {
			t.Errorf("call %d: %d", i, w.Code)
		}
	}
	if w := ask(s, "POST /echo", `{"text":"x"}`, "Token: ben"); w.Code != 200 {
		t.Errorf("somebody else: %d", w.Code)
	}
}

func TestMethodsAndPaths(t *testing.T) {
	get := rest.Row("GET", "/things/{id}", "", func(*rest.Exchange, *rest.None) (string, error) { return "thing", nil })
	s := newShim(t, nil, rest.Config{}, plain("d", get, echo()))
	for _, test := range []struct {
		line         string
		status       int
		allow, begin string
	}{
		{"GET /things/1", 200, "", `"thing"`},
		{"GET /d/things/1", 200, "", `"thing"`},
		{"GET //d//things/1/", 200, "", `"thing"`},
		{"HEAD /things/1", 200, "", ""},
		{"OPTIONS /things/1", 204, "GET, HEAD, OPTIONS", ""},
		{"OPTIONS /echo", 204, "OPTIONS, POST", ""},
		{"PUT /things/1", 405, "GET, HEAD, OPTIONS", ""},
		{"GET /nothing", 404, "", ""},
		{"OPTIONS /nothing", 404, "", ""},
		{"GET /things/%zz", 404, "", ""},
		{"GET /things", 404, "", ""},
		{"GET /openapi.json", 200, "", `{"components"`},
	} {
		if strings.Contains(test.line, "%zz") {
			continue // net/http refuses it before
		}
		w := ask(s, test.line, "", "Token: ada")
		if w.Code != test.status || w.Header().Get("Allow") != test.allow || !strings.HasPrefix(w.Body.String(), test.begin) {
			t.Errorf("%s: %d %q %s", test.line, w.Code, w.Header().Get("Allow"), w.Body)
		}
	}
}

// TestSharedMount has two dialects at the root: the path decides, and where both have it, the caller.
func TestSharedMount(t *testing.T) {
	says := func(path, text string) rest.Route {
		return rest.Row("GET", path, "", func(*rest.Exchange, *rest.None) (string, error) { return text, nil })
	}
	first, second := plain("first", says("/both", "first"), says("/one", "first")), plain("second", says("/both", "second"), says("/two", "second"))
	s := newShim(t, nil, rest.Config{DialectOf: func(who rpc.Principal) string {
		return map[string]string{"ben": "second", "ada": "unknown"}[who.Session]
	}}, first, second)
	for line, want := range map[string]string{
		"ada /both": "first", "ben /both": "second", "admin /both": "first", "ben /one": "first", "ada /two": "second", "ben /two": "second",
		"ben /first/both": "first", "ada /second/both": "second",
	} {
		who, path, _ := strings.Cut(line, " ")
		if w := ask(s, "GET "+path, "", "Token: "+who); w.Body.String() != fmt.Sprintf("%q", want) {
			t.Errorf("%s: %s", line, w.Body)
		}
	}
	if w := ask(s, "GET /both", "", "Token: nobody"); w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), `"first"`) {
		t.Errorf("nobody: %d %s", w.Code, w.Body)
	}
}

// TestSharedMountPerSession has two dialects between which sessions choose, and a third one: a session gets no answer of the other.
func TestSharedMountPerSession(t *testing.T) {
	says := func(path, text string, opts ...rest.Option) rest.Route {
		return rest.Row("GET", path, "", func(*rest.Exchange, *rest.None) (string, error) { return text, nil }, opts...)
	}
	first := plain("first", says("/both", "first"), says("/one", "first"), says("/open", "first", rest.Public()))
	second, third := plain("second", says("/both", "second"), says("/two", "second")), plain("third", says("/three", "third"))
	first.PerSession, second.PerSession = true, true
	s := newShim(t, nil, rest.Config{DialectOf: func(who rpc.Principal) string {
		return map[string]string{"ben": "second", "ada": "first"}[who.Session]
	}}, first, second, third)
	for line, status := range map[string]int{
		"ada /one": 200, "ada /two": 404, "ben /one": 404, "ben /two": 200, "ada /both": 200, "ben /both": 200, "ada /three": 200, "ben /three": 200,
		"admin /one": 200, "admin /two": 200, "ben /open": 200, "ben /first/one": 200, "ada /second/two": 200, "nobody /two": 401,
	} {
		who, path, _ := strings.Cut(line, " ")
		for _, method := range []string{"GET", "HEAD"} {
			if w := ask(s, method+" "+path, "", "Token: "+who); w.Code != status {
				t.Errorf("%s %s: %d %s", method, line, w.Code, w.Body)
			}
		}
	}
}

// countedTokens counts how often a caller was authenticated.
type countedTokens struct {
	tokens
	count int
}

func (c *countedTokens) Authenticate(ctx context.Context, token string) (rpc.Principal, error) {
	c.count++
	return c.tokens.Authenticate(ctx, token)
}

// TestSharedMountAuthenticatesOnce checks that the route takes over the caller whom the choice of the dialect has authenticated, also a refused one.
func TestSharedMountAuthenticatesOnce(t *testing.T) {
	says := func(path string) rest.Route {
		return rest.Row("GET", path, "", func(x *rest.Exchange, _ *rest.None) (string, error) { return x.Principal.ID, nil })
	}
	first, second := plain("first", says("/both"), says("/one")), plain("second", says("/both"), says("/two"))
	first.PerSession, second.PerSession = true, true
	counted := &countedTokens{tokens: everybody}
	s, err := rest.New(nil, counted, rest.Config{DialectOf: func(who rpc.Principal) string { return map[string]string{"ben": "second"}[who.Session] }}, first, second)
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]struct {
		body  string
		count int
	}{
		"ada /both": {`"session:ada"`, 1}, "ada /one": {`"session:ada"`, 1}, "admin /two": {`"admin"`, 1}, "ben /two": {`"session:ben"`, 1},
		"ada /first/one": {`"session:ada"`, 1}, "unknown /one": {"the token is not known", 1},
		"ben /both": {`"session:ben"`, 2}, // once for the first dialect, once for that of the session
	} {
		who, path, _ := strings.Cut(line, " ")
		counted.count = 0
		if w := ask(s, "GET "+path, "", "Token: "+who); !strings.Contains(w.Body.String(), want.body) || counted.count != want.count {
			t.Errorf("%s: %s, authenticated %d times", line, w.Body, counted.count)
		}
	}
}

// TestPathsOfAllDocuments registers every documented operation at its place: none hides another.
func TestPathsOfAllDocuments(t *testing.T) {
	file, err := os.Open("testdata/paths.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	mounts := map[string][]string{
		"digigo": {"", "/digigo"}, "wuzapi": {"", "/wuzapi"}, "wwebjs": {"", "/wwebjs"}, "waakg": {"/api", "/waakg/api"}, "operations": {"", "/operations"},
	}
	byName, order := map[string]*rest.Dialect{}, []*rest.Dialect{}
	type operation struct{ dialect, method, path string }
	var all []operation
	for lines := bufio.NewScanner(file); lines.Scan(); {
		f := strings.Fields(lines.Text())
		o := operation{f[0], f[1], f[2]}
		d := byName[o.dialect]
		if d == nil {
			d = plain(o.dialect)
			d.Mounts = mounts[o.dialect]
			byName[o.dialect] = d
			order = append(order, d)
		}
		d.Routes = append(d.Routes, rest.Row(o.method, o.path, "", func(*rest.Exchange, *rest.None) (string, error) {
			return o.dialect + " " + o.path, nil
		}))
		all = append(all, o)
	}
	s := newShim(t, nil, rest.Config{DialectOf: func(who rpc.Principal) string { return who.Session }}, order...)
	everybody["wuzapi"] = rpc.Principal{Kind: rpc.ScopeSession, ID: "session:wuzapi", Session: "wuzapi"}
	for _, o := range all {
		path := strings.NewReplacer("{", "x-", "}", "").Replace(o.path)
		token := "ada" // the first of the dialects that share a path
		if o.dialect == "wuzapi" {
			token = "wuzapi"
		}
		for _, mount := range mounts[o.dialect] {
			if w := ask(s, o.method+" "+mount+path, "", "Token: "+token); w.Body.String() != fmt.Sprintf("%q", o.dialect+" "+o.path) {
				t.Errorf("%s %s%s of %s went to %d %s", o.method, mount, path, o.dialect, w.Code, w.Body)
			}
		}
	}
	if len(all) != 428 {
		t.Errorf("%d operations", len(all))
	}
}

func TestIdempotencyAndRequestIDs(t *testing.T) {
	m := echoing(t)
	twice := rest.Row("POST", "/twice", "message.echo", func(x *rest.Exchange, _ *rest.None) (any, error) {
		return nil, errors.Join(x.Call("message.echo", nil, nil), x.Call("message.echo", nil, nil))
	})
	read := rest.Row("GET", "/read", "message.echo", func(x *rest.Exchange, _ *rest.None) (any, error) { return nil, x.Call("message.echo", nil, nil) })
	s := newShim(t, m, rest.Config{}, plain("d", twice, read))
	w := ask(s, "POST /twice", "", "Token: admin", "Idempotency-Key: k", "X-Request-Id: mine")
	if w.Code != 200 || w.Header().Get("X-Request-Id") != "mine" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	for i, call := range m.calls {
		if got := call.params["_meta"].(object)["idempotency_key"]; got != fmt.Sprintf("k#%d", i+1) {
			t.Errorf("call %d has the key %v", i, got)
		}
	}
	if w = ask(s, "GET /read", "", "Token: admin", "Idempotency-Key: k", "X-Request-Id: has space"); m.last().params["_meta"] != nil {
		t.Error("a question has a key")
	}
	if id := w.Header().Get("X-Request-Id"); id == "" || strings.Contains(id, " ") {
		t.Errorf("request id %q", id)
	}
	if w := ask(s, "POST /twice", "", "Token: admin", "Idempotency-Key: "+strings.Repeat("k", 191)); w.Code != 400 {
		t.Errorf("long key: %d", w.Code)
	}
}

// A route that calls what it does not name is a bug: the caller gets an error, and nothing is called.
func TestRoutesNameWhatTheyCall(t *testing.T) {
	m := echoing(t)
	secret := rest.Row("GET", "/secret", "message.other", func(x *rest.Exchange, _ *rest.None) (any, error) { return nil, x.Call("message.echo", nil, nil) })
	s := newShim(t, m, rest.Config{}, plain("d", secret))
	if w := ask(s, "GET /secret", "", "Token: ada"); w.Code != 500 || len(m.calls) != 0 {
		t.Errorf("%d after %d calls: %s", w.Code, len(m.calls), w.Body)
	}
}

// TestChangesOutliveTheCaller hangs up during a call that changes something, and during one that asks.
func TestChangesOutliveTheCaller(t *testing.T) {
	for method, outlives := range map[string]bool{"POST": true, "GET": false} {
		ctx, hangUp := context.WithCancel(t.Context())
		var during error
		caller := callerFunc(func(ctx context.Context) {
			hangUp()
			during = ctx.Err()
		})
		s := newShim(t, caller, rest.Config{}, plain("d", rest.Row(method, "/do", "message.echo", func(x *rest.Exchange, _ *rest.None) (any, error) { return nil, x.Call("message.echo", nil, nil) })))
		r := httptest.NewRequestWithContext(ctx, method, "/do", nil)
		r.Header.Set("Token", "ada")
		s.ServeHTTP(httptest.NewRecorder(), r)
		if (during == nil) != outlives {
			t.Errorf("%s: %v", method, during)
		}
	}
}
