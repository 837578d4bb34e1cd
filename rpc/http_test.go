package rpc_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc"
)

func TestHTTPRefusals(t *testing.T) {
	url := startHTTP(t, rpc.PeerOptions{MaxFrame: 100})
	for _, tc := range []struct {
		name, method, kind, token, body string
		status                          int
		want                            string
	}{
		{"get", "GET", "", "", "", 405, "-32600"},
		{"form", "POST", "application/x-www-form-urlencoded", "", "a=b", 415, "-32600"},
		{"no type and JSON", "POST", "", "", `{"jsonrpc":"2.0","id":1,"method":"test.echo"}`, 200, `"result":null`},
		{"no type and a batch", "POST", "", "", ` [{"jsonrpc":"2.0","id":1,"method":"test.echo"}] `, 200, `"result":null`},
		{"no type and a form", "POST", "", "", "a=b", 415, "-32600"},
		{"no type and cut JSON", "POST", "", "", `{"jsonrpc":`, 415, "-32600"},
		{"no type and nothing", "POST", "", "", "", 200, "-32700"},
		{"JSON-RPC's type", "POST", "application/json-rpc", "", `{"jsonrpc":"2.0","id":1,"method":"test.echo"}`, 200, `"result":null`},
		{"a type with the suffix", "POST", "application/vnd.api+json", "", `{"jsonrpc":"2.0","id":1,"method":"test.echo"}`, 200, `"result":null`},
		{"text", "POST", "text/plain", "", `{"jsonrpc":"2.0","id":1,"method":"test.echo"}`, 415, "-32600"},
		{"a type that is none", "POST", ";", "", "{}", 415, "-32600"},
		{"bad token", "POST", "application/json", "wrong", "{}", 401, "-32001"},
		{"too large", "POST", "application/json", "", strings.Repeat(" ", 101), 413, "-32011"},
		{"empty", "POST", "application/json; charset=utf-8", "", "", 200, "-32700"},
		{"good", "POST", "application/json", "", `{"jsonrpc":"2.0","id":1,"method":"test.echo"}`, 200, `"result":null`},
		{"notification", "POST", "application/json", "", `{"jsonrpc":"2.0","method":"test.echo"}`, 204, ""},
		{"needs a connection", "POST", "application/json", "", `{"jsonrpc":"2.0","id":1,"method":"test.progress"}`, 200, `"result":true`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			req, _ := http.NewRequest(tc.method, url, strings.NewReader(tc.body))
			if tc.kind != "" {
				req.Header.Set("Content-Type", tc.kind)
			}
			if tc.token != "" {
				req.Header.Set("Authorization", "Bearer "+tc.token)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != tc.status || !bytes.Contains(body, []byte(tc.want)) || bytes.Contains(body, []byte("secret")) {
				t.Fatalf("%s: %s", resp.Status, body)
			}
		})
	}
}

// The rate belongs to the caller, not to one request.
func TestHTTPRate(t *testing.T) {
	p := &post{url: startHTTP(t, rpc.PeerOptions{Burst: 3, Rate: 0.001})}
	for i := range 5 {
		if err := p.Send([]byte(`{"jsonrpc":"2.0","id":1,"method":"test.echo"}`)); err != nil {
			t.Fatal(err)
		}
		reply, _, _ := p.Receive()
		if refused := bytes.Contains(reply, []byte("-32005")); refused != (i >= 3) {
			t.Fatalf("call %d: %s", i, reply)
		}
	}
}
