package rpc

import (
	"bytes"
	"encoding/json"
)

// EncodeJSON returns value as JSON, with <, > and & as they are: replies and errors are read by programs and people, not
// embedded in HTML.
func EncodeJSON(value any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
