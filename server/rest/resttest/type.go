package resttest

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Type is the type of a value, written as "string", "integer|null", "array<object>", "string:base64", "map" (an object
// whose keys are data); a "?" at the end says that the key may be missing.
type Type struct {
	// Kinds are string, integer, number, boolean, object, map, array, null, any.
	Kinds []string
	// Items are the kinds of an array's items; none = not said.
	Items []string
	// Format narrows a string: base64, data-url, jid, date-time, email, binary.
	Format   string
	Optional bool
}

var (
	_ encoding.TextMarshaler   = Type{}
	_ encoding.TextUnmarshaler = (*Type)(nil)
)

// MarshalText implements encoding.TextMarshaler.
func (t Type) MarshalText() ([]byte, error) {
	kinds := slices.Clone(t.Kinds)
	for i, kind := range kinds {
		if kind == "array" && len(t.Items) > 0 {
			kinds[i] = "array<" + strings.Join(t.Items, ",") + ">"
		}
	}
	text := strings.Join(kinds, "|")
	if t.Format != "" {
		text += ":" + t.Format
	}
	if t.Optional {
		text += "?"
	}
	return []byte(text), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Type) UnmarshalText(raw []byte) error {
	*t = Type{}
	text, optional := strings.CutSuffix(string(raw), "?")
	t.Optional = optional
	text, t.Format, _ = strings.Cut(text, ":")
	for kind := range strings.SplitSeq(text, "|") {
		if items, ok := strings.CutPrefix(kind, "array<"); ok {
			kind, t.Items = "array", strings.Split(strings.TrimSuffix(items, ">"), ",")
		}
		if !slices.Contains(kinds, kind) {
			return fmt.Errorf("resttest: type %q", raw)
		}
		t.Kinds = append(t.Kinds, kind)
	}
	return nil
}

var kinds = []string{"string", "integer", "number", "boolean", "object", "map", "array", "null", "any"}

func (t Type) String() string {
	text, _ := t.MarshalText()
	return string(text)
}

// Is reports whether a value may be of the kind.
func (t Type) Is(kind string) bool { return slices.Contains(t.Kinds, kind) }

// acceptsValue reports whether a decoded JSON value is of one of the kinds; no kinds take everything.
func acceptsValue(kinds []string, value any) bool {
	if len(kinds) == 0 {
		return true
	}
	is := kindOf(value)
	return slices.ContainsFunc(kinds, func(kind string) bool {
		switch kind {
		case "any":
			return true
		case "map":
			return is == "object"
		case "number":
			return is == "number" || is == "integer"
		}
		return kind == is
	})
}

func kindOf(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if value == math.Trunc(value) {
			return "integer"
		}
		return "number"
	case json.Number:
		if strings.ContainsAny(value.String(), ".eE") {
			return "number"
		}
		return "integer"
	case []any:
		return "array"
	}
	return "object"
}
