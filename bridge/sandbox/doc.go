// Package sandbox is a simulated WhatsApp network that an unmodified whatsmeow client pairs with, logs in to and exchanges Signal-encrypted messages over.
//
// It implements the server side of the protocol (WebSocket, Noise XX, binary XML), the accounts with their simulated phones, the routing of stanzas, the
// media host and the fault rules. It imports whatsmeow's public packages, libsignal, the standard library, and of this module only bridge/signalrecord.
//
// Start with New. Listen (loopback TCP) or Pipe (in memory, works inside testing/synctest) make a Network reachable, Attach connects a client to it, and
// Activate makes the process trust its certificate root, which cannot be undone.
//
// # Files
//
// A file's prefix names its part. Server side:
//
//	network, options, limits     New, Close, the configuration and its bounds
//	listener, attach, http       Listen, Pipe, Attach, the simulated HTTP hosts
//	conn, noise, pki             one socket: frames, handshake, certificates
//	session, pairing*, passkey*  login, linking by QR code, by pairing code and with a passkey
//	session_state, call          registrations for push notifications, marks of changed data, open calls
//	iq, stanza, node, routes     dispatch of requests and other stanzas to handlers, access to attributes
//	queue, notify, receipt       delivery to devices, acknowledgements, notifications, receipts
//	account, devices, prekeys    accounts, their devices and Signal keys; usync answers queries about them
//	message, contact_token,
//	restriction, viewonce        messages between accounts and the rules that refuse or change them
//	appstate*                    synchronised settings: server, the phone's reader, recovery
//	group*, newsletter*, mex     groups and communities, channels, GraphQL queries
//	media*, sticker_pack         the media host with its faults, pictures, sticker packs
//	presence, privacy*, user*,
//	business*                    presence, privacy settings, block list, profiles, links, orders
//	fault*, inject, record       faults and raw stanzas for tests; violations and unknown requests of clients
//	random                       the seeded source of ids and keys
//
// Phones:
//
//	phone, phone_request         the worker, requests to the network
//	phone_send, phone_receive,
//	phone_signal, phone_store    messages and their encryption
//	phone_content, phone_media,
//	phone_interactive, ...       the content of messages, and answers to it
//	phone_actions, phone_group,
//	phone_profile, ...           further actions of the phone's user
//	phone_bootstrap, phone_history*,
//	phone_peer, phone_mediaretry requests of companions: keys, history, lost messages and files
//	phone_order, phone_bot       orders of customers, answers of bots
//	inbox                        Received and Await: the messages and stanzas that arrived
//
// # Concurrency
//
// One mutex, Network.mu, guards all state. Handlers of stanzas run under it and must not block: delivery only appends to a bounded queue (queue.go); each
// connection has a writer and each phone a worker that drain those queues. Signal cryptography happens in phones, never under the mutex. Lock order:
// Phone.mu, then Network.mu, then the small queue locks.
//
// # Adding a handler
//
// Write a table in a file of its own and register it in routes.go:
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
// A handler runs under Network.mu. It returns the children of the result, or an error of iqFail (any other error becomes a 500). r.device is the sender,
// r.node the whole stanza, r.after(f) runs f under the mutex once the reply is queued. Stanzas for other devices go out with n.deliver (acknowledged,
// queued while the device is disconnected) or n.deliverNow (volatile); notify.go has notifyAccount and notifyDevices for <notification>. A request without
// a handler is answered with 501 and recorded in UnknownIQs.
//
// Other tables: usyncFields (fields of a usync query), messageRoutes (messages by the server part of their recipient), httpRoutes (HTTP by host and path
// prefix), phoneRoutes (stanzas to phones by tag and type).
package sandbox
