package rpc

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waystation/waystation/rpc/suggest"
)

// Defaults of Options.
const (
	// DefaultTimeout is how long a call may take when neither method nor caller says otherwise.
	DefaultTimeout = 30 * time.Second
	// DefaultMaxTimeout is the most a caller may ask for in _meta.timeout_ms.
	DefaultMaxTimeout = 120 * time.Second
	// DefaultMaxReply is the largest result in bytes; lists are paged to stay below it.
	DefaultMaxReply = 1 << 20
	// DefaultSessionInFlight is how many calls may run on one session at a time, over all connections.
	DefaultSessionInFlight = 512
)

// Options of a Registry. The zero value is usable.
type Options struct {
	// Title and Version are shown in the OpenRPC document; empty = "Waystation" and "0".
	Title, Version string
	// Operations maps a method to the documented operations it serves; shown as x-operations.
	Operations map[string][]string
	// Events are the pushed events; shown as x-events.
	Events []EventDoc
	// Timeout of calls; 0 = DefaultTimeout.
	Timeout time.Duration
	// MaxTimeout is the most a caller may ask for; 0 = DefaultMaxTimeout.
	MaxTimeout time.Duration
	// MaxReply is the largest result in bytes; 0 = DefaultMaxReply.
	MaxReply int
	// SessionInFlight is the number of calls on one session at a time; 0 = DefaultSessionInFlight.
	SessionInFlight int
	// Replies keeps the replies of calls with an idempotency key; nil = such calls are refused.
	Replies Replies
	// OwnerOf returns the key that a session's data is stored under, which no later session of the same id has; nil = the id.
	OwnerOf func(session string) string
	// MaxKeptReply is the largest result that is stored, in bytes; repeats of a call with a larger one receive an error that states it. 0 =
	// DefaultMaxKeptReply.
	MaxKeptReply int
	// ObserveCalls returns the function that gets the duration of each answered call of a namespace's methods, from its arrival
	// to its reply. Registering a method calls it once. nil = durations are not observed.
	ObserveCalls func(namespace string) (observe func(took time.Duration))
	// ObserveChanges gets each answered call whose effect is not EffectRead, also refused ones. It must not block; ctx has the values of
	// the call's and does not end. nil = calls are not observed.
	ObserveChanges func(ctx context.Context, call ChangedCall)
	// Log gets failures and panics; nil = discard.
	Log *slog.Logger
}

// EventDoc describes a pushed event in the OpenRPC document.
type EventDoc struct {
	Name     string `json:"name"`
	Summary  string `json:"summary,omitempty"`
	Volatile bool   `json:"volatile,omitempty"`
	Schema   any    `json:"schema,omitempty"`
}

// Registry holds the methods. Register everything first, then call: lookups take no lock.
type Registry struct {
	// MapError converts an error of a method into the error for the caller; nil results become an internal error without inner text. Set before the
	// first call. *Error values do not pass through it.
	MapError func(error) *Error

	opts     Options
	methods  map[string]*method
	log      *slog.Logger
	sessions inFlight
	prefix   string
	counter  atomic.Uint64
	encoding chan struct{} // places of calls that encode metered results; see beginEncoding

	flightsMu    sync.Mutex
	runningCalls map[CallKey]*runningCall // calls with an idempotency key that are running here

	discoverOnce sync.Once
	discoverDoc  json.RawMessage
	discoverErr  error
}

// NewRegistry makes a registry with rpc.discover and conn.cancel in it.
func NewRegistry(opts Options) *Registry {
	if opts.Title == "" {
		opts.Title = "Waystation"
	}
	if opts.Version == "" {
		opts.Version = "0"
	}
	if opts.Timeout <= 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.MaxTimeout <= 0 {
		opts.MaxTimeout = DefaultMaxTimeout
	}
	if opts.MaxReply <= 0 {
		opts.MaxReply = DefaultMaxReply
	}
	if opts.SessionInFlight <= 0 {
		opts.SessionInFlight = DefaultSessionInFlight
	}
	if opts.MaxKeptReply <= 0 {
		opts.MaxKeptReply = DefaultMaxKeptReply
	}
	if opts.OwnerOf == nil {
		opts.OwnerOf = func(session string) string { return session }
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	var random [4]byte
	_, _ = rand.Read(random[:]) // crypto/rand never fails
	reg := &Registry{
		opts:     opts,
		methods:  make(map[string]*method),
		log:      opts.Log,
		sessions: inFlight{max: opts.SessionInFlight, running: make(map[string]int)},
		prefix:   hex.EncodeToString(random[:]) + "-",
		encoding: make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
	registerBuiltin(reg)
	return reg
}

func (reg *Registry) add(m *method) {
	if _, taken := reg.methods[m.Name]; taken {
		panic(fmt.Sprintf("rpc: %s is registered twice", m.Name))
	}
	if reg.opts.ObserveCalls != nil {
		namespace, _, _ := strings.Cut(m.Name, ".")
		m.observe = reg.opts.ObserveCalls(namespace)
	}
	reg.methods[m.Name] = m
}

// Options returns the options in force, with the defaults filled in.
func (reg *Registry) Options() Options { return reg.opts }

// Methods lists the registered methods by name.
func (reg *Registry) Methods() []Method {
	list := make([]Method, 0, len(reg.methods))
	for _, m := range reg.methods {
		list = append(list, m.Method)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// methodNotFound is MethodNotFound with the name of a method that is near.
func (reg *Registry) methodNotFound(name string) *Error {
	problem := MethodNotFound(name)
	names := make([]string, 0, len(reg.methods))
	for known := range reg.methods {
		names = append(names, known)
	}
	sort.Strings(names)
	if near := suggest.Nearest(name, names); near != "" {
		problem.Message += `; did you mean "` + near + `"?`
		problem.Details = map[string]any{"did_you_mean": near}
	}
	return problem
}

// Call runs a method inside the process and returns its encoded result. It checks scope, session and params, sets the
// timeout, contains panics and maps errors; limits that belong to a connection do not apply. call.Principal must be
// set; the rest of call is filled in.
func (reg *Registry) Call(ctx context.Context, call *Call, name string, params json.RawMessage) (result json.RawMessage, problem *Error) {
	m := reg.methods[name]
	if m == nil {
		return nil, reg.methodNotFound(name)
	}
	began := time.Now()
	defer func() {
		m.ended(problem, began)
		reg.reportChange(ctx, m, call, problem, began)
	}()
	if len(params) > 0 {
		if err := checkJSON(params, DefaultMaxDepth); err != nil {
			return nil, InvalidParams("", "params are not JSON: "+err.Error())
		}
	}
	value, problem := reg.prepare(m, call, params)
	if problem != nil {
		return nil, problem
	}
	if problem := reg.acquireSlot(call); problem != nil {
		return nil, problem
	}
	defer reg.releaseSlot(call)
	ctx, cancel := context.WithTimeout(ctx, reg.timeout(m, call))
	defer cancel()
	defer call.runAfterReply()
	return reg.runOnce(ctx, m, call, value)
}

// prepare makes all checks of a call that do not wait: scope, session, params.
func (reg *Registry) prepare(m *method, call *Call, params json.RawMessage) (any, *Error) {
	call.Method = m.Name
	if call.RequestID == "" {
		call.RequestID = reg.requestID()
	}
	if call.Principal.Kind.rank() < m.Scope.rank() {
		if call.Principal.Kind.rank() == 0 {
			return nil, Unauthenticated(m.Name + " needs a credential")
		}
		return nil, Forbidden(m.Name + " needs scope " + string(m.Scope))
	}
	if problem := reg.refuseCredential(m, &call.Principal); problem != nil {
		return nil, problem
	}
	if m.NeedsConn && call.Conn == nil {
		return nil, NotSupported(m.Name + " needs a connection")
	}
	env := envelope{takeSession: m.takesSession(), bound: call.Principal.Session}
	value, problem := m.prepare(params, &env)
	if problem != nil {
		return nil, problem
	}
	call.Meta = env.meta
	if env.meta.IdempotencyKey != "" {
		if problem := reg.keyProblem(m, call); problem != nil {
			return nil, problem
		}
	}
	if env.takeSession {
		call.Session = env.session
		if call.Session == "" {
			call.Session = call.Principal.Session
		}
		if !call.Principal.MayUse(call.Session) {
			return nil, Forbidden("the credential does not reach this session")
		}
	}
	if env.meta.IdempotencyKey != "" {
		call.fingerprint, call.owner = reg.fingerprint(m, call, params)
	}
	return value, nil
}

// refuseCredential returns the error for a credential that was revoked meanwhile, or that does not permit the effect of a method.
func (*Registry) refuseCredential(m *method, who *Principal) *Error {
	if who.Access != nil && !who.Access.Valid() {
		return Unauthenticated("the credential was revoked or has expired")
	}
	if !who.Permits(m.Effect) {
		return &Error{Code: CodeForbidden, Reason: "effect_not_permitted", Message: "the credential does not permit " + m.Name + ", whose effect is " + m.Effect.String()}
	}
	return nil
}

func (m *method) takesSession() bool { return m.Scope == ScopeSession && !m.NoSession }

func (reg *Registry) timeout(m *method, call *Call) time.Duration {
	if call.Meta.TimeoutMS > 0 {
		return min(time.Duration(min(call.Meta.TimeoutMS, reg.opts.MaxTimeout.Milliseconds()))*time.Millisecond, reg.opts.MaxTimeout)
	}
	if m.Timeout > 0 {
		return m.Timeout
	}
	return reg.opts.Timeout
}

// run calls the method and encodes its result. It never panics.
func (reg *Registry) run(ctx context.Context, m *method, call *Call, params any) (result json.RawMessage, problem *Error) {
	value, err := reg.invokeMethod(ctx, m, call, params)
	if err != nil {
		return nil, reg.mapError(ctx, call, err)
	}
	limit := m.MaxReply
	if limit == 0 {
		limit = reg.opts.MaxReply
	}
	result, err = reg.encodeMetered(ctx, m, call, value, limit)
	if errors.Is(err, errNoRoomForReply) {
		return nil, OutcomeUnknown("the call was made, and there was no room for its reply: earlier replies have not been read", "")
	}
	if err != nil {
		reg.log.Error("result cannot be encoded", "method", m.Name, "request_id", call.RequestID, "error", err)
		return nil, Internal()
	}
	if len(result) > limit {
		return nil, TooLarge(fmt.Sprintf("the result has %d bytes; ask for a smaller page", len(result)), limit)
	}
	return result, nil
}

// invokeMethod is the panic boundary of a call.
func (reg *Registry) invokeMethod(ctx context.Context, m *method, call *Call, params any) (value any, err error) {
	defer func() {
		if r := recover(); r != nil {
			reg.log.Error("method panicked", "method", m.Name, "request_id", call.RequestID, "session", call.Session,
				"panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			value, err = nil, Internal()
		}
	}()
	return m.run(ctx, call, params)
}

func (reg *Registry) mapError(ctx context.Context, call *Call, err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	if reg.MapError != nil {
		if e := reg.MapError(err); e != nil {
			if e.Code == CodeInternal { // the caller learns only that the server failed; the cause is logged
				reg.log.Error("method failed", "method", call.Method, "request_id", call.RequestID, "session", call.Session, "error", err)
			}
			return e
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Cancelled()
	case errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return Timeout("the call took too long")
	}
	reg.log.Error("method failed", "method", call.Method, "request_id", call.RequestID, "session", call.Session, "error", err)
	return Internal()
}

func (reg *Registry) requestID() string {
	b := make([]byte, 0, 24)
	b = append(b, reg.prefix...)
	return string(strconv.AppendUint(b, reg.counter.Add(1), 36))
}

func encodeResult(value any) (json.RawMessage, error) {
	switch v := value.(type) {
	case json.RawMessage:
		if len(v) == 0 {
			return json.RawMessage("null"), nil
		}
		return v, nil
	case nil:
		return json.RawMessage("null"), nil
	}
	raw, err := EncodeJSON(value)
	if err != nil {
		return nil, fmt.Errorf("rpc: encode result: %w", err)
	}
	return raw, nil
}

// inFlightRetry is the retry hint while too many calls are running.
const inFlightRetry = 100 * time.Millisecond

// acquireSlot takes a place among the calls of the session, for a call that runs or waits for its turn.
func (reg *Registry) acquireSlot(call *Call) *Error {
	if call.Session == "" {
		return nil
	}
	if !reg.sessions.enter(call.Session) {
		return RateLimited("too many calls in flight on this session", inFlightRetry)
	}
	call.occupies = true
	return nil
}

func (reg *Registry) releaseSlot(call *Call) {
	if call.occupies {
		call.occupies = false
		reg.sessions.leave(call.Session)
	}
}

// inFlight counts running calls by key.
type inFlight struct {
	mu      sync.Mutex
	max     int
	running map[string]int
}

func (f *inFlight) enter(key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running[key] >= f.max {
		return false
	}
	f.running[key]++
	return true
}

func (f *inFlight) leave(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running[key]--; f.running[key] <= 0 {
		delete(f.running, key)
	}
}
