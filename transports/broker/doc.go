// Package broker is what the sinks of message brokers (redis, amqp, sqs) have in common: names with placeholders, the body
// of a message and its size, gathering what many lanes send at the same time into one call, what the answers of a broker
// mean for a delivery, figures for status pages, TLS and why a broker takes nothing in a word.
//
// A sink is one configuration: its connections are shared by all sessions that it serves. It makes one attempt a delivery;
// order, retries, breakers and dead letters are the dispatcher's. Events arrive at least once: an attempt that ended
// without an answer may have been taken, and is made again under the same id.
//
// It must not know any broker. Enter at Payload, Pattern, Gatherer and Answer.
package broker
