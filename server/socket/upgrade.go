package socket

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/waystation/waystation/rpc"
)

// Token finds the credential of a request: Authorization: Bearer, else the header token. Empty = none.
func Token(r *http.Request) string {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return r.Header.Get("token")
}

// queryTokens are the query parameters under which clients like to put a token, where logs would keep it.
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

// Principal tells who makes an HTTP request; it fits rpc.HTTPHandler. Without a token it is a stranger, who may call
// public methods.
func (e *Endpoint) Principal(r *http.Request) (rpc.Principal, error) {
	if tokenInQuery(r) {
		return rpc.Principal{}, rpc.Unauthenticated("a token does not belong in the URL; use the Authorization header")
	}
	token := Token(r)
	if token == "" {
		return rpc.Principal{Kind: rpc.ScopePublic}, nil
	}
	who, problem := e.authenticate(r.Context(), token)
	if problem != nil {
		return rpc.Principal{}, problem
	}
	return who, nil
}

// authenticate hides why a token was refused. An error with another code than unauthenticated says nothing about the
// token: it could not be checked.
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
	if errors.As(err, &problem) && problem.Code != rpc.CodeUnauthenticated {
		e.log.Error("tokens cannot be checked", "error", err)
		return rpc.Principal{}, problem
	}
	e.log.Debug("token refused", "error", err)
	return rpc.Principal{}, rpc.Unauthenticated("the token is not known")
}

// ServeHTTP upgrades a request and returns at once: the connection lives on goroutines of its own.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if tokenInQuery(r) {
		http.Error(w, "a token does not belong in the URL; use the Authorization header or conn.hello", http.StatusBadRequest)
		return
	}
	c := &conn{e: e, id: newConnID(), opened: time.Now()}
	c.room.L = &c.mu
	if token := Token(r); token != "" {
		who, problem := e.authenticate(r.Context(), token)
		if problem != nil && problem.Code != rpc.CodeUnauthenticated {
			w.Header().Set("Retry-After", "2")
			http.Error(w, problem.Message, http.StatusServiceUnavailable)
			return
		}
		if problem != nil {
			w.Header().Set("WWW-Authenticate", `Bearer realm="waystation"`)
			http.Error(w, problem.Message, http.StatusUnauthorized)
			return
		}
		c.known, c.who = true, who
	}
	if !e.reserve() {
		w.Header().Set("Retry-After", "2")
		http.Error(w, "the server takes no connections now", http.StatusServiceUnavailable)
		return
	}
	h := &hijacker{ResponseWriter: w, timeout: e.cfg.StallTimeout}
	ws, err := websocket.Accept(h, r, &websocket.AcceptOptions{
		Subprotocols:   []string{Subprotocol},
		OriginPatterns: e.cfg.Origins,
		OnPingReceived: c.onPing,
		OnPongReceived: c.onPong,
	})
	if err != nil {
		e.giveBack()
		e.log.Debug("upgrade refused", "error", err)
		return // Accept has answered
	}
	ws.SetReadLimit(-1) // readFrame has its own limit, which does not end the connection
	c.ws, c.wire = ws, h.wire
	c.start()
}

// reasonExpired marks the error of a token that was good once.
const reasonExpired = "token_expired"
