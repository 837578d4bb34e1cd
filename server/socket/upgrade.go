package socket

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/address"
)

// Token returns the credential of a request: Authorization: Bearer, else the header token. Empty = the request has no
// credential.
func Token(r *http.Request) string {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return r.Header.Get("token")
}

// queryTokens are the query parameters in which clients commonly put a token; there it would end up in logs.
var queryTokens = []string{"token", "access_token", "api_key", "apikey", "key", "auth", "authorization"}

func tokenInQuery(r *http.Request) bool {
	if r.URL.RawQuery == "" {
		return false
	}
	for name := range r.URL.Query() {
		for _, forbidden := range queryTokens {
			if strings.EqualFold(name, forbidden) {
				return true
			}
		}
	}
	return false
}

// Principal returns the principal of an HTTP request; it fits rpc.HTTPHandler. Without a token it is an anonymous
// principal, who may call public methods.
func (e *Endpoint) Principal(r *http.Request) (rpc.Principal, error) {
	if tokenInQuery(r) {
		return rpc.Principal{}, rpc.Unauthenticated("a token does not belong in the URL; use the Authorization header")
	}
	token := Token(r)
	if token == "" {
		return rpc.Principal{Kind: rpc.ScopePublic, Address: e.cfg.Proxies.KeyOf(r)}, nil
	}
	who, problem := e.authenticate(address.With(r.Context(), e.cfg.Proxies.KeyOf(r)), token)
	if problem != nil {
		return rpc.Principal{}, problem
	}
	return who, nil
}

// authenticate hides the reason why a token was rejected. An error with another code than unauthenticated says
// nothing about the token: it could not be checked.
func (e *Endpoint) authenticate(ctx context.Context, token string) (rpc.Principal, *rpc.Error) {
	who, err := e.auth.Authenticate(ctx, token)
	if err == nil {
		return who, nil
	}
	if errors.Is(err, ErrTokenExpired) {
		problem := rpc.Unauthenticated("the token has expired")
		problem.Reason = reasonExpired
		return rpc.Principal{}, problem
	}
	var problem *rpc.Error
	if errors.As(err, &problem) && problem.Code == rpc.CodeRateLimited {
		return rpc.Principal{}, problem
	}
	if errors.As(err, &problem) && problem.Code != rpc.CodeUnauthenticated {
		e.log.Error("tokens cannot be checked", "error", err)
		return rpc.Principal{}, problem
	}
	e.log.Debug("token refused", "error", err)
	return rpc.Principal{}, rpc.Unauthenticated("the token is not known")
}

// ticketParam is the query parameter for a ticket, which unlike a token may be part of a URL: it is valid once.
const ticketParam = "ticket"

// credential returns the principal of a request that opens a connection: by token, else by ticket. known is false
// when it has neither. A ticket is consumed.
func (e *Endpoint) credential(r *http.Request) (who rpc.Principal, known bool, problem *rpc.Error) {
	if tokenInQuery(r) {
		return who, false, rpc.InvalidRequest("a token does not belong in the URL; use the Authorization header, a ticket or conn.hello")
	}
	if token := Token(r); token != "" {
		who, problem = e.authenticate(address.With(r.Context(), e.cfg.Proxies.KeyOf(r)), token)
		return who, problem == nil, problem
	}
	tickets, given := r.URL.Query()[ticketParam]
	if !given || e.cfg.Tickets == nil {
		return who, false, nil
	}
	ticket := "" // two tickets are rejected like none
	if len(tickets) == 1 {
		ticket = tickets[0]
	}
	who, err := e.cfg.Tickets.Redeem(r.Context(), ticket)
	if err == nil {
		return who, true, nil
	}
	if !errors.As(err, &problem) {
		problem = rpc.Internal()
	}
	if problem.Code != rpc.CodeUnauthenticated {
		e.log.Error("tickets cannot be checked", "error", err)
	}
	return rpc.Principal{}, false, problem
}

// errForeignPage rejects pages of an origin that is not permitted.
func errForeignPage() *rpc.Error {
	return rpc.Forbidden("pages of this origin may not talk to the server; see the setting allowed-origins")
}

// errFull rejects a connection because the limit is reached.
func (e *Endpoint) errFull() *rpc.Error {
	return &rpc.Error{Code: rpc.CodeShuttingDown, Message: "the server takes no connections now", Reason: "unavailable", Retryable: true, RetryAfter: e.cfg.DrainRetry}
}

// ServeHTTP upgrades a request and returns at once: the connection has goroutines of its own.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &conn{e: e, id: newConnID(), opened: time.Now()}
	c.room.L = &c.mu
	c.address = e.cfg.Proxies.KeyOf(r)
	c.lane.owner = c.address
	var problem *rpc.Error
	if !e.cfg.Origins.Allows(r) {
		problem = errForeignPage()
		e.logForeignPage(r)
	} else {
		c.principal, c.authenticated, problem = e.credential(r)
	}
	if problem != nil && !(r.Header.Get("Origin") != "" && isUpgrade(r)) {
		e.reg.Refuse(w, problem)
		return
	}
	if !e.reserveConn() {
		e.reg.Refuse(w, e.errFull())
		return
	}
	h := &hijacker{ResponseWriter: w, timeout: e.cfg.StallTimeout}
	ws, err := websocket.Accept(h, r, &websocket.AcceptOptions{
		Subprotocols:       []string{Subprotocol},
		InsecureSkipVerify: true, // the origin was checked above
		OnPingReceived:     c.onPing,
		OnPongReceived:     c.onPong,
	})
	if err != nil {
		e.cancelReservation()
		e.log.Debug("upgrade refused", "error", err)
		return // Accept has written the response
	}
	ws.SetReadLimit(-1) // readFrame has its own limit, which does not end the connection
	c.ws, c.wire = ws, h.wire
	c.refused = problem != nil
	c.start()
	if problem != nil { // a page sees an HTTP status as 1006, as if the server were unreachable
		_ = c.Close(closeCodeOf(problem), problem.Message)
	}
}

// isUpgrade reports whether a request asks for a WebSocket.
func isUpgrade(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && r.Header.Get("Sec-WebSocket-Key") != ""
}

// closeCodeOf returns the close code for a rejected credential or page.
func closeCodeOf(problem *rpc.Error) int {
	switch {
	case problem.Reason == reasonExpired:
		return CloseTokenExpired
	case problem.Code == rpc.CodeForbidden:
		return CloseForbidden
	case problem.Code == rpc.CodeUnauthenticated, problem.Code == rpc.CodeInvalidRequest:
		return CloseAuth
	case problem.Code == rpc.CodeRateLimited:
		return CloseRate
	}
	return CloseInternal
}

// longestOrigin is the logged length of a rejected origin, in bytes.
const longestOrigin = 200

// logForeignPage logs a rejected origin, at a limited rate.
func (e *Endpoint) logForeignPage(r *http.Request) {
	if e.refusals.Admit("") == nil {
		page := r.Header.Get("Origin")
		e.log.Warn("a page was refused", "origin", page[:min(len(page), longestOrigin)], "host", r.Host[:min(len(r.Host), longestOrigin)],
			"setting", "allowed-origins")
	}
}

// reasonExpired is the reason of an error for an expired token.
const reasonExpired = "token_expired"
