package methods_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

// The cause of a storage error is logged with its call and is not in the reply.
func TestStorageErrorsAreLoggedWithTheirCause(t *testing.T) {
	const cause = "no space left on device"
	for name, err := range map[string]error{
		"storage": &wa.Error{Reason: wa.ReasonStorage, Message: "the group was not stored", Err: errors.New(cause)},
		"wrapped": fmt.Errorf("read the page: %w", &wa.Error{Reason: wa.ReasonStorage, Err: errors.New(cause)}),
		"unknown": errors.New(cause),
	} {
		var logged bytes.Buffer
		reg := rpc.NewRegistry(rpc.Options{Log: slog.New(slog.NewTextHandler(&logged, nil))})
		reg.MapError = shared.MapError
		rpc.Register(reg, rpc.Method{Name: "test.read", Scope: rpc.ScopeSession}, func(context.Context, *rpc.Call, *struct{}) (bool, error) {
			return false, err
		})
		call := &rpc.Call{Principal: rpc.Principal{Kind: rpc.ScopeSession, Session: "shop"}, RequestID: "request-7"}
		_, problem := reg.Call(t.Context(), call, "test.read", nil)
		if problem == nil || problem.Code != rpc.CodeInternal {
			t.Errorf("%s: the reply is %+v, want an internal error", name, problem)
			continue
		}
		if reply, _ := json.Marshal(problem); strings.Contains(string(reply), cause) {
			t.Errorf("%s: the reply contains the cause: %s", name, reply)
		}
		for _, want := range []string{cause, "method=test.read", "request_id=request-7", "session=shop"} {
			if !strings.Contains(logged.String(), want) {
				t.Errorf("%s: the log lacks %s: %s", name, want, logged.String())
			}
		}
	}
}
