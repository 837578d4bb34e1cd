package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"
)

type nothing struct{}

func TestScopesAndSessions(t *testing.T) {
	reg := NewRegistry(Options{})
	for _, s := range []Scope{ScopePublic, ScopeSession, ScopeAccount, ScopeAdmin} {
		Register(reg, Method{Name: "test." + string(s), Scope: s}, func(_ context.Context, call *Call, _ *nothing) (string, error) {
			return call.Session, nil
		})
	}
	Register(reg, Method{Name: "test.free", NoSession: true}, func(context.Context, *Call, *nothing) (bool, error) { return true, nil })
	stranger := Principal{}
	bound := Principal{Kind: ScopeSession, Session: "s1"}
	account := Principal{Kind: ScopeAccount, Account: "a"}
	admin := Principal{Kind: ScopeAdmin}
	for _, tc := range []struct {
		who            Principal
		method, params string
		code           int
		result         string
	}{
		{stranger, "test.public", ``, 0, `""`},
		{stranger, "test.session", ``, CodeUnauthenticated, ""},
		{bound, "test.session", ``, 0, `"s1"`},
		{bound, "test.session", `{"session":"s1"}`, 0, `"s1"`},
		{bound, "test.session", `{"session":"s2"}`, CodeForbidden, ""},
		{bound, "test.session", `{"session":""}`, CodeInvalidParams, ""},
		{bound, "test.session", `{"session":"s1","session":"s2"}`, CodeInvalidParams, ""},
		{bound, "test.account", ``, CodeForbidden, ""},
		{bound, "test.admin", ``, CodeForbidden, ""},
		{bound, "test.free", ``, 0, `true`},
		{bound, "test.free", `{"session":"s1"}`, CodeInvalidParams, ""},
		{account, "test.account", ``, 0, `""`},
		{account, "test.session", `{"session":"s1"}`, CodeForbidden, ""},
		{admin, "test.session", `{"session":"s9"}`, 0, `"s9"`},
		{admin, "test.session", ``, CodeInvalidParams, ""},
		{admin, "test.session", `{"session":null}`, CodeInvalidParams, ""},
		{admin, "test.admin", ``, 0, `""`},
		{admin, "test.none", ``, CodeMethodNotFound, ""},
		{admin, "test.admin", `{`, CodeInvalidParams, ""},
		{admin, "test.admin", `{"_meta":{"idempotency_key":"k"}}`, CodeNotSupported, ""}, // nothing to keep replies in
	} {
		result, problem := reg.Call(t.Context(), &Call{Principal: tc.who}, tc.method, json.RawMessage(tc.params))
		switch {
		case tc.code == 0 && (problem != nil || string(result) != tc.result):
			t.Errorf("%+v %s %s: got %s, %v", tc.who, tc.method, tc.params, result, problem)
		case tc.code != 0 && (problem == nil || problem.Code != tc.code):
			t.Errorf("%+v %s %s: got %s, %v", tc.who, tc.method, tc.params, result, problem)
		}
	}
}

func TestMapError(t *testing.T) {
	reg := NewRegistry(Options{})
	inner := errors.New("inner")
	var fail error
	Register(reg, Method{Name: "test.fail", Scope: ScopePublic}, func(context.Context, *Call, *nothing) (bool, error) { return false, fail })
	reg.MapError = func(err error) *Error {
		if errors.Is(err, inner) {
			return NotFound("mapped")
		}
		return nil
	}
	for _, tc := range []struct {
		err  error
		code int
	}{
		{inner, CodeNotFound},
		{fmt.Errorf("wrapped: %w", inner), CodeNotFound},
		{fmt.Errorf("wrapped: %w", Conflict("x")), CodeConflict},
		{errors.New("other"), CodeInternal},
		{context.Canceled, CodeCancelled},
		{context.DeadlineExceeded, CodeTimeout},
	} {
		fail = tc.err
		if _, problem := reg.Call(t.Context(), &Call{}, "test.fail", nil); problem == nil || problem.Code != tc.code {
			t.Errorf("%v: got %v", tc.err, problem)
		}
	}
}

func TestEveryCodeHasAReason(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range []*Error{
		ParseError(""), InvalidRequest(""), MethodNotFound(""), InvalidParams("", ""), Internal(), Unauthenticated(""), Forbidden(""),
		NotFound(""), Conflict(""), RateLimited("", time.Second), Timeout(""), Cancelled(), SessionNotConnected(""),
		OwnerUnavailable("", 0), WhatsApp(463, ""), TooLarge("", 1), IdempotencyMismatch(), PositionLost(""), NotSupported(""), ShuttingDown(0),
	} {
		if reasons[e.Code] == "" || seen[e.reason()] {
			t.Errorf("%d has no reason of its own", e.Code)
		}
		seen[e.reason()] = true
		if !json.Valid(e.AppendJSON(nil, "r")) {
			t.Errorf("%v is not JSON", e)
		}
	}
	if len(seen) != len(reasons) {
		t.Errorf("%d of %d codes have a constructor", len(seen), len(reasons))
	}
}

func TestDetailsThatCannotBeEncoded(t *testing.T) {
	if !json.Valid(NotFound("x").With(make(chan int)).AppendJSON(nil, "r")) {
		t.Fatal("not JSON")
	}
}

func TestInFlightOfASession(t *testing.T) {
	reg := NewRegistry(Options{SessionInFlight: 1})
	begun, end := make(chan struct{}), make(chan struct{})
	Register(reg, Method{Name: "test.hold"}, func(context.Context, *Call, *nothing) (bool, error) {
		begun <- struct{}{}
		<-end
		return true, nil
	})
	call := func(session string) *Error {
		_, problem := reg.Call(context.Background(), &Call{Principal: Principal{Kind: ScopeSession, Session: session}}, "test.hold", nil)
		return problem
	}
	done := make(chan *Error)
	go func() { done <- call("s1") }()
	<-begun
	if problem := call("s1"); problem == nil || problem.Code != CodeRateLimited || problem.RetryAfter == 0 {
		t.Fatal(problem)
	}
	go func() { done <- call("s2") }()
	<-begun
	close(end)
	for range 2 {
		if problem := <-done; problem != nil {
			t.Fatal(problem)
		}
	}
	if len(reg.sessions.running) != 0 {
		t.Fatal("sessions are still counted")
	}
}

type schemaParams struct {
	To    string   `json:"to" rpc:"required,format=jid" doc:"chat"`
	Text  string   `json:"text" rpc:"required,min=1,max=5"`
	Kind  string   `json:"kind" rpc:"enum=a|b"`
	Many  []inner  `json:"many" rpc:"max=3"`
	Names []string `json:"names" rpc:"each.max=9,enum=p|q"`
}

type schemaResult struct {
	ID   string         `json:"id"`
	At   *time.Time     `json:"at"`
	More map[string]int `json:"more,omitempty"`
	Self *schemaResult  `json:"self,omitempty"`
}

func TestDiscover(t *testing.T) {
	reg := NewRegistry(Options{
		Title: "T", Version: "1.2", Operations: map[string][]string{"test.do": {"wuzapi:POST /x"}},
		Events: []EventDoc{{Name: "Message", Summary: "a message"}},
	})
	Register(reg, Method{Name: "test.do", Summary: "Do it."}, func(context.Context, *Call, *schemaParams) (*schemaResult, error) {
		return nil, nil
	})
	raw, problem := reg.Call(t.Context(), &Call{}, "rpc.discover", nil)
	if problem != nil {
		t.Fatal(problem)
	}
	var doc struct {
		OpenRPC string `json:"openrpc"`
		Info    struct{ Title, Version string }
		Methods []struct {
			Name   string
			Params []struct {
				Name     string
				Required bool
				Schema   json.RawMessage
			}
			Result struct{ Schema json.RawMessage }
			Errors []struct {
				Ref string `json:"$ref"`
			}
			Scope      string   `json:"x-scope"`
			Operations []string `json:"x-operations"`
		}
		Components struct {
			Schemas map[string]json.RawMessage
			Errors  map[string]struct{ Code int }
		}
		Events []EventDoc `json:"x-events"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Info.Title != "T" || len(doc.Methods) != 3 || len(doc.Events) != 1 || doc.Components.Errors["forbidden"].Code != CodeForbidden {
		t.Fatalf("%s", raw)
	}
	m := doc.Methods[2]
	if m.Name != "test.do" || m.Scope != "session" || m.Operations[0] != "wuzapi:POST /x" || len(m.Errors) < 5 {
		t.Fatalf("%+v", m)
	}
	want := map[string]string{
		"session": `{"type":"string"}`,
		"to":      `{"description":"chat (a JID, or an international phone number in digits; +, 00, spaces, dots, brackets and hyphens do not matter)","examples":["4915112345678@s.whatsapp.net","+4915112345678"],"type":"string"}`,
		"text":    `{"maxLength":5,"minLength":1,"type":"string"}`,
		"kind":    `{"enum":["a","b"],"type":"string"}`,
		"many":    `{"items":{"$ref":"#/components/schemas/innerInput"},"maxItems":3,"type":"array"}`,
		"_meta":   `{"$ref":"#/components/schemas/MetaInput"}`,
		"names":   `{"items":{"enum":["p","q"],"maxLength":9,"type":"string"},"type":"array"}`,
	}
	for _, p := range m.Params {
		if string(p.Schema) != want[p.Name] {
			t.Errorf("%s: %s", p.Name, p.Schema)
		}
		if p.Required != (p.Name == "to" || p.Name == "text") {
			t.Errorf("%s: required %v", p.Name, p.Required)
		}
	}
	if got := string(doc.Components.Schemas["schemaResult"]); got != `{"properties":{"at":{"format":"date-time","type":["string","null"]},"id":{"type":"string"},"more":{"additionalProperties":{"type":"integer"},"type":"object"},"self":{"oneOf":[{"$ref":"#/components/schemas/schemaResult"},{"type":"null"}]}},"required":["id","at"],"type":"object"}` {
		t.Errorf("result: %s", got)
	}
	if got := string(doc.Components.Schemas["innerInput"]); got == "" {
		t.Errorf("no schema of inner: %s", raw)
	}
}
