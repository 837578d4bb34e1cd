// Package broker contains the common parts of the sinks of message brokers (redis, amqp, sqs): names with placeholders, the body of a message and its
// size, batching of concurrent sends into one call, the classification of a broker's replies, figures for status pages, TLS and categories of
// failures.
//
// A sink is one configuration: its connections are shared by all sessions that it serves. It makes one attempt per delivery; order, retries, breakers
// and dead letters belong to the dispatcher. Events arrive at least once: an attempt without a reply may have been delivered, and is repeated under
// the same id.
//
// It must not know any broker. Enter at Payload, Pattern, Gatherer and Answer.
package broker
