// Package sandbox is a simulated WhatsApp network that an unmodified whatsmeow client pairs with, logs in to and exchanges Signal-encrypted messages over.
//
// It owns the server side of the wire (WebSocket, Noise XX, binary XML), the accounts with their simulated phones, the routing of stanzas, the media
// host and the fault rules. It knows whatsmeow's public packages, libsignal and the standard library, and nothing else of this module.
//
// Enter at New. A Network is reached through Listen (loopback TCP) or Pipe (in memory, works inside testing/synctest); Attach points a client at it and
// Activate makes the process trust its certificate root, once and for good.
//
// # Inside
//
// One mutex, Network.mu, guards all state. Handlers of stanzas run under it and must not block: handing a stanza to somebody only appends to a bounded
// queue (queue.go); each connection has a writer and each phone a worker that drain those queues. Signal cryptography happens in phones, never under the
// mutex. Lock order: Phone.mu, then Network.mu, then the small queue locks.
//
// # Adding a handler
//
// Write a table in a file of its own and call it from routes.go:
//
//	func (n *Network) blocklistRoutes() iqRoutes {
//		return iqRoutes{
//			"blocklist/get": n.getBlocklist,           // "xmlns/type" when the request has no child
//			"blocklist/set/item": n.changeBlocklist,   // "xmlns/type/firstChild" otherwise
//		}
//	}
//
//	func (n *Network) getBlocklist(r *request) ([]waBinary.Node, error) { ... }
//
// A handler runs under Network.mu. It returns the children of the result, or an error made by iqFail (any other error becomes a 500). r.device is the
// sender, r.node the whole stanza, r.after(f) runs f under the mutex once the reply is queued. Stanzas for others go out with n.deliver (acknowledged,
// kept while the device is away) or n.deliverNow (volatile); notify.go has notifyAccount and notifyDevices for <notification>. A request nobody
// registered is answered with 501 and recorded in UnknownIQs.
//
// Other tables: usyncFields (fields of a usync query), messageRoutes (messages by the server part of their recipient), httpRoutes (HTTP by host and path
// prefix), phoneRoutes (what phones do with stanzas they receive).
package sandbox
