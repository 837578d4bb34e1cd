package rest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type object = map[string]any

// methods is a Caller of functions that records its calls.
type methods struct {
	t     *testing.T
	table map[string]func(p object) (any, *rpc.Error)
	calls []made
}

type made struct {
	method string
	params object
	who    rpc.Principal
}

func (m *methods) Call(_ context.Context, call *rpc.Call, method string, params json.RawMessage) (json.RawMessage, *rpc.Error) {
	var p object
	if err := json.Unmarshal(params, &p); err != nil {
		m.t.Errorf("params of %s: %v", method, err)
	}
	m.calls = append(m.calls, made{method, p, call.Principal})
	f := m.table[method]
	if f == nil {
		return nil, rpc.MethodNotFound(method)
	}
	result, problem := f(p)
	if problem != nil {
		return nil, problem
	}
	raw, err := json.Marshal(result)
	if err != nil {
		m.t.Errorf("result of %s: %v", method, err)
	}
	return raw, nil
}

// last is the newest call.
func (m *methods) last() made {
	m.t.Helper()
	if len(m.calls) == 0 {
		m.t.Fatal("no method was called")
	}
	return m.calls[len(m.calls)-1]
}

// tokens are the principals by token.
type tokens map[string]rpc.Principal

func (k tokens) Authenticate(_ context.Context, token string) (rpc.Principal, error) {
	if who, ok := k[token]; ok {
		return who, nil
	}
	return rpc.Principal{}, rpc.Unauthenticated("the token is not known")
}

var everybody = tokens{
	"ada":   {Kind: rpc.ScopeSession, ID: "session:ada", Session: "ada"},
	"ben":   {Kind: rpc.ScopeSession, ID: "session:ben", Session: "ben"},
	"admin": {Kind: rpc.ScopeAdmin, ID: "admin"},
}

func newShim(t *testing.T, caller rest.Caller, cfg rest.Config, dialects ...*rest.Dialect) *rest.Shim {
	t.Helper()
	s, err := rest.New(caller, everybody, cfg, dialects...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask sends a request as "METHOD path" with header fields "Name: value" and returns the answer.
func ask(s http.Handler, line, body string, header ...string) *httptest.ResponseRecorder {
	method, path, _ := strings.Cut(line, " ")
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, path, reader)
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func decoded(t *testing.T, w *httptest.ResponseRecorder) (out any) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return out
}

// plain is a dialect without peculiarities around some routes.
func plain(name string, routes ...rest.Route) *rest.Dialect {
	return &rest.Dialect{
		Name: name, Title: name, Version: "1", Mounts: []string{"", "/" + name},
		Credentials: []rest.Credential{rest.HeaderToken("Token"), rest.QueryToken("token")}, Routes: routes,
		Fail: func(_ *rest.Exchange, f *rest.Failure) *rest.Reply {
			var fields []string
			for _, fault := range f.Faults {
				fields = append(fields, fault.Field+" "+fault.Problem)
			}
			return &rest.Reply{Status: f.Status(), Body: object{"dialect": name, "error": f.Error(), "fields": fields}}
		},
		Missing: func(_ *rest.Exchange, allowed []string) *rest.Reply {
			status := http.StatusNotFound
			if allowed != nil {
				status = http.StatusMethodNotAllowed
			}
			return &rest.Reply{Status: status, Body: object{"dialect": name}}
		},
	}
}

// callerFunc is a Caller that only looks at the context.
type callerFunc func(ctx context.Context)

func (f callerFunc) Call(ctx context.Context, _ *rpc.Call, _ string, _ json.RawMessage) (json.RawMessage, *rpc.Error) {
	f(ctx)
	return json.RawMessage("null"), nil
}
