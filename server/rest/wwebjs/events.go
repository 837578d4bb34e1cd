package wwebjs

import "github.com/waystation/waystation/server/rest"

// eventRoutes are the WebSocket of the fork; the document has none.
func eventRoutes() []rest.Route {
	return []rest.Route{rest.Row("GET", "/ws/{sessionId}", "session.getStatus", openEventSocket)}
}

// openEventSocket upgrades to a WebSocket whose frames are the bodies of webhooks in the format wwebjs.
func openEventSocket(x *rest.Exchange, in *sessionRequest) (*rest.Reply, error) {
	if err := x.Call("session.getStatus", nil, nil); err != nil {
		return nil, err
	}
	return x.OpenSocket(in.Session)
}
