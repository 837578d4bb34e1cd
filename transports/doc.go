// Package transports holds the ways out for events, each in a folder of its own
// (webhook), and what they stand on: the shared database handle (database), the
// durable log of events (journal), the cursors of clients that name themselves
// (consumer), the dispatcher that carries events from the log to every transport but
// the socket (dispatch) and the guard for outbound HTTP (guard).
//
// Nothing below it may know WhatsApp or JSON-RPC.
package transports
