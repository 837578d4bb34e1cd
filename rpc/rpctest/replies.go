package rpctest

import (
	"bytes"
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
	id := withoutOwner(key)
	if k := r.kept[id]; k != nil && (k.Owner == key.Owner || !bytes.Equal(k.Params, params)) {
		return *k, false, nil
	}
	if r.kept == nil {
		r.kept = make(map[rpc.CallKey]*rpc.KeptCall)
	}
	r.kept[id] = &rpc.KeptCall{Params: params, Owner: key.Owner, Started: time.Now()}
	return *r.kept[id], true, nil
}

// Keep implements rpc.Replies.
func (r *Replies) Keep(_ context.Context, key rpc.CallKey, reply []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.kept[withoutOwner(key)]; k != nil && k.Owner == key.Owner {
		k.Reply = reply
	}
	return nil
}

// Free implements rpc.Replies.
func (r *Replies) Free(_ context.Context, key rpc.CallKey) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.kept[withoutOwner(key)]; k != nil && k.Owner == key.Owner && k.Reply == nil {
		delete(r.kept, withoutOwner(key))
	}
	return nil
}

// withoutOwner returns the part that identifies a key.
func withoutOwner(key rpc.CallKey) rpc.CallKey {
	key.Owner = ""
	return key
}
