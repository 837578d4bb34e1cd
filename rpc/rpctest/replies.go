package rpctest

import (
	"context"
	"sync"
	"time"

	"github.com/waystation/waystation/rpc"
)

// Replies is an rpc.Replies in memory, without limits.
type Replies struct {
	mu   sync.Mutex
	kept map[rpc.CallKey]*rpc.KeptCall
}

var _ rpc.Replies = (*Replies)(nil)

// Claim implements rpc.Replies.
func (r *Replies) Claim(_ context.Context, key rpc.CallKey, params []byte) (rpc.KeptCall, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.kept[key]; k != nil {
		return *k, false, nil
	}
	if r.kept == nil {
		r.kept = make(map[rpc.CallKey]*rpc.KeptCall)
	}
	r.kept[key] = &rpc.KeptCall{Params: params, Started: time.Now()}
	return *r.kept[key], true, nil
}

// Keep implements rpc.Replies.
func (r *Replies) Keep(_ context.Context, key rpc.CallKey, reply []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.kept[key]; k != nil {
		k.Reply = reply
	}
	return nil
}

// Free implements rpc.Replies.
func (r *Replies) Free(_ context.Context, key rpc.CallKey) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.kept[key]; k != nil && k.Reply == nil {
		delete(r.kept, key)
	}
	return nil
}
