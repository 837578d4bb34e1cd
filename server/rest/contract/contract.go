// Package contract compares a dialect with the catalogue of its document, without a server: each documented request
// becomes recorded calls, one recorded result of each method becomes the documented answer, and each documented error is
// looked for among the answers to wrong requests and failing calls. There is no code for single operations.
//
// Enter at Contract.
package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// Contract compares a dialect with its catalogue, without a server: each documented request becomes the calls in
// testdata/calls, and the result of each method becomes the documented answer. Run the test with -update to write the
// files; the errors that they list as unmatched are documented, but caused by none of the wrong requests and failing calls.
type Contract struct {
	Dialect *rest.Dialect
	// Header and AdminHeader are the header fields of the tokens of sessions and admins.
	Header, AdminHeader string
	// Rules hold for every answer, Failures for errors beside them.
	Rules, Failures resttest.Rules
	// Values stand in requests for fields without a documented example, as text where the field is one.
	Values resttest.Values
	// Under are values that take precedence in operations whose path begins with the key.
	Under map[string]resttest.Values
}

func (c *Contract) valuesOf(o *resttest.Operation) resttest.Values {
	values := c.Values
	for prefix, under := range c.Under {
		if strings.HasPrefix(o.Path, prefix) {
			values = values.With(under)
		}
	}
	own := resttest.Values{}
	if o.Body != nil {
		for _, f := range o.Body.Fields {
			if value, ok := values[f.Path]; ok && f.Type.Is("string") {
				own[f.Path] = fmt.Sprint(value)
			}
		}
	}
	return values.With(own)
}

type recordedCall struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// recorder is a Caller that records calls and answers them with one result a method.
type recorder struct {
	t       *testing.T
	results *results
	calls   []recordedCall
	// variant is the number of the recorded result; fails are the errors of methods.
	variant int
	fails   map[string]*rpc.Error
}

// Call implements rest.Caller.
func (r *recorder) Call(ctx context.Context, call *rpc.Call, method string, params json.RawMessage) (json.RawMessage, *rpc.Error) {
	r.calls = append(r.calls, recordedCall{method, params})
	r.checkParams(method, params)
	if problem := r.fails[method]; problem != nil {
		return nil, problem
	}
	result := r.results.resultOf(method, r.variant)
	if call.Push != nil {
		var note rest.Note
		_ = json.Unmarshal(result, &note)
		_ = call.Push(ctx, note.Method, note.Params)
	}
	return result, nil
}

// checkParams fails the test when a param is not one of the method's.
func (r *recorder) checkParams(method string, params json.RawMessage) {
	var given map[string]json.RawMessage
	_ = json.Unmarshal(params, &given) // made by the engine
	known := r.results.paramNames(method)
	for name := range given {
		if !slices.Contains(known, name) && name != "session" && name != "_meta" {
			r.t.Errorf("%s has no param %s", method, name)
		}
	}
}

const (
	sessionToken = "session-token"
	adminToken   = "admin-token"
)

type contractTokens struct{}

// Authenticate implements rest.Authenticator.
func (contractTokens) Authenticate(_ context.Context, token string) (rpc.Principal, error) {
	switch token {
	case sessionToken:
		return rpc.Principal{Kind: rpc.ScopeSession, ID: "session:s1", Session: "s1"}, nil
	case adminToken:
		return rpc.Principal{Kind: rpc.ScopeAdmin, ID: "admin"}, nil
	}
	return rpc.Principal{}, rpc.Unauthenticated("the token is not known")
}

// contractRun is a contract against a shim whose methods are recorded.
type contractRun struct {
	*Contract
	shim     *rest.Shim
	recorder *recorder
}

// Check runs the contract for every operation that the dialect serves.
func (c *Contract) Check(t *testing.T) {
	t.Helper()
	catalogue, err := resttest.Load(c.Dialect.Name)
	if err != nil {
		t.Fatal(err)
	}
	r := &contractRun{Contract: c, recorder: &recorder{t: t, results: newResults(t)}}
	if r.shim, err = rest.New(r.recorder, contractTokens{}, rest.Config{}, c.Dialect); err != nil {
		t.Fatal(err)
	}
	r.checkPointers(t)
	got := goldens{}
	for _, route := range c.Dialect.Routes {
		if o := catalogue.Operation(route.Method + " " + route.Path); o != nil {
			r.checkSuccesses(t, o, got.of(o))
			r.checkFailures(t, o, route.Calls, got.of(o))
		}
	}
	got.compare(t)
}

// checkPointers compares the tags of rows with the schemas of the methods.
func (r *contractRun) checkPointers(t *testing.T) {
	t.Helper()
	problems, err := rest.CheckPointers(r.Dialect, r.recorder.results.openRPC)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Error(problem)
	}
}

// sendRequest answers a request with the token that the operation takes, or another one.
func (r *contractRun) sendRequest(o *resttest.Operation, request *resttest.Request, token string) *resttest.Answer {
	r.recorder.calls = nil
	target := r.Dialect.Mounts[len(r.Dialect.Mounts)-1] + request.Path
	if len(request.Query) > 0 {
		target += "?" + request.Query.Encode()
	}
	httpRequest := httptest.NewRequest(request.Method, target, bytes.NewReader(request.Body))
	for name, values := range request.Header {
		httpRequest.Header[name] = values
	}
	if name := r.Header; token != "" {
		if o.Auth == "admin" {
			name = r.AdminHeader
		}
		httpRequest.Header.Set(name, token)
	}
	w := httptest.NewRecorder()
	r.shim.ServeHTTP(w, httpRequest)
	return &resttest.Answer{Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()}
}

func tokenOf(o *resttest.Operation) string {
	if o.Auth == "admin" {
		return adminToken
	}
	return sessionToken
}

// checkSuccesses sends each documented example.
func (r *contractRun) checkSuccesses(t *testing.T, o *resttest.Operation, got *golden) {
	t.Helper()
	examples := 1 // an empty request, when the document has none
	if o.Body != nil {
		examples = max(examples, len(o.Body.Examples))
	}
	rules := resttest.Rules{Literal: r.Rules.Literal, Extra: r.Rules.Extra, Absent: r.Rules.Absent}
	for example := range examples {
		request, err := o.Request(example, r.valuesOf(o))
		if err != nil {
			t.Fatal(err)
		}
		key := o.Name()
		if example > 0 {
			key = fmt.Sprintf("%s (example %d)", key, example+1)
		}
		// The result that suits the operation best is the one it is documented with, such as a session that waits to be paired.
		for variant := range r.recorder.results.variantCount() {
			r.recorder.variant = variant
			differences := differencesOf(o, r.sendRequest(o, request, tokenOf(o)), rules)
			if variant == 0 || isCloser(differences, got.Differences[key]) {
				got.Calls[key], got.Differences[key] = r.recorder.calls, differences
			}
			if len(differences) == 0 {
				delete(got.Differences, key)
				break
			}
		}
		r.recorder.variant = 0
	}
}

// isCloser reports whether differences are less grave than others: an answer of another status is no answer.
func isCloser(differences, others []string) bool {
	failed := func(list []string) bool { return len(list) > 0 && strings.HasPrefix(list[0], "status ") }
	if failed(differences) != failed(others) {
		return failed(others)
	}
	return len(differences) < len(others)
}

// differencesOf lists how an answer differs from the documented ones.
func differencesOf(o *resttest.Operation, answer *resttest.Answer, rules resttest.Rules) (differences []string) {
	for _, f := range o.CompareSuccess(answer, rules) {
		differences = append(differences, strings.TrimPrefix(f.String(), o.Name()+": "))
	}
	slices.Sort(differences)
	return slices.Compact(differences)
}

// checkFailures looks for each documented error among the answers to wrong requests and failing calls.
func (r *contractRun) checkFailures(t *testing.T, o *resttest.Operation, calls []string, got *golden) {
	t.Helper()
	wanted := o.ErrorResponses()
	rules := resttest.Rules{Literal: r.Rules.Literal, Extra: slices.Concat(r.Rules.Extra, r.Failures.Extra)}
	match := func(request *resttest.Request, token string) {
		if len(wanted) == 0 {
			return
		}
		answer := r.sendRequest(o, request, token)
		wanted = slices.DeleteFunc(wanted, func(failure *resttest.Response) bool { return len(o.Compare(failure, answer, rules)) == 0 })
	}
	good, err := o.Request(0, r.valuesOf(o))
	if err != nil {
		t.Fatal(err)
	}
	if o.Body != nil {
		empty := *good
		empty.Body = []byte("{}")
		match(&empty, tokenOf(o))
	}
	for _, token := range []string{"", "unknown", sessionToken, adminToken} {
		match(good, token)
	}
	for variant := range r.recorder.results.variantCount() {
		r.recorder.variant = variant
		match(good, tokenOf(o))
	}
	r.recorder.variant = 0
	for _, call := range calls {
		for _, problem := range methodErrors(call, r.recorder.results.paramNames(call)) {
			r.recorder.fails = map[string]*rpc.Error{call: problem}
			match(good, tokenOf(o))
		}
	}
	r.recorder.fails = nil
	wrong, err := o.BadRequests(0, r.valuesOf(o), nil)
	if err != nil {
		t.Fatal(err)
	}
	bodies, err := o.BadBodies(0, r.valuesOf(o))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range append(bodies, wrong...) {
		match(bad.Request, tokenOf(o))
	}
	for _, failure := range wanted {
		got.Unmatched[o.Name()] = append(got.Unmatched[o.Name()], fmt.Sprintf("%d %s", failure.Status, failure.Text()))
	}
}

// methodErrors are the errors that a method may return.
func methodErrors(method string, params []string) []*rpc.Error {
	all := []*rpc.Error{
		{Code: rpc.CodeConflict, Reason: "email_taken"},
		{Code: rpc.CodeConflict, Reason: "own_account"},
		{Code: rpc.CodeConflict, Reason: "access_of_owner"},
		{Code: rpc.CodeConflict, Reason: "access_of_superadmin"},
		{Code: rpc.CodeConflict, Reason: "access_exists"},
		{Code: rpc.CodeNotFound, Reason: "account_not_found"},
		rpc.NotFound("there is no such thing"), rpc.NotFound("there is no such session"), rpc.Conflict("conflict"), rpc.SessionNotConnected("not connected"), rpc.Internal(),
		rpc.Forbidden("forbidden"), rpc.Forbidden("the credential does not reach this session"), rpc.MethodNotFound(method), rpc.NotSupported("not supported"),
		{Code: rpc.CodeWhatsApp, Message: "WhatsApp refused", Details: map[string]any{"field": "media"}},
		{Code: rpc.CodeWhatsApp, Message: "WhatsApp refused"},
		{Code: rpc.CodeTimeout, Message: "timeout"},
		rpc.RateLimited("too many calls", 0),
	}
	for _, param := range params {
		all = append(all, rpc.InvalidParams("/"+param, "is wrong"))
	}
	return all
}
