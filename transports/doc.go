// Package transports holds the ways out for events, each in a folder of its own,
// and what they stand on: the shared database handle (database), the durable log
// of events (journal) and the guard for outbound HTTP (guard).
//
// Nothing below it may know WhatsApp or JSON-RPC.
package transports
