package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/waystation/waystation/rpc"
)

// handlerOf serves one route.
type handlerOf struct {
	shim  *Shim
	table *table
	route *Route
}

func (h handlerOf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	x := &Exchange{Request: r, Dialect: h.table.Dialect, Route: h.route, shim: h.shim, RequestID: h.shim.requestID(r), ctx: r.Context()}
	reply := h.shim.handleRoute(w, x, h.route)
	h.shim.writeReply(w, x, reply)
	h.shim.log.Debug("request", "dialect", h.table.Name, "operation", h.route.Method+" "+h.route.Path,
		"status", max(reply.Status, http.StatusOK), "duration", time.Since(began), "request_id", x.RequestID)
}

func (s *Shim) writeReply(w http.ResponseWriter, x *Exchange, reply *Reply) {
	w.Header().Set("X-Request-Id", x.RequestID)
	if err := reply.writeTo(w, x.Request); err != nil {
		s.log.Error("an answer could not be encoded", "dialect", x.Dialect.Name, "request_id", x.RequestID, "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
	}
}

// handleRoute returns the answer of a route; all errors have the dialect's form.
func (s *Shim) handleRoute(w http.ResponseWriter, x *Exchange, route *Route) (reply *Reply) {
	defer func() {
		if problem := recover(); problem != nil {
			s.log.Error("a route panicked", "operation", route.Method+" "+route.Path, "request_id", x.RequestID, "panic", problem, "stack", string(debug.Stack()))
			reply = x.Dialect.Fail(x, &Failure{Err: rpc.Internal(), Route: route})
		}
	}()
	result, err := s.runRoute(w, x, route)
	if err != nil {
		return s.failedReply(w, x, err)
	}
	if replier, ok := result.(Replier); ok {
		if result, err = replier.ToReply(); err != nil {
			return s.failedReply(w, x, err)
		}
	}
	if whole, ok := result.(*Reply); ok {
		return whole
	}
	if x.Dialect.Success != nil {
		result = x.Dialect.Success(x, result)
	}
	return &Reply{Body: result}
}

// failedReply returns the dialect's reply to an error.
func (*Shim) failedReply(w http.ResponseWriter, x *Exchange, err error) *Reply {
	f := failureOf(x.Route, err)
	if f.Err != nil && f.Err.RetryAfter > 0 {
		w.Header().Set("Retry-After", retryAfter(f.Err.RetryAfter))
	}
	return x.Dialect.Fail(x, f)
}

func retryAfter(d time.Duration) string {
	return fmt.Sprint(int64((d + time.Second - 1) / time.Second))
}

func (s *Shim) runRoute(w http.ResponseWriter, x *Exchange, route *Route) (any, error) {
	if route.opts.knows {
		if who, problem := s.authenticate(x); problem == nil {
			x.Principal = who
		}
	}
	if !route.opts.public {
		who, problem := s.authenticate(x)
		if problem != nil {
			return nil, problem
		}
		x.Principal, x.Session = who, who.Session
		if s.cfg.Admit != nil {
			if problem := s.cfg.Admit(who.ID); problem != nil {
				return nil, problem
			}
		}
		if x.Dialect.Admits != nil {
			var err error
			if x.Session, err = x.Dialect.Admits(x); err != nil {
				return nil, err
			}
		}
	}
	if x.Request.Method != http.MethodGet && x.Request.Method != http.MethodHead {
		x.ctx = context.WithoutCancel(x.ctx) // changes are completed after a hang-up; methods have timeouts of their own
		if x.key = x.Request.Header.Get("Idempotency-Key"); len(x.key) > maxKey {
			return nil, Bad("Idempotency-Key", "", fmt.Sprintf("must be at most %d characters", maxKey))
		}
	}
	request, free, err := s.decode(w, x, route)
	if err != nil {
		return nil, err
	}
	defer free()
	return x.Route.serve(x, request) // of a route made by OneOf that of its form
}

// authenticate finds the token of a request and its principal.
func (s *Shim) authenticate(x *Exchange) (rpc.Principal, *rpc.Error) {
	if known, ok := x.Request.Context().Value(callerKey{}).(*caller); ok && known.dialect == x.Dialect {
		x.Ticket, x.Filter = known.ticket, known.filter
		return known.who, known.problem
	}
	token, refused, ticket := "", false, false
	for _, c := range x.Dialect.Credentials {
		found := c.Token(x.Request)
		if found == "" {
			continue
		}
		if refused = c.Query && !s.cfg.QueryTokens; refused {
			continue
		}
		if c.Cookie && !x.IsSafe() && !x.IsSameOrigin() {
			return rpc.Principal{}, rpc.Forbidden("a log-in by cookie permits changes to pages of this server only")
		}
		token, ticket = found, c.Ticket
		break
	}
	if token == "" {
		if refused {
			return rpc.Principal{}, rpc.Unauthenticated("tokens in the query are refused; see the setting allow-query-tokens")
		}
		return rpc.Principal{}, rpc.Unauthenticated("a token is needed")
	}
	var who rpc.Principal
	var err error
	if ticket && s.cfg.Tickets != nil {
		x.Ticket = true
		who, x.Filter, err = s.cfg.Tickets.Look(x.Request.Context(), token)
	} else {
		who, err = s.auth.Authenticate(x.Request.Context(), token)
	}
	if err == nil && (who.Account == "" || x.Dialect.Accounts || x.Ticket) {
		return who, nil
	}
	var problem *rpc.Error
	if !errors.As(err, &problem) {
		problem = rpc.Unauthenticated("the token is not known")
	}
	return rpc.Principal{}, problem
}

// caller is the result of authenticate for one dialect, kept with the request: the choice of a dialect at a shared mount needs it before the route.
type caller struct {
	dialect *Dialect
	who     rpc.Principal
	problem *rpc.Error
	ticket  bool
	filter  []byte
}

type callerKey struct{}

// identify authenticates the caller of a request by the credentials of a dialect. The returned request has the result.
func (s *Shim) identify(r *http.Request, d *Dialect) (*http.Request, *caller) {
	x := &Exchange{Request: r, Dialect: d, shim: s}
	found := &caller{dialect: d}
	found.who, found.problem = s.authenticate(x)
	found.ticket, found.filter = x.Ticket, x.Filter
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, found)), found
}

// requestID takes over the caller's own name of a request when it is harmless, and makes one otherwise.
func (s *Shim) requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	harmless := id != "" && len(id) <= maxRequestID
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			harmless = false
		}
	}
	if harmless {
		return id
	}
	return s.prefix + strconv.FormatUint(s.requests.Add(1), 10)
}
