package e2etest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"
)

// HangTime is the time after which a call counts as hanging; none of these calls waits.
const HangTime = 20 * time.Second

// Reply is an answer over HTTP or a socket.
type Reply struct {
	Status int `json:"-"`
	Result json.RawMessage
	Error  *struct {
		Code    int
		Message string
		Data    struct {
			Reason    string
			Retryable bool
			RequestID string `json:"request_id"`
			Details   struct {
				Field  string
				Fields []struct{ Pointer, Problem string }
			}
		}
	}
	Raw string
}

// Refused checks that the answer is an error with the code that names exactly one field; "-" means no field.
func (r Reply) Refused(t *testing.T, what string, code int, pointer string) {
	t.Helper()
	if r.Error == nil {
		t.Errorf("%s: accepted: %.200s", what, r.Raw)
		return
	}
	named := []string{}
	for _, f := range r.Error.Data.Details.Fields {
		named = append(named, f.Pointer)
		if f.Problem == "" {
			t.Errorf("%s: %s has no problem", what, f.Pointer)
		}
	}
	wanted := []string{pointer}
	if pointer == "-" {
		wanted = []string{}
	}
	if r.Error.Code != code || !slices.Equal(named, wanted) {
		t.Errorf("%s: code %d, fields %v; want %d, %v: %.300s", what, r.Error.Code, named, code, wanted, r.Raw)
	}
	if r.Error.Message == "" || r.Error.Data.Reason == "" || r.Error.Data.RequestID == "" {
		t.Errorf("%s: no message, reason or request id: %.300s", what, r.Raw)
	}
}

// RequestBody returns the body of a call.
func RequestBody(method string, params any) []byte {
	body, err := json.Marshal(Object{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		panic(err)
	}
	return body
}

// PostBody sends a raw body.
func PostBody(t *testing.T, addr, token string, body []byte) Reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), HangTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/rpc", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	r := SendRequest(t, req)
	checkReplyNames(addr, body, r.Result)
	return r
}

// SendRequest sends a request and reads the answer.
func SendRequest(t *testing.T, req *http.Request) Reply {
	t.Helper()
	response, err := Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := Reply{Status: response.StatusCode, Raw: string(raw)}
	if err := json.Unmarshal(raw, &r); err != nil && len(raw) > 0 && raw[0] != '[' {
		t.Fatalf("%s: %s", response.Status, raw)
	}
	return r
}
