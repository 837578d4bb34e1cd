package resttest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// Every field of every operation is made wrong in some way, and each bad request differs from the good one.
func TestEveryFieldIsMadeWrong(t *testing.T) {
	total := 0
	for _, o := range load(t).Operations {
		good, err := o.Request(0, nil)
		if err != nil {
			t.Fatal(err)
		}
		list, err := o.BadRequests(0, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		total += len(list)
		for _, bad := range list {
			if string(bad.Request.Body) == string(good.Body) && bad.Request.Query.Encode() == good.Query.Encode() {
				t.Errorf("%s: %s %s: is the good request", o.Name(), bad.Field, bad.What)
			}
		}
		if o.Body == nil {
			continue
		}
		for _, f := range o.Body.Fields {
			if !slices.ContainsFunc(list, func(b BadRequest) bool { return b.Field == f.Path }) {
				t.Errorf("%s: %s is never wrong", o.Name(), f.Path)
			}
		}
	}
	if total < 700 {
		t.Errorf("%d bad requests", total)
	}
}

func TestBadRequestsOfOneOperation(t *testing.T) {
	five := 5.0
	o := &Operation{Method: "POST", Path: "/x", Params: []*Field{{Path: "limit", In: "query", Type: Type{Kinds: []string{"integer"}}}}, Body: &Body{
		ContentType: "application/json",
		Fields: []*Field{
			{Path: "to", Type: Type{Kinds: []string{"string"}}, Required: true},
			{Path: "n", Type: Type{Kinds: []string{"integer"}}, Max: &five},
			{Path: "list", Type: Type{Kinds: []string{"array"}, Items: []string{"object"}}},
			{Path: "list[].kind", Type: Type{Kinds: []string{"string"}}, Enum: []any{"a"}},
			{Path: "file", Type: Type{Kinds: []string{"string"}, Format: "data-url"}},
		},
		Examples: []Example{{Value: map[string]any{"to": "1", "n": 1, "list": []any{map[string]any{"kind": "a"}}, "file": "data:image/png;base64,AA=="}}},
	}}
	list, err := o.BadRequests(0, Values{"file": "data:image/png;base64,AA==", "limit": 3}, map[string][]any{"to": {"nobody"}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, bad := range list {
		got[bad.Field] = append(got[bad.Field], bad.What)
		if bad.What == "media type" && !strings.Contains(string(bad.Request.Body), "text/html") {
			t.Errorf("%s", bad.Request.Body)
		}
		if bad.Field == "list[].kind" && !json.Valid(bad.Request.Body) {
			t.Errorf("%s", bad.Request.Body)
		}
	}
	want := map[string]string{
		"limit": "string", "to": "missing,null,empty,integer,number,boolean,object,array,too long,range", "n": "string,number,boolean,object,array,range",
		"list": "string,integer,number,boolean,object,item", "list[].kind": "integer,number,boolean,object,array,too long,enum",
		"file": "integer,number,boolean,object,array,no data URL,base64,media type",
	}
	for field, kinds := range want {
		if strings.Join(got[field], ",") != kinds {
			t.Errorf("%s: %s instead of %s", field, strings.Join(got[field], ","), kinds)
		}
	}
	bodies, err := o.BadBodies(0, nil)
	if err != nil || len(bodies) < 8 {
		t.Fatalf("%d bodies, %v", len(bodies), err)
	}
	for _, b := range bodies {
		var object map[string]any
		if b.What != "deep" && b.What != "no UTF-8" && b.What != "null" && json.Unmarshal(b.Request.Body, &object) == nil {
			t.Errorf("%s is a good body: %s", b.What, b.Request.Body)
		}
	}
}

func TestRequestPutsValuesIn(t *testing.T) {
	o := load(t).Operation("POST /chat/send/text")
	r, err := o.Request(1, Values{"Phone": "15550001", "ContextInfo.StanzaId": "X1", "Body": Absent, "GroupJID": "left aside"})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"ContextInfo":{"Participant":"5491155553935@s.whatsapp.net","StanzaId":"X1"},"Phone":"15550001"}`
	if string(r.Body) != want || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s, %v", r.Body, r.Header)
	}
	p := &Operation{Method: "GET", Path: "/a/{id}/b", Params: []*Field{{Path: "id", In: "path", Required: true, Example: "x/y"}, {Path: "full", In: "query"}}}
	r, err = p.Request(0, Values{"full": true})
	if err != nil || r.Path != "/a/x%2Fy/b" || r.Query.Get("full") != "true" || r.Body != nil {
		t.Errorf("%+v, %v", r, err)
	}
	p.Params = nil
	if _, err := p.Request(0, nil); err == nil {
		t.Error("a path with a hole in it")
	}
}
