package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
)

// node is a value of a result, which is valid JSON. Members and items are found when they are needed, without copies.
type node struct {
	raw     []byte
	scanned bool
	parsed  []nodeMember
}

type nodeMember struct {
	key   []byte // as JSON text
	value node
}

// is reports whether the member has a name.
func (m *nodeMember) is(name string) bool {
	if isPlainText(m.key) {
		return string(m.key[1:len(m.key)-1]) == name
	}
	return textOf(m.key) == name
}

// isEmpty reports whether the value is absent or null.
func (n *node) isEmpty() bool { return n == nil || len(n.raw) == 0 || string(n.raw) == "null" }

// at returns the value that a pointer leads to, or nil.
func (n *node) at(pointer []string) *node {
	for _, name := range pointer {
		if !n.isEmpty() && n.raw[0] == '[' {
			n = n.itemAt(name)
			continue
		}
		members := n.members()
		n = nil
		for i := range members { // a few dozen at most
			if members[i].is(name) {
				n = &members[i].value
			}
		}
	}
	return n
}

// itemAt returns the item of a list with an index, or nil.
func (n *node) itemAt(index string) *node {
	items := n.items()
	if i, err := strconv.Atoi(index); err == nil && i >= 0 && i < len(items) {
		return &items[i]
	}
	return nil
}

// members returns the members of an object; a value of another kind has none.
func (n *node) members() []nodeMember {
	if n.isEmpty() || n.scanned {
		if n == nil {
			return nil
		}
		return n.parsed
	}
	n.scanned = true
	count := 0
	scanMembers(n.raw, '{', func(_, _ []byte) { count++ })
	members := make([]nodeMember, 0, count)
	scanMembers(n.raw, '{', func(key, value []byte) { members = append(members, nodeMember{key: key, value: node{raw: value}}) })
	n.parsed = members
	return members
}

// items returns the items of an array; a value of another kind has none.
func (n *node) items() []node {
	if n.isEmpty() {
		return nil
	}
	count := 0
	scanMembers(n.raw, '[', func(_, _ []byte) { count++ })
	items := make([]node, 0, count)
	scanMembers(n.raw, '[', func(_, value []byte) { items = append(items, node{raw: value}) })
	return items
}

// checkKind returns an error if the value is there and of another kind than open, its first character, says.
func (n *node) checkKind(open byte) error {
	if !n.isEmpty() && n.raw[0] != open {
		return fmt.Errorf("rest: result: a value begins with %q instead of %q", n.raw[0], open)
	}
	return nil
}

// decode decodes the value; one that is empty leaves the target as it is.
func (n *node) decode(target any) error {
	if n.isEmpty() {
		return nil
	}
	if err := json.Unmarshal(n.raw, target); err != nil {
		return fmt.Errorf("rest: result: %w", err)
	}
	return nil
}

var typeUnmarshaler = reflect.TypeFor[json.Unmarshaler]()

// decodeInto is decode for a settable value. Plain texts, booleans and integers are set directly.
func (n *node) decodeInto(target reflect.Value) error {
	if n.isEmpty() {
		return nil
	}
	if t := target.Type(); !reflect.PointerTo(t).Implements(typeUnmarshaler) {
		switch kind := t.Kind(); {
		case kind == reflect.String && isPlainText(n.raw):
			target.SetString(string(n.raw[1 : len(n.raw)-1]))
			return nil
		case kind == reflect.Bool && (string(n.raw) == "true" || string(n.raw) == "false"):
			target.SetBool(n.raw[0] == 't')
			return nil
		case kind >= reflect.Int && kind <= reflect.Int64:
			if number, err := strconv.ParseInt(string(n.raw), 10, t.Bits()); err == nil {
				target.SetInt(number)
				return nil
			}
		case kind == reflect.Pointer:
			if target.IsNil() {
				target.Set(reflect.New(t.Elem()))
			}
			return n.decodeInto(target.Elem())
		}
	}
	return n.decode(target.Addr().Interface())
}

// isPlainText reports whether raw is a JSON text without escapes.
func isPlainText(raw []byte) bool {
	return len(raw) >= 2 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0
}

// textOf decodes a JSON text.
func textOf(raw []byte) (text string) {
	if isPlainText(raw) {
		return string(raw[1 : len(raw)-1])
	}
	_ = json.Unmarshal(raw, &text) // a key of valid JSON
	return text
}

// scanMembers calls do with each member of the object, or item of the array, that raw holds; open is its first character. raw is valid JSON.
func scanMembers(raw []byte, open byte, do func(key, value []byte)) {
	at := skipSpace(raw, 0)
	if at >= len(raw) || raw[at] != open {
		return
	}
	at = skipSpace(raw, at+1)
	for at < len(raw) && raw[at] != '}' && raw[at] != ']' {
		var key []byte
		if open == '{' {
			end := skipValue(raw, at)
			key = raw[at:end]
			at = skipSpace(raw, skipSpace(raw, end)+1) // past the colon
		}
		end := skipValue(raw, at)
		do(key, raw[at:end])
		if at = skipSpace(raw, end); at < len(raw) && raw[at] == ',' {
			at = skipSpace(raw, at+1)
		}
	}
}

func skipSpace(raw []byte, at int) int {
	for at < len(raw) && (raw[at] == ' ' || raw[at] == '\n' || raw[at] == '\t' || raw[at] == '\r') {
		at++
	}
	return at
}

// skipValue returns the end of the value at a place.
func skipValue(raw []byte, at int) int {
	depth := 0
	for ; at < len(raw); at++ {
		switch raw[at] {
		case '"':
			for at++; at < len(raw) && raw[at] != '"'; at++ {
				if raw[at] == '\\' {
					at++
				}
			}
			if depth == 0 {
				return min(at+1, len(raw))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			} else if depth < 0 { // the end of the object around a number
				return at
			}
		case ',', ':', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return at
			}
		}
	}
	return len(raw)
}
