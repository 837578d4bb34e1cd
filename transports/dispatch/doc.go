// Package dispatch is how events of the journal leave the server by any transport other than the socket: a journal
// subscriber, lanes with durable cursors, attempts, retries, breakers, dead letters, the archive of ended deliveries and
// replays. What a transport speaks is its sink's business.
//
// It must not know WhatsApp, JSON-RPC, HTTP or brokers. Enter at Open, Dispatcher and Sink.
package dispatch
