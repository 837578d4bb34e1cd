package rest

import (
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// restWorld is the world of the tests of one dialect.
type restWorld struct{ *e2etest.DialectWorld }

func startRestWorld(t *testing.T, dialect string, extra ...string) *restWorld {
	t.Helper()
	return &restWorld{e2etest.StartDialectWorld(t, dialect, extra...)}
}

// restCase is one documented operation: the REST request, the equivalent calls, and the check of the effect.
type restCase struct {
	operation string // "METHOD /path"
	rules     resttest.Rules
	prepare   func(t *testing.T, w *restWorld) restAct
	// stream checks an endless answer, in place of its comparison with the document.
	stream func(t *testing.T, r *restRun, mount string)
}

// restAct is one run of a case.
type restAct struct {
	as      *e2etest.Session // nil = the world's caller
	example int              // which of the document's bodies
	values  resttest.Values
	alter   func(*resttest.Request) // changes the request built from the values; nil = no change
	calls   []restCall
	effect  func(t *testing.T, out outcome)
}

// restCall is a call of a method; the session is added.
type restCall struct {
	method string
	params object
}

// outcome is the answer: over REST the documented content without its envelope, through JSON-RPC the result of
// each call.
type outcome struct {
	rest any
	rpc  []any
}

// at returns a value of the answer: at one path over REST, at the other through JSON-RPC, where the first part is
// the number of the call. Paths are parts with slashes between; a part key=value finds the item of a list.
func (o outcome) at(rest, rpc string) any {
	if o.rpc != nil {
		return e2etest.ValueAt(o.rpc, rpc)
	}
	return e2etest.ValueAt(o.rest, rest)
}

// is checks a value of the answer; it must be the same over REST and JSON-RPC.
func (o outcome) is(t *testing.T, want any, rest, rpc string) {
	t.Helper()
	path := rest
	if o.rpc != nil {
		path = rpc
	}
	e2etest.CheckSame(t, path, want, o.at(rest, rpc))
}

// perform makes the calls of an act.
func (w *restWorld) perform(t *testing.T, act restAct) outcome {
	t.Helper()
	out := outcome{rpc: []any{}}
	for _, c := range act.calls {
		out.rpc = append(out.rpc, map[string]any(w.Call(t, w.who(act), c.method, c.params)))
	}
	return out
}

func (w *restWorld) who(act restAct) e2etest.Session {
	if act.as != nil {
		return *act.as
	}
	return w.Caller
}
