// Package amqp delivers events to RabbitMQ, or another broker of AMQP 0-9-1, with publisher confirms.
//
// It owns the documented settings, the connection and its return after a loss, the declaration of exchange, queues and
// bindings as events need them (a user who may not declare uses what is there), and what an answer means. A message is taken
// when the broker has confirmed it and did not return it as unroutable.
//
// All sessions of a sink share one connection with three channels: one publishes, one declares, so that a refused declaration
// does not end the publishing, and one publishes what may be refused, one message at a time. A broker that refuses a message
// closes its channel, and does not say which message it was: those that were under way go once more, over the third channel,
// in the same attempt, and only what is refused there is.
//
// Lanes send one event at a time each and wait for their confirms at the same time: rates come from many lanes. The
// publisher of watermill-amqp opens a channel for each message as long as it has no pool (2,700 to 3,400 a second with 50
// lanes, where this sink had 4,100 to 6,900 in the same run), and with a pool blocks for ever when the broker restarts; its
// Publish has no deadline, and unroutable messages are a success to it. That is why the client below it, amqp091-go, is
// used directly.
//
// Settings that other senders have for workers, pools, buffers and batches are accepted and kept, and change nothing:
// Settings says why.
//
// It must not know WhatsApp or JSON-RPC. Enter at Open.
package amqp
