package api

import (
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/waystation/waystation/rpc"
)

// maxTicketBody limits the body of POST /v1/tickets, in bytes.
const maxTicketBody = 4 << 10

// serveTickets serves tickets.create for pages and scripts that have no connection yet: the body, which may be empty,
// contains its params, the response its result.
func (a *API) serveTickets(w http.ResponseWriter, r *http.Request) {
	who, err := a.Sockets.Principal(r)
	if err != nil {
		a.writeError(w, err)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTicketBody))
	if err != nil {
		a.writeError(w, err)
		return
	}
	if len(body) > 0 {
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			a.writeError(w, rpc.InvalidRequest("Content-Type must be application/json"))
			return
		}
	}
	result, problem := a.Registry.Call(r.Context(), &rpc.Call{Principal: who}, "tickets.create", body)
	if problem != nil {
		a.Registry.Refuse(w, problem)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusCreated)
	if _, err := w.Write(append(result, '\n')); err != nil {
		a.Log.Debug("ticket not written", "error", err)
	}
}

// writeError answers a request outside of JSON-RPC with the error object of a call.
func (a *API) writeError(w http.ResponseWriter, err error) {
	var problem *rpc.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		problem = rpc.TooLarge("the body is too large", int(tooLarge.Limit))
	case errors.As(err, &problem):
	default:
		problem = a.Registry.MapError(err)
		if problem != nil && problem.Code == rpc.CodeInternal {
			a.Log.Error("request failed", "error", err)
		}
		if problem == nil {
			a.Log.Error("request failed", "error", err)
			problem = rpc.Internal()
		}
	}
	a.Registry.Refuse(w, problem)
}
