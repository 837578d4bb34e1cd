package rpc_test

import (
	"context"
	"io"
	"log/slog"

	"github.com/waystation/waystation/rpc"
)

// streamingRegistry has test.stream, which sends one notification, waits for the channel, and goes on.
func streamingRegistry(log io.Writer) (*rpc.Registry, chan struct{}) {
	reg := rpc.NewRegistry(rpc.Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	resume := make(chan struct{})
	rpc.Register(reg, rpc.Method{Name: "test.stream", Scope: rpc.ScopePublic, NeedsConn: true}, func(ctx context.Context, call *rpc.Call, _ *struct{}) (bool, error) {
		if err := call.Stream(ctx, "test.update", 1); err != nil {
			return false, err
		}
		<-resume
		return true, call.Stream(context.WithoutCancel(ctx), "test.update", 2)
	})
	return reg, resume
}
