package resttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

var wuzapiRules = Rules{Literal: []string{"code", "success", "error", "Details"}}

func load(t *testing.T) *Catalogue {
	t.Helper()
	c, err := Load("wuzapi")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Operations) != 85 {
		t.Fatalf("%d operations", len(c.Operations))
	}
	return c
}

func answer(t *testing.T, r *Response, body any) *Answer {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return &Answer{Status: r.Status, Header: http.Header{"Content-Type": {r.ContentType + "; charset=utf-8"}}, Body: raw}
}

// The documented examples match the documented fields.
func TestExamplesCompareClean(t *testing.T) {
	for _, o := range load(t).Operations {
		for _, r := range o.Responses {
			for _, f := range o.Compare(r, answer(t, r, r.Example), wuzapiRules) {
				t.Errorf("%d %s", r.Status, f)
			}
		}
	}
}

// Each single change of a good answer is noticed, and the finding names its place.
func TestMutationsAreFound(t *testing.T) {
	changes := 0
	for _, o := range load(t).Operations {
		for _, r := range o.Responses {
			if r.Example == nil {
				continue
			}
			other := answer(t, r, r.Example)
			other.Status++
			expectFinding(t, o, r, other, "")
			other = answer(t, r, r.Example)
			other.Header.Set("Content-Type", "text/html")
			expectFinding(t, o, r, other, "")
			other.Body = []byte("Details: Sent")
			expectFinding(t, o, r, other, "")
			changes += 3
			mutate(cloneValue(r.Example), "", func(path string, whole any) {
				changes++
				expectFinding(t, o, r, answer(t, r, whole), path)
			})
		}
	}
	if changes < 2500 {
		t.Errorf("only %d changes were tried", changes)
	}
}

func expectFinding(t *testing.T, o *Operation, r *Response, a *Answer, path string) {
	t.Helper()
	for _, f := range o.Compare(r, a, wuzapiRules) {
		if f.Of == o.Name() && (f.Key == path || strings.HasPrefix(f.Key, path+".") || strings.HasPrefix(f.Key, path+"[")) {
			return
		}
	}
	t.Errorf("%s: nothing found at %q in %s", o.Name(), path, a.Body)
}

// mutate goes through an example and hands over the whole of it with one change each: a key missing, of another type,
// with another text where it is meant literally, and one key too many.
func mutate(root any, path string, try func(path string, whole any)) {
	var walk func(at any, path string)
	walk = func(at any, path string) {
		switch at := at.(type) {
		case map[string]any:
			for key, value := range at {
				isData := strings.Contains(key, "@")
				place := joinPath(path, key)
				if isData {
					place = joinPath(path, "*")
				}
				if !isData {
					delete(at, key)
					try(place, root)
				}
				if value != nil {
					at[key] = otherKind(value)
					try(place, root)
				}
				if text, ok := value.(string); ok && (key == "error" || key == "Details") && !strings.HasPrefix(text, "<") {
					at[key] = "x" + text
					try(place, root)
				}
				at[key] = value
				walk(value, place)
			}
			if len(at) > 0 && !hasDataKeys(at) {
				at["Unheard"] = 1
				try(joinPath(path, "Unheard"), root)
				delete(at, "Unheard")
			}
		case []any:
			for i, value := range at {
				at[i] = otherKind(value)
				try(path, root)
				at[i] = value
				walk(value, path+"[]")
			}
		}
	}
	walk(root, path)
}

func hasDataKeys(object map[string]any) bool {
	for key := range object {
		if strings.Contains(key, "@") {
			return true
		}
	}
	return false
}

func otherKind(value any) any {
	if _, ok := value.([]any); ok {
		return "text"
	}
	return []any{}
}

func TestWhatNobodyComparedIsReported(t *testing.T) {
	o := &Operation{Method: "GET", Path: "/x"}
	r := &Response{Status: 200, ContentType: "application/json", Example: map[string]any{}, Fields: map[string]Type{
		"list": {Kinds: []string{"array"}, Items: []string{"object"}}, "list[].name": {Kinds: []string{"string"}},
		"by.*.n": {Kinds: []string{"integer"}}, "more": {Kinds: []string{"string", "null"}, Optional: true},
	}}
	for _, c := range []struct{ body, want string }{
		{`{"list":[{"name":"a"}],"by":{"x":{"n":1}}}`, ``},
		{`{"list":[{"name":"a"}],"by":{"x":{"n":1}},"more":null}`, ``},
		{`{"list":[],"by":{"x":{"n":1}}}`, `list[].name: not there to compare`},
		{`{"list":[{"name":"a"},{}],"by":{"x":{"n":1}}}`, `list[].name: missing`},
		{`{"list":[{"name":"a"}],"by":{}}`, `by.*.n: not there to compare`},
		{`{"list":[{"name":"a"}],"by":{"x":{"n":1.5}}}`, `by.*.n: number instead of integer`},
		{`{"list":[7],"by":{"x":{"n":1}}}`, `list: an item is integer instead of array<object>`},
		{`{"list":[{"name":"a"}],"by":{"x":{"n":1}},"more":4}`, `more: integer instead of string|null?`},
	} {
		findings := o.Compare(r, answer(t, r, json.RawMessage(c.body)), Rules{})
		got := ""
		for _, f := range findings {
			got += strings.TrimPrefix(fmt.Sprintln(f), "GET /x: ")
		}
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q instead of %q", c.body, got, c.want)
		}
	}
	empty := answer(t, r, json.RawMessage(`{"list":[],"by":{},"extra":{"a":1}}`))
	if f := o.Compare(r, empty, Rules{Extra: []string{"extra"}, Absent: []string{"list[]", "by.*"}}); len(f) > 0 {
		t.Errorf("what was allowed is reported: %v", f)
	}
}

// Keys that begin with *. are allowed, and may be missing, at any place.
func TestRulesForAnyPlace(t *testing.T) {
	o := &Operation{Method: "GET", Path: "/x"}
	r := &Response{Status: 200, ContentType: "application/json", Example: map[string]any{}, Fields: map[string]Type{
		"list": {Kinds: []string{"array"}, Items: []string{"object"}}, "list[].name": {Kinds: []string{"string"}, Optional: true}, "list[].place": {Kinds: []string{"object"}, Optional: true},
		"list[].place.x": {Kinds: []string{"integer"}}, "list[].id": {Kinds: []string{"integer"}},
	}}
	rules := Rules{Extra: []string{"*.poll"}, Absent: []string{"*.name", "*.place"}}
	for body, want := range map[string]string{
		`{"list":[{"id":1,"poll":{"a":1}}]}`:           "",
		`{"list":[{"id":1,"polls":1}]}`:                "polls: not documented",
		`{"list":[{"name":"a","place":{"x":"text"}}]}`: "list[].place.x: string instead of integer",
		`{"list":[{"name":"a"}]}`:                      "list[].id: missing",
	} {
		found := fmt.Sprint(o.Compare(r, answer(t, r, json.RawMessage(body)), rules))
		if want == "" && found != "[]" || !strings.Contains(found, want) {
			t.Errorf("%s: %s instead of %q", body, found, want)
		}
	}
}

// An answer is as all documented successes, except for those that contradict each other. Successes whose flag says that they are none are errors.
func TestSeveralSuccesses(t *testing.T) {
	success := Type{Kinds: []string{"boolean"}}
	response := func(key, kind string, flag bool) *Response {
		return &Response{Status: 200, ContentType: "application/json", Example: map[string]any{"success": flag}, Fields: map[string]Type{"success": success, key: {Kinds: []string{kind}}}}
	}
	servers := &Operation{Method: "GET", Path: "/x", Responses: []*Response{response("state", "string", true), response("result", "string", true), response("message", "string", false)}}
	refusal := &Operation{Method: "GET", Path: "/y", Responses: []*Response{response("group", "object", true), response("group", "string", true)}}
	if len(servers.ErrorResponses()) != 1 || len(servers.SuccessResponses()) != 2 {
		t.Error("the flag does not decide")
	}
	for _, c := range []struct {
		o          *Operation
		body, want string
	}{
		{servers, `{"success":true,"state":"a","result":"b"}`, ""},
		{servers, `{"success":true,"state":"a"}`, "result: missing"},
		{servers, `{"success":true,"result":"a"}`, "state: missing"},
		{servers, `{"success":true,"state":"a","result":1}`, "result: integer instead of string"},
		{servers, `{"success":true,"state":"a","result":"b","more":1}`, "more: not documented"},
		{refusal, `{"success":true,"group":{}}`, ""},
		{refusal, `{"success":true,"group":"refused"}`, ""},
		{refusal, `{"success":true,"group":1}`, "group: integer instead of object"},
		{refusal, `{"success":true}`, "group: missing"},
	} {
		found := fmt.Sprint(c.o.CompareSuccess(answer(t, c.o.Responses[0], json.RawMessage(c.body)), Rules{}))
		if c.want == "" && found != "[]" || !strings.Contains(found, c.want) {
			t.Errorf("%s: %s instead of %q", c.body, found, c.want)
		}
	}
}

func TestLiteralsWithPlaceholders(t *testing.T) {
	for _, c := range []struct {
		want, got any
		same      bool
	}{
		{"Sent", "Sent", true},
		{"Sent", "sent", false},
		{"Failed: <text>", "Failed: no route", true},
		{"Failed: <text>", "Failed: ", false},
		{"data:<mimetype>;base64,<data>", "data:image/png;base64,AAAA", true},
		{"<x>.", "ab", false},
		{200.0, 200.0, true},
		{true, false, false},
		{nil, "", false},
	} {
		if sameLiteral(c.want, c.got) != c.same {
			t.Errorf("%v and %v", c.want, c.got)
		}
	}
}
