// Package contract compares a dialect with the catalogue of its document, without a server: each documented request
// becomes recorded calls, one recorded result of each method becomes the documented answer, and each documented error is
// looked for among the answers to wrong requests and failing calls. There is no code for single operations.
//
// Enter at Contract.
package contract

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// Contract compares a dialect with its catalogue, without a server: each documented request becomes the calls in
// testdata/calls.json, and the result of each method becomes the documented answer. Run the test with -update to write the
// file; the errors that it lists as unmatched are documented, but caused by none of the wrong requests and failing calls.
type Contract struct {
	Dialect *rest.Dialect
	// Header and AdminHeader are the header fields of the tokens of sessions and admins.
	Header, AdminHeader string
	// Rules hold for every answer, Failures for errors beside them.
	Rules, Failures resttest.Rules
	// Values stand in requests for fields without a documented example.
	Values resttest.Values
}

const callsFile = "testdata/calls.json"

// golden is the content of testdata/calls.json.
type golden struct {
	// Calls are those of each documented request, by operation and the number of the example.
	Calls map[string][]recordedCall `json:"calls"`
	// Unmatched are the documented errors that were not caused, by operation.
	Unmatched map[string][]string `json:"unmatched_errors"`
	// Differences are keys that answers have beside the documented ones and the like, by operation.
	Differences map[string][]string `json:"differences"`
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
	got := golden{Calls: map[string][]recordedCall{}, Unmatched: map[string][]string{}, Differences: map[string][]string{}}
	for _, o := range catalogue.Operations {
		i := slices.IndexFunc(c.Dialect.Routes, func(route rest.Route) bool { return route.Method == o.Method && route.Path == o.Path })
		if i < 0 {
			continue
		}
		r.checkSuccesses(t, o, &got)
		r.checkFailures(t, o, c.Dialect.Routes[i].Calls, &got)
	}
	compareGolden(t, &got)
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
		request, err := o.Request(example, r.Values)
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
	for _, success := range o.SuccessResponses() {
		for _, f := range o.Compare(success, answer, rules) {
			differences = append(differences, strings.TrimPrefix(f.String(), o.Name()+": "))
		}
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
	good, err := o.Request(0, r.Values)
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
	wrong, err := o.BadRequests(0, r.Values, nil)
	if err != nil {
		t.Fatal(err)
	}
	bodies, err := o.BadBodies(0, r.Values)
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
		rpc.NotFound("there is no such thing"), rpc.Conflict("conflict"), rpc.SessionNotConnected("not connected"), rpc.Internal(),
		rpc.Forbidden("forbidden"), rpc.MethodNotFound(method), rpc.NotSupported("not supported"),
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

var updateCalls = flag.Bool("update", false, "write what the tests compare with")

func compareGolden(t *testing.T, got *golden) {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "\t")
	if err := encoder.Encode(got); err != nil {
		t.Fatal(err)
	}
	if *updateCalls {
		if err := os.WriteFile(callsFile, out.Bytes(), 0o644); err != nil { //nolint:gosec // a file of the repository
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(callsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, out.Bytes()) {
		a, b := strings.Split(string(want), "\n"), strings.Split(out.String(), "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("%s differs at line %d: %q is now %q; if that is meant, run the test with -update", callsFile, i+1, a[i], b[i])
			}
		}
		t.Fatalf("%s has %d lines instead of %d", callsFile, len(a), len(b))
	}
}

//go:embed results.json
var recordedResults []byte

// results are the recorded results of methods.
type results struct {
	document struct {
		Methods []struct {
			Name   string
			Params []struct{ Name string }
			Result struct{ Schema map[string]any }
		}
		Components struct{ Schemas map[string]map[string]any }
	}
	// recorded are merged over the sample that a method's schema describes; the first is the usual one.
	recorded map[string][]any
	openRPC  []byte
	cache    map[string]json.RawMessage
}

// newResults reads results.json and the schemas of all methods.
func newResults(t *testing.T) *results {
	t.Helper()
	reg := rpc.NewRegistry(rpc.Options{})
	for _, register := range []func(*rpc.Registry, methods.Deps){
		methods.RegisterSession, methods.RegisterMessage, methods.RegisterChat, methods.RegisterPresence, methods.RegisterMedia, methods.RegisterGroup,
		methods.RegisterContact, methods.RegisterProfile, methods.RegisterPrivacy, methods.RegisterDevice, methods.RegisterCall, methods.RegisterStatus,
		methods.RegisterWebhook, methods.RegisterArchive, methods.RegisterDelivery, methods.RegisterTransport, methods.RegisterStorage,
	} {
		register(reg, methods.Deps{})
	}
	methods.RegisterServer(reg, methods.ServerDeps{})
	r := &results{cache: map[string]json.RawMessage{}}
	raw, err := reg.Discover()
	if err == nil {
		r.openRPC, err = raw, json.Unmarshal(raw, &r.document)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(recordedResults, &r.recorded); err != nil {
		t.Fatal(err)
	}
	return r
}

// variantCount is how many results the method with most of them has.
func (r *results) variantCount() (n int) {
	for _, list := range r.recorded {
		n = max(n, len(list))
	}
	return n
}

// paramNames are the names of a method's params.
func (r *results) paramNames(method string) (names []string) {
	for _, m := range r.document.Methods {
		if m.Name == method {
			for _, p := range m.Params {
				names = append(names, p.Name)
			}
		}
	}
	return names
}

// resultOf returns a result of a method; methods without the variant have their first.
func (r *results) resultOf(method string, variant int) json.RawMessage {
	key := fmt.Sprint(method, variant)
	if r.cache[key] != nil {
		return r.cache[key]
	}
	var result any
	for _, m := range r.document.Methods {
		if m.Name == method {
			result = r.sampleOf("", m.Result.Schema)
		}
	}
	if list := r.recorded[method]; len(list) > 0 {
		result = mergeValues(result, list[0])
		if variant > 0 && variant < len(list) {
			result = mergeValues(result, list[variant])
		}
	}
	raw, err := json.Marshal(result)
	if err != nil {
		panic(err) // made of decoded JSON
	}
	r.cache[key] = raw
	return raw
}

// mergeValues puts the members of an object into another one; other values replace.
func mergeValues(into, from any) any {
	object, ok := from.(map[string]any)
	there, ok2 := into.(map[string]any)
	if !ok || !ok2 {
		return from
	}
	out := map[string]any{}
	for key, value := range there {
		out[key] = value
	}
	for key, value := range object {
		out[key] = mergeValues(out[key], value)
	}
	return out
}

// sampleOf is a value of a schema, with every property.
func (r *results) sampleOf(name string, schema map[string]any) any {
	if ref, ok := schema["$ref"].(string); ok {
		return r.sampleOf(name, r.document.Components.Schemas[ref[strings.LastIndexByte(ref, '/')+1:]])
	}
	for _, key := range []string{"oneOf", "anyOf", "allOf"} {
		if list, ok := schema[key].([]any); ok && len(list) > 0 {
			first, _ := list[0].(map[string]any)
			return r.sampleOf(name, first)
		}
	}
	if list, ok := schema["enum"].([]any); ok && len(list) > 0 {
		return list[0]
	}
	kind, _ := schema["type"].(string)
	if list, ok := schema["type"].([]any); ok && len(list) > 0 {
		kind, _ = list[0].(string)
	}
	switch kind {
	case "object":
		out := map[string]any{}
		properties, _ := schema["properties"].(map[string]any)
		for key, property := range properties {
			inner, _ := property.(map[string]any)
			out[key] = r.sampleOf(key, inner)
		}
		if inner, ok := schema["additionalProperties"].(map[string]any); ok {
			out["key"] = r.sampleOf("key", inner)
		}
		return out
	case "array":
		inner, _ := schema["items"].(map[string]any)
		return []any{r.sampleOf(name, inner)}
	case "integer":
		return 1
	case "number":
		return 1.5
	case "boolean":
		return true
	case "string":
		if schema["format"] == "date-time" {
			return "2026-01-31T12:00:00Z"
		}
		return name
	}
	return map[string]any{}
}
