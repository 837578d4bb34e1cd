package rest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"
)

// FuzzNode compares the members and items that node finds with those of encoding/json.
func FuzzNode(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `null`, `"x"`, `1`, ` { "a" : 1 , "b\\"" : [ 1, "}" , {"c":"\\\\"} ] , "" : null } `, `[[],{},"]",-1.5e3,true]`, `{"a":{"b":{"c":[1,2,3]}},"d":"\u00e4"}`,
		"[1,\n2\t,3\r]", `{"a":1,"a":2}`, `"}"`, `[","]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) || !utf8.Valid(raw) { // encoding/json replaces bytes that are not UTF-8
			return
		}
		n := &node{raw: bytes.TrimSpace(raw)}
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) == nil && object != nil {
			got := map[string]json.RawMessage{}
			for _, m := range n.members() {
				got[textOf(m.key)] = m.value.raw
			}
			if !reflect.DeepEqual(got, object) {
				t.Errorf("%s: members %s, want %s", raw, got, object)
			}
			for key, value := range object {
				if found := n.at([]string{key}); !bytes.Equal(found.raw, value) {
					t.Errorf("%s: %q is %s, want %s", raw, key, found.raw, value)
				}
			}
		} else if len(n.members()) > 0 {
			t.Errorf("%s has members", raw)
		}
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) == nil {
			items := n.items()
			if len(items) != len(list) {
				t.Fatalf("%s: %d items, want %d", raw, len(items), len(list))
			}
			for i := range list {
				if !bytes.Equal(items[i].raw, list[i]) {
					t.Errorf("%s: item %d is %s, want %s", raw, i, items[i].raw, list[i])
				}
			}
		}
	})
}
