// Package deliverymethods contains the JSON-RPC methods of deliveries: their lists and watches,
// the archive with its replays, and the receiver of test events.
//
// It must not know HTTP, sockets or the documents' dialects. Enter at Register.
package deliverymethods

import (
	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/webhook"
)

// Deps are the dependencies of the methods.
type Deps struct {
	Bridge     *bridge.Bridge
	Deliveries *dispatch.Dispatcher
	// TestReceiver accepts the events of webhook.receiveTest; nil = none.
	TestReceiver *webhook.TestReceiver
	// Retention is the journal's retention, run by delivery.prune.
	Retention Retention
	// WatchTokens issues the tokens of delivery.createWatchToken; WatchURL returns the URL for watching with one.
	WatchTokens WatchTokens
	WatchURL    func(token string) string
	// Watching contains the open watches; nil = Register creates it.
	Watching *WatchHub
}

// Register adds the methods of the namespaces archive and delivery, and webhook.receiveTest with its list.
func Register(reg *rpc.Registry, d Deps) {
	registerArchive(reg, d)
	registerDeliveries(reg, d)
	registerWebhookReceiver(reg, d)
}
