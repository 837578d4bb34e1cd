package rpc

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Effect is what a call does, or a set of these. Credentials may be limited to some.
type Effect uint8

// Effects of calls.
const (
	// EffectRead is that of calls that change nothing.
	EffectRead Effect = 1 << iota
	// EffectWrite is that of calls that change or send something.
	EffectWrite
	// EffectAdmin is that of calls that administer the server, accounts or access to sessions.
	EffectAdmin
	// AllEffects is the set of all.
	AllEffects = EffectRead | EffectWrite | EffectAdmin
)

var effectNames = []string{"read", "write", "admin"}

// Names lists the effects of a set.
func (e Effect) Names() []string {
	names := make([]string, 0, len(effectNames))
	for i, name := range effectNames {
		if e&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String returns the names of a set, separated by commas.
func (e Effect) String() string { return strings.Join(e.Names(), ",") }

// ParseEffects returns the set of named effects; ok is false if a name is unknown.
func ParseEffects(names []string) (set Effect, ok bool) {
	for _, name := range names {
		i := slices.Index(effectNames, name)
		if i < 0 {
			return 0, false
		}
		set |= 1 << i
	}
	return set, true
}

// readingVerbs begin the names of methods that change nothing.
var readingVerbs = map[string]bool{
	"cancel": true, "check": true, "count": true, "discover": true, "download": true, "find": true, "format": true, "get": true, "is": true, "list": true,
	"peek": true, "ping": true, "preview": true, "read": true, "resolve": true, "search": true, "watch": true,
}

// effectOf returns the effect of a method that declares none: that of its scope and of the verb of its name.
func effectOf(m *Method) Effect {
	if m.Scope == ScopeAdmin {
		return EffectAdmin
	}
	_, verb, _ := strings.Cut(m.Name, ".")
	if end := strings.IndexFunc(verb, unicode.IsUpper); end > 0 {
		verb = verb[:end]
	}
	if readingVerbs[verb] {
		return EffectRead
	}
	return EffectWrite
}

// ChangedCall is a call that was answered and whose effect is not EffectRead.
type ChangedCall struct {
	// Method is the name of the method, Effect its effect.
	Method string
	Effect Effect
	// Principal is the caller.
	Principal Principal
	// Session is the session of the call; empty = none, or the call was refused before it was known.
	Session string
	// RequestID names the call, as in the reply to an error.
	RequestID string
	// Err is the error of the reply; nil = the call succeeded.
	Err *Error
	// Took is the time from the arrival of the call to its reply.
	Took time.Duration
}

// reportChange passes a call to Options.ObserveChanges. Calls that were refused before their credential was checked, such as those over a
// rate, are not reported.
func (reg *Registry) reportChange(ctx context.Context, m *method, call *Call, problem *Error, began time.Time) {
	if reg.opts.ObserveChanges == nil || m.Effect == EffectRead || call.Method == "" {
		return
	}
	reg.opts.ObserveChanges(context.WithoutCancel(ctx), ChangedCall{
		Method: m.Name, Effect: m.Effect, Principal: call.Principal, Session: cmp.Or(call.Session, call.concerns), RequestID: call.RequestID, Err: problem, Took: time.Since(began),
	})
}
