package rpc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// DefaultMaxKeptReply is the largest result kept under an idempotency key, in bytes.
const DefaultMaxKeptReply = 256 << 10

const (
	// keepTimeout bounds each use of Replies. It does not follow the call's context: a key that was claimed for a
	// caller who has gone must still be given back.
	keepTimeout = 10 * time.Second
	// keyRetry is the retry hint returned while another process executes the call, or if the caller has too many keys.
	keyRetry = time.Second
	// keyGrace is how much longer than its timeout a call is taken to be running.
	keyGrace = 15 * time.Second
)

// CallKey is the key of a stored reply.
type CallKey struct {
	Principal, Method, Key string
	// Owner is the key of the data of the session that the call acts on or names; SharedOwner and a hash of the keys when it
	// names several; empty when it names none. A reply that was kept for one owner is none for another.
	Owner string
}

// SharedOwner begins the owner of a call that names several sessions.
const SharedOwner = "*"

// Digest is the same for equal keys only, apart from their Owner, and hides their texts, which are the callers' own.
func (k CallKey) Digest() [sha256.Size]byte { return digest(k.Principal, k.Method, k.Key) }

// KeptCall is an earlier call with an idempotency key.
type KeptCall struct {
	// Params is the fingerprint of its params.
	Params []byte
	// Owner is that of its key.
	Owner string
	// Reply is its reply; nil while it is running, and for good when the process ended before it did.
	Reply   []byte
	Started time.Time
}

// ErrTooManyKeys is returned by Claim if the principal has reached its number of stored keys.
var ErrTooManyKeys = errors.New("too many idempotency keys")

// Replies stores the replies of calls that carry an idempotency key, for the configured time. Its results apply to every process that shares it. Its
// methods may be called from many goroutines, for one key from one at a time within a process.
type Replies interface {
	// Claim marks the key as begun, now. If the key exists Claim changes nothing, returns the stored call, and fresh is false. A key with the same
	// params and another owner was used for a deleted session: it is claimed again.
	Claim(ctx context.Context, key CallKey, params []byte) (kept KeptCall, fresh bool, err error)
	// Keep stores the reply of a claimed key; nothing happens when another owner has claimed it since.
	Keep(ctx context.Context, key CallKey, reply []byte) error
	// Free forgets a claimed key, unless its reply is kept.
	Free(ctx context.Context, key CallKey) error
}

// runningCall is a call with an idempotency key that is running in this process.
type runningCall struct {
	params [sha256.Size]byte
	done   chan struct{}
	// Valid when done is closed.
	result  json.RawMessage
	problem *Error
	final   bool
}

// runOnce runs a call, or answers one that carries the idempotency key of an earlier call with the reply to that.
func (reg *Registry) runOnce(ctx context.Context, m *method, call *Call, params any) (json.RawMessage, *Error) {
	if call.Meta.IdempotencyKey == "" {
		return reg.run(ctx, m, call, params)
	}
	key := CallKey{Principal: call.Principal.ID, Method: m.Name, Key: call.Meta.IdempotencyKey, Owner: call.owner}
	for {
		f, first := reg.joinRunning(key, call.fingerprint)
		switch {
		case first:
			f.result, f.problem, f.final = reg.runKeyed(ctx, m, call, params, key)
			reg.finishRunning(key, f)
			return f.result, f.problem
		case f.params != call.fingerprint:
			return nil, IdempotencyMismatch()
		}
		select {
		case <-f.done:
			if f.final {
				return f.result, f.problem
			}
			// It failed in a way that may pass: the next one tries.
		case <-ctx.Done():
			return nil, reg.mapError(ctx, call, ctx.Err())
		}
	}
}

// joinRunning returns the running call of a key, or makes one of it.
func (reg *Registry) joinRunning(key CallKey, params [sha256.Size]byte) (f *runningCall, first bool) {
	reg.flightsMu.Lock()
	defer reg.flightsMu.Unlock()
	if f := reg.runningCalls[key]; f != nil {
		return f, false
	}
	if reg.runningCalls == nil {
		reg.runningCalls = make(map[CallKey]*runningCall)
	}
	f = &runningCall{params: params, done: make(chan struct{})}
	reg.runningCalls[key] = f
	return f, true
}

func (reg *Registry) finishRunning(key CallKey, f *runningCall) {
	reg.flightsMu.Lock()
	delete(reg.runningCalls, key)
	reg.flightsMu.Unlock()
	close(f.done)
}

// runKeyed claims the key, runs the call and stores its reply; final reports that repeats receive this reply.
func (reg *Registry) runKeyed(ctx context.Context, m *method, call *Call, params any, key CallKey) (result json.RawMessage, problem *Error, final bool) {
	var kept KeptCall
	var fresh bool
	problem = reg.withReplies(ctx, call, func(ctx context.Context) (err error) {
		kept, fresh, err = reg.opts.Replies.Claim(ctx, key, call.fingerprint[:])
		return err
	})
	if problem != nil {
		return nil, problem, false
	}
	if !fresh {
		result, problem, over := reg.keptReply(m, call, &kept)
		if over {
			return result, problem, false
		}
	}
	call.begun = kept.Started
	result, problem = reg.run(ctx, m, call, params)
	final = isFinal(problem)
	// The caller gets the reply whether or not it can be kept; the failure is in the log.
	switch {
	case final:
		_ = reg.withReplies(ctx, call, func(ctx context.Context) error {
			return reg.opts.Replies.Keep(ctx, key, encodeKept(result, problem, reg.opts.MaxKeptReply))
		})
	case !m.Repeatable: // those that are need the time they were begun for their OnceID
		_ = reg.withReplies(ctx, call, func(ctx context.Context) error { return reg.opts.Replies.Free(ctx, key) })
	}
	return result, problem, final
}

// isFinal reports whether a repeat receives the same reply. Errors that may pass, cancellations and timeouts are not stored.
func isFinal(problem *Error) bool {
	return problem == nil || !problem.Retryable && problem.Code != CodeCancelled && problem.Code != CodeTimeout
}

func (reg *Registry) withReplies(ctx context.Context, call *Call, do func(context.Context) error) *Error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	err := do(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrTooManyKeys):
		return RateLimited("too many idempotency keys are kept for this credential", keyRetry)
	}
	reg.log.Error("replies cannot be kept", "method", call.Method, "request_id", call.RequestID, "error", err)
	return &Error{Code: CodeInternal, Message: "idempotency keys cannot be kept now; the call was not made", Reason: "storage", Retryable: true}
}

// keptReply answers a repeat from the stored call. over is false if the call has to be made after all.
func (reg *Registry) keptReply(m *method, call *Call, kept *KeptCall) (result json.RawMessage, problem *Error, over bool) {
	switch {
	case !bytes.Equal(kept.Params, call.fingerprint[:]):
		return nil, IdempotencyMismatch(), true
	case kept.Reply != nil:
		result, problem = decodeKept(kept.Reply)
		return result, problem, true
	case m.Repeatable:
		return nil, nil, false
	}
	most := max(reg.opts.MaxTimeout, reg.opts.Timeout, m.Timeout) + keyGrace
	if time.Since(kept.Started) < most {
		problem = Conflict("the first call with this idempotency key is running, or was when its process ended")
		problem.Retryable, problem.RetryAfter = true, keyRetry
		return nil, problem, true
	}
	problem = Conflict("the process ended while the first call with this idempotency key was running: what came of it is not known")
	return nil, problem.With(map[string]any{"outcome": "unknown"}), true
}

// keptReply is the form replies are kept in. An error keeps everything but its request id.
type keptReply struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  *keptError      `json:"error,omitempty"`
}

type keptError struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Reason  string          `json:"reason,omitempty"`
	Details json.RawMessage `json:"details,omitempty"`
}

// encodeKept encodes a reply; in place of a result that is too large it puts the error that repeats get.
func encodeKept(result json.RawMessage, problem *Error, limit int) []byte {
	if problem == nil && len(result) > limit {
		problem = TooLarge(fmt.Sprintf("the call was made, and its result of %d bytes is too large to be kept for repeats", len(result)), limit)
	}
	if problem == nil {
		return append(append([]byte(`{"result":`), result...), '}')
	}
	kept := keptError{Code: problem.Code, Message: problem.Message, Reason: problem.Reason}
	if problem.Details != nil {
		kept.Details, _ = EncodeJSON(problem.Details) // details that cannot be encoded are left out of the first reply too
	}
	if len(kept.Details) > limit {
		kept.Details = nil
	}
	b, _ := EncodeJSON(keptReply{Error: &kept})
	return b
}

// DeletedReply returns the replacement stored by Replies for a reply that was deleted with the data of a session: the error returned to repeats. The
// key stays claimed, so that the call is not made again.
func DeletedReply() []byte {
	problem := Conflict("the reply to the first call with this idempotency key was deleted together with a session")
	return encodeKept(nil, problem.With(map[string]any{"outcome": "unknown"}), DefaultMaxKeptReply)
}

func decodeKept(b []byte) (json.RawMessage, *Error) {
	var kept keptReply
	if err := json.Unmarshal(b, &kept); err != nil || kept.Error == nil && kept.Result == nil {
		return nil, Internal()
	}
	if kept.Error == nil {
		return kept.Result, nil
	}
	problem := &Error{Code: kept.Error.Code, Message: kept.Error.Message, Reason: kept.Error.Reason}
	if kept.Error.Details != nil {
		problem.Details = kept.Error.Details
	}
	return nil, problem
}

// keyProblem returns the reason why a call cannot have an idempotency key.
func (reg *Registry) keyProblem(m *method, call *Call) *Error {
	switch {
	case reg.opts.Replies == nil:
		return NotSupported("idempotency keys are not kept by this server")
	case m.Inline || m.NeedsConn:
		return NotSupported(m.Name + " takes no idempotency key: it acts on the connection")
	case m.Secret:
		return NotSupported(m.Name + " takes no idempotency key: its result is not kept")
	case call.Principal.ID == "":
		return NotSupported("idempotency keys are kept for callers with a credential")
	}
	return nil
}

// fingerprint is the same for params that mean the same: the order of members, white space, _meta and whether the
// session is named or comes from the credential make no difference. owner is that of the CallKey.
func (reg *Registry) fingerprint(m *method, call *Call, params json.RawMessage) (sum [sha256.Size]byte, owner string) {
	members := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(params))
	d.UseNumber()
	_ = d.Decode(&members) // was checked; null and nothing leave it empty
	if members == nil {
		members = map[string]any{}
	}
	delete(members, "_meta")
	if m.takesSession() {
		members["session"] = call.Session
		owner = reg.opts.OwnerOf(call.Session)
	} else {
		owner = reg.ownersNamed(members)
	}
	b, _ := json.Marshal(members) // sorts members
	return sha256.Sum256(b), owner
}

// ownersNamed returns the owner of the session that params name, SharedOwner and a hash of the owners when they name several,
// and an empty string when they name none.
func (reg *Registry) ownersNamed(members map[string]any) string {
	var owners []string
	for _, name := range []string{"session", "session_id", "sessions", "session_ids"} {
		list, isList := members[name].([]any)
		if !isList {
			list = []any{members[name]}
		}
		for _, item := range list {
			if session, ok := item.(string); ok && session != "" {
				owners = append(owners, reg.opts.OwnerOf(session))
			}
		}
	}
	switch len(owners) {
	case 0:
		return ""
	case 1:
		return owners[0]
	}
	sum := digest(owners...)
	return SharedOwner + hex.EncodeToString(sum[:])
}

// OnceID is an id for the effect of the call, the same for each repeat under its idempotency key and different for all other calls, also when the key
// is reused after its expiry. ok is false for calls without a key.
func (c *Call) OnceID() (id [sha256.Size]byte, ok bool) {
	if c.Meta.IdempotencyKey == "" {
		return id, false
	}
	begun := strconv.FormatInt(c.begun.UnixMilli(), 10)
	return digest(c.Principal.ID, c.Method, c.owner, c.Meta.IdempotencyKey, begun), true
}

// digest is a hash of texts with unambiguous boundaries.
func digest(parts ...string) [sha256.Size]byte {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
