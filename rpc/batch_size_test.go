package rpc_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/waystation/waystation/rpc"
)

// The replies to a batch stay below PeerOptions.MaxBatchReply together: those of the last requests are replaced by an error that names the limit.
func TestRepliesToABatchAreBounded(t *testing.T) {
	const limit, length = 4000, 1500
	reg := rpc.NewRegistry(rpc.Options{})
	rpc.Register(reg, rpc.Method{Name: "test.large", Scope: rpc.ScopePublic}, func(context.Context, *rpc.Call, *struct{}) (string, error) {
		return strings.Repeat("x", length), nil
	})
	c := connect(t, reg, rpc.PeerOptions{MaxBatchReply: limit})
	const request = `{"jsonrpc":"2.0","id":1,"method":"test.large"}`
	if err := c.Send([]byte("[" + strings.Repeat(request+",", 3) + request + "]")); err != nil {
		t.Fatal(err)
	}
	raw, _, err := c.Receive()
	if err != nil {
		t.Fatal(err)
	}
	var replies []struct {
		Result string
		Error  *struct {
			Code int
			Data struct {
				Details struct {
					Limit int `json:"limit_bytes"`
				}
			}
		}
	}
	if err := json.Unmarshal(raw, &replies); err != nil || len(replies) != 4 || len(raw) > limit {
		t.Fatalf("%d replies of %d bytes, %v: %.300s", len(replies), len(raw), err, raw)
	}
	for i, r := range replies {
		if refused := i >= 2; refused != (r.Error != nil) || refused && (r.Error.Code != rpc.CodeTooLarge || r.Error.Data.Details.Limit != limit) || !refused && len(r.Result) != length {
			t.Errorf("reply %d: %+v", i, r)
		}
	}
}
