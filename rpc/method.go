package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"time"
)

// Method describes a method; its params and result come from the types given to Register.
type Method struct {
	// Name is noun.verbObject; the noun is the namespace.
	Name string
	// Summary is one sentence for people.
	Summary string
	// Description is anything more they should know.
	Description string
	// Scope is the least credential that may call it; empty = session.
	Scope Scope
	// Effect is what a call does, which the credential must permit; 0 = EffectAdmin for methods of ScopeAdmin, else by the verb of the name:
	// get, list and the like read, others write.
	Effect Effect
	// Timeout replaces the default timeout of a call; 0 = the registry's default.
	Timeout time.Duration
	// NoSession is for session-scope methods that act on no particular session: the shared param session is then not
	// taken.
	NoSession bool
	// Repeatable says that a call made again with the same Call.OnceID has no second effect: a repeat under its
	// idempotency key makes it again as long as no final reply is known, also when the process ended meanwhile.
	Repeatable bool
	// Secret says that the result is a credential, so that it is never kept: no idempotency key is taken.
	Secret bool
	// NoBatch refuses the method inside a batch.
	NoBatch bool
	// NeedsConn refuses the method outside a connection (HTTP, in-process).
	NeedsConn bool
	// Inline runs the method on the goroutine that reads the connection, before the next frame is read. Only for what
	// is quick and must be in order, such as subscribing.
	Inline bool
	// Light is the number of calls that count as one for the rate of the connection; 0 = each counts. For calls that a client may send with every
	// event. It divides 60.
	Light int
	// MaxReply replaces the limit on the size of the result, in bytes; 0 = the registry's limit.
	MaxReply int
	// SharedResult says that the method returns the same json.RawMessage to all callers, which is not changed
	// afterwards: unread replies that refer to it take no memory for it.
	SharedResult bool
}

// Ordered is implemented by params whose calls must keep their order of arrival on a connection.
type Ordered interface {
	// OrderKey returns the unit that is ordered, such as the chat of a message; calls with the same key in the same session run one after the other.
	// Empty = no order.
	OrderKey() string
}

// Validator is implemented by params with rules that struct tags cannot express. A returned *Error is passed to the caller unchanged, Fields as
// invalid params, any other error as one invalid field without a pointer.
type Validator interface {
	Validate() error
}

var methodName = regexp.MustCompile(`^[a-z][A-Za-z0-9]*\.[a-z][A-Za-z0-9]*$`)

// method is a registered method with its types compiled.
type method struct {
	Method
	params *plan
	result reflect.Type
	// ordered says that *P implements Ordered, so that params are decoded before the call is queued.
	ordered bool
	// prepare decodes and checks params; the value it returns goes to run.
	prepare func(raw json.RawMessage, env *envelope) (any, *Error)
	run     func(ctx context.Context, call *Call, params any) (any, error)

	outcomes outcomes
	observe  func(took time.Duration) // nil = durations are not observed
	size     *replySize
}

// Register adds a method. P is the struct params are decoded into, R is the result. It panics on a method that is
// declared wrongly (bad name, unknown scope, bad Light, bad struct tag, registered twice), which only a change of code can cause.
func Register[P, R any](reg *Registry, m Method, fn func(ctx context.Context, call *Call, p *P) (R, error)) {
	if !methodName.MatchString(m.Name) {
		panic(fmt.Sprintf("rpc: bad method name %q", m.Name))
	}
	if m.Scope == "" {
		m.Scope = ScopeSession
	}
	if !m.Scope.valid() {
		panic(fmt.Sprintf("rpc: %s: unknown scope %q", m.Name, m.Scope))
	}
	if m.Effect == 0 {
		m.Effect = effectOf(&m)
	}
	if m.Light < 0 || m.Light > 1 && callTokens%m.Light != 0 {
		panic(fmt.Sprintf("rpc: %s: Light is %d, which does not divide %d", m.Name, m.Light, callTokens))
	}
	p, err := planOf(reflect.TypeFor[P]())
	if err != nil {
		panic(fmt.Sprintf("rpc: %s: %v", m.Name, err))
	}
	_, ordered := any((*P)(nil)).(Ordered)
	reg.add(&method{
		Method:  m,
		params:  p,
		result:  reflect.TypeFor[R](),
		ordered: ordered,
		size:    newReplySize(),
		prepare: func(raw json.RawMessage, env *envelope) (any, *Error) {
			v := new(P)
			if problem := decodeParams(p, raw, reflect.ValueOf(v).Elem(), env); problem != nil {
				return nil, problem
			}
			if c, ok := any(v).(Validator); ok {
				if err := c.Validate(); err != nil {
					return nil, validationError(err)
				}
			}
			return v, nil
		},
		run: func(ctx context.Context, call *Call, params any) (any, error) {
			return fn(ctx, call, params.(*P))
		},
	})
}
