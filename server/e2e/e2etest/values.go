package e2etest

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// MergeObjects returns an object with the members of all parts; later ones replace earlier ones.
func MergeObjects(parts ...Object) Object {
	out := Object{}
	for _, part := range parts {
		for name, value := range part {
			out[name] = value
		}
	}
	return out
}

// TextOf returns a value that is a text, else "".
func TextOf(v any) string {
	s, _ := v.(string)
	return s
}

// ValueAt returns the value at a path such as a/0/b or list/key=value/b; nil = there is none.
func ValueAt(value any, path string) any {
	if path == "" {
		return value
	}
	part, rest, _ := strings.Cut(path, "/")
	switch at := value.(type) {
	case map[string]any:
		return ValueAt(at[part], rest)
	case []any:
		if key, text, ok := strings.Cut(part, "="); ok {
			for _, item := range at {
				if object, _ := item.(map[string]any); TextOf(object[key]) == text {
					return ValueAt(item, rest)
				}
			}
			return nil
		}
		if i, err := strconv.Atoi(part); err == nil && i < len(at) {
			return ValueAt(at[i], rest)
		}
	}
	return nil
}

// DataURL returns a data URL with the content in base64.
func DataURL(kind string, content []byte) string {
	return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(content)
}

// ReadJSON decodes a JSON object.
func ReadJSON(t *testing.T, raw []byte) (body map[string]any) {
	t.Helper()
	if err := json.Unmarshal(raw, &body); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return body
}

// PlainText has characters that escaping, truncation or normalisation would change.
const PlainText = "plain ünïcode 😀 \u200f\nsecond line\t'\"<&>\\"

// Uptime matches the parts of a session's state that change by themselves: the history sync goes on after the connection.
var Uptime = regexp.MustCompile(`"uptime_seconds":\d+|"history_sync":(null|\{[^}]*\})`)
