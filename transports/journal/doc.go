// Package journal is the durable, ordered log of what happens in each session.
//
// Every session has a log of its own: an epoch, made with the log, and events
// under offsets that begin at 1 and have no holes. Append returns after the commit
// is durable; appends of many sessions that wait at the same time share one commit.
// A dedupe key in the same transaction keeps an event from being logged twice, no
// matter how often its producer tries. The newest events of a session stay in
// memory for readers, who are cursors (an offset) and never queues.
//
// It must not know WhatsApp, JSON-RPC or any transport. Enter at Open and Journal.
package journal
