// Package transports contains the transports for events, each in its own folder (webhook), and their foundations: the shared database handle
// (kit/database), the durable log of events (journal), the cursors of named consumers (consumer), the dispatcher that delivers events from the log to
// every transport but the socket (dispatch) and the guard for outbound HTTP (kit/guard).
//
// The packages below it must not know WhatsApp or JSON-RPC.
package transports
