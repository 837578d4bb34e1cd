package rpc

import (
	"bytes"
	"testing"
)

// TestErrorsAreNotEscapedForHTML encodes errors with characters that encoding/json replaces by default.
func TestErrorsAreNotEscapedForHTML(t *testing.T) {
	const text = "is not a data URL (data:<type>;base64,...) & more"
	for name, problem := range map[string]*Error{
		"message": {Code: CodeInternal, Message: text},
		"details": {Code: CodeInvalidParams, Details: map[string]any{"fields": []Field{{Pointer: "/media", Problem: text}}}},
	} {
		for form, b := range map[string][]byte{
			"reply": problem.AppendJSON(nil, "1"), "kept": encodeKept(nil, problem, 1<<20),
		} {
			if !bytes.Contains(b, []byte(text)) {
				t.Errorf("%s, %s: %s", name, form, b)
			}
		}
	}
	if b, err := EncodeJSON(map[string]any{"text": text}); err != nil || !bytes.Contains(b, []byte(text)) {
		t.Errorf("result: %s, %v", b, err)
	}
}
