// Package amqp delivers events to RabbitMQ, or another broker of AMQP 0-9-1, with publisher confirms.
//
// It owns the documented settings, the connection and its re-establishment, the declaration of exchange, queues and bindings as events need them (a
// user without the right to declare uses existing ones), and the classification of replies. A message is delivered when the broker has confirmed it
// and did not return it as unroutable.
//
// All sessions of a sink share one connection with three channels: one publishes, one declares, so that a rejected declaration does not end the
// publishing, and one publishes messages that may be rejected, one at a time. A broker that rejects a message closes its channel without naming the
// message: the unconfirmed ones are sent once more, over the third channel, in the same attempt, and only the message rejected there fails.
//
// Lanes send one event at a time each and wait for their confirms concurrently: throughput comes from many lanes. The publisher of watermill-amqp
// opens a channel for each message as long as it has no pool (2,700 to 3,400 a second with 50 lanes, where this sink had 4,100 to 6,900 in the same
// run), and with a pool blocks forever when the broker restarts; its Publish has no deadline, and it treats unroutable messages as success. Therefore
// the client below it, amqp091-go, is used directly.
//
// Settings of other senders for workers, pools, buffers and batches are accepted and stored, without effect: Settings gives the reasons.
//
// It must not know WhatsApp or JSON-RPC. Enter at Open.
package amqp
