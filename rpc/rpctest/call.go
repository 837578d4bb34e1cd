package rpctest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"
)

// Client makes the requests of PostCall. It keeps no connections, which would outlast a test.
var Client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}

// Object is a JSON object.
type Object = map[string]any

// Reply is the response of POST /v1/rpc to one call.
type Reply struct {
	Status int             `json:"-"` // of HTTP
	Result json.RawMessage `json:"result"`
	Error  *ErrorReply     `json:"error"`
}

// ErrorReply is the error object of a response.
type ErrorReply struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    struct {
		Reason  string          `json:"reason"`
		Details json.RawMessage `json:"details"`
	} `json:"data"`
}

// PostCall calls a method over HTTP. url is that of POST /v1/rpc; token "" = no token, params nil = {}.
func PostCall(t testing.TB, url, token, method string, params Object) Reply {
	t.Helper()
	if params == nil {
		params = Object{}
	}
	body, err := json.Marshal(Object{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := Client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	reply := Reply{Status: response.StatusCode}
	if err := json.Unmarshal(raw, &reply); err != nil {
		t.Fatalf("%s: %v in %s", method, err, raw)
	}
	return reply
}

// MustCall calls a method like PostCall and decodes its result. The test fails if the reply is an error.
func MustCall[R any](t testing.TB, url, token, method string, params Object) R {
	t.Helper()
	reply := PostCall(t, url, token, method, params)
	if reply.Error != nil {
		t.Fatalf("%s: %+v %s", method, reply.Error, reply.Error.Data.Details)
	}
	var result R
	if err := json.Unmarshal(reply.Result, &result); err != nil {
		t.Fatalf("%s: %v in %s", method, err, reply.Result)
	}
	return result
}
