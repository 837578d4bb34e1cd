// Package outlets decides which brokers and which global transports the events of a session go to: the operator's global
// ones, for every session that does not stay out of them, and a session's own.
//
// It owns the settings of sessions' own brokers (their table, their encryption), the connections to brokers, which all that
// have the same settings share, the dispatcher's targets for them, and what happens at a reload. What a broker speaks is
// its sink's business (redis, amqp, sqs), order, retries and cursors are the dispatcher's, and so are the exact places
// from which a session stays out.
//
// A global transport has a target, and with it a durable cursor, for each session. It keeps them while it is on, whatever
// changes of its settings; one that is switched off loses them and begins with the events of the moment when it is on
// again.
//
// It must not know WhatsApp, JSON-RPC or HTTP routes. Enter at Open and Outlets.
package outlets
