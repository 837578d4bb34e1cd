package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/waystation/waystation/rpc"
)

// Exchange is one request that is being answered. It belongs to one goroutine.
type Exchange struct {
	// Request is the HTTP request; its body has been read.
	Request *http.Request
	// Principal is the caller; zero on public routes.
	Principal rpc.Principal
	// Session is the session of the calls; "" = the session that the credential is bound to, or none.
	Session string
	// Ticket reports that the caller has a watch token instead of a credential. Filter is the filter of the token: params of
	// delivery.watch, as a JSON object; nil = none.
	Ticket bool
	Filter []byte
	// RequestID names the request in the log and in the answer.
	RequestID string
	// Dialect is the one that answers.
	Dialect *Dialect
	// Route is the requested operation; nil for unknown paths.
	Route *Route

	shim  *Shim
	in    reflect.Value   // the request's struct
	ctx   context.Context // of the calls; outlives a caller who hangs up when the request changes something
	key   string          // idempotency key of the request
	calls int
	kept  any // by Keep
}

// Call calls a method and decodes its result into result (nil = not wanted). Its error is an *rpc.Error; a route's
// function returns it as it is, unless the document asks for something else. It panics on a method that the route does not
// name: documents are made of those names.
func (x *Exchange) Call(method string, params Params, result any) error {
	if x.Route != nil && !slices.Contains(x.Route.Calls, method) {
		panic(fmt.Sprintf("rest: %s %s calls %s without naming it", x.Route.Method, x.Route.Path, method))
	}
	return x.call(method, maps.Clone(params), result)
}

// call is Call without its check of names. It changes params.
func (x *Exchange) call(method string, sent Params, result any) error {
	if sent == nil {
		sent = Params{}
	}
	if _, named := sent["session"]; !named && x.Session != "" && x.Principal.Session == "" {
		sent["session"] = x.Session
	}
	x.calls++
	if x.key != "" {
		// Each call of the request has a key of its own, as they are made in the same order each time.
		sent["_meta"] = Params{"idempotency_key": x.key + "#" + strconv.Itoa(x.calls)}
	}
	raw, err := json.Marshal(sent)
	if err != nil {
		return fmt.Errorf("rest: params of %s: %w", method, err)
	}
	call := &rpc.Call{Principal: x.Principal, RequestID: x.RequestID}
	reply, problem := x.shim.caller.Call(x.ctx, call, method, raw)
	if problem != nil {
		return problem
	}
	if result == nil {
		return nil
	}
	if raw, ok := result.(*json.RawMessage); ok {
		*raw = reply
		return nil
	}
	if err := json.Unmarshal(reply, result); err != nil {
		return fmt.Errorf("rest: result of %s: %w", method, err)
	}
	return nil
}
