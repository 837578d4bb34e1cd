package contract

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/allmethods"
)

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
	allmethods.Register(reg, allmethods.Deps{})
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
