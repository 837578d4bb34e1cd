// Package journal is the durable, ordered log of the events of each session.
//
// Every session has its own log: an epoch, created with the log, and events under consecutive offsets that begin at 1. Append returns after the
// commit is durable; concurrent appends of many sessions share one commit. A dedupe key in the same transaction prevents logging an event twice, no
// matter how often its producer retries. The newest events of a session stay in memory for readers, which are cursors (an offset) and never queues.
//
// The package must not know WhatsApp, JSON-RPC or any transport. Enter at Open and Journal.
package journal
