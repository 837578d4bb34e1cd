package wa

import (
	"bytes"
	"encoding/json"
	"errors"
)

// JSONObject is a JSON object that is passed on as it is; nil = none.
type JSONObject []byte

// UnmarshalJSON implements json.Unmarshaler.
func (o *JSONObject) UnmarshalJSON(raw []byte) error {
	raw = bytes.TrimSpace(raw)
	if string(raw) == "null" {
		*o = nil
		return nil
	}
	if len(raw) == 0 || raw[0] != '{' {
		return errors.New("must be an object")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return errors.New("must be an object")
	}
	*o = compact.Bytes()
	return nil
}

// MarshalJSON implements json.Marshaler.
func (o JSONObject) MarshalJSON() ([]byte, error) {
	if o == nil {
		return []byte("null"), nil
	}
	return o, nil
}

// JSONSchema returns the JSON Schema of the type.
func (JSONObject) JSONSchema() map[string]any { return map[string]any{"type": "object"} }
