package rest

import (
	"net/http"
	"strings"

	"github.com/waystation/waystation/rpc"
)

// EventSockets opens WebSockets that push the events of a session in a document's form; it is *eventsocket.Endpoint.
type EventSockets interface {
	// Open reserves a socket for a principal that may use the session. serve must be called; it upgrades the request and
	// returns when the socket has ended. Its error is for the caller.
	Open(who rpc.Principal, session, format string) (serve func(w http.ResponseWriter, r *http.Request), problem *rpc.Error)
}

// OpenSocket upgrades the request to a WebSocket that pushes the events of the session in the form of the dialect. The
// route has checked that the caller may use the session. Other requests have status 426.
func (x *Exchange) OpenSocket(session string) (*Reply, error) {
	if x.shim.cfg.EventSockets == nil {
		return nil, rpc.NotSupported("the server has no event sockets")
	}
	if x.Request.Method != http.MethodGet || !strings.EqualFold(x.Request.Header.Get("Upgrade"), "websocket") {
		return &Reply{Status: http.StatusUpgradeRequired, Header: http.Header{"Upgrade": {"websocket"}}, ContentType: "text/plain; charset=utf-8", Body: []byte("a WebSocket upgrade is required\n")}, nil
	}
	serve, problem := x.shim.cfg.EventSockets.Open(x.Principal, session, x.Dialect.Name)
	if problem != nil {
		return nil, problem
	}
	return &Reply{Stream: serve}, nil
}
