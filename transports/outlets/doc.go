// Package outlets decides which brokers and global transports receive the events of a session: the operator's global ones, for every session that
// does not skip them, and a session's own.
//
// It owns the settings of sessions' own brokers (their table, their encryption), the connections to brokers, which sessions with equal settings
// share, the dispatcher's targets for them, and the changes at a reload. The sinks (redis, amqp, sqs) implement the protocols; order, retries,
// cursors and the exact positions from which a session skips an outlet belong to the dispatcher.
//
// A global transport has a target, and with it a durable cursor, for each session. It keeps them while it is on, regardless of changes to its
// settings; one that is switched off loses them and begins at the current head when it is switched on again.
//
// The package must not know WhatsApp, JSON-RPC or HTTP routes. Enter at Open and Outlets.
package outlets
