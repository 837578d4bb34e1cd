// Package sqs delivers events to queues of Amazon SQS, standard and FIFO, or of a server that speaks its protocol.
//
// It owns the configuration, where credentials come from, the names of queues, the form of a message and what an answer
// means. A message is the event's JSON alone: metadata is in it, because SQS allows ten attributes and counts them as
// body. Events beyond the limit of a message are sent by reference (see broker.Payload). In a FIFO queue, whose name
// ends with .fifo, the session is the group and the event's id the deduplication id, so that the order of each session
// holds and a repeated attempt is dropped by SQS.
//
// What many lanes send at the same time to a queue shares a request, up to ten: SQS bills and limits requests. The
// publisher of watermill-aws sends a request for each message, without a deadline; that is why the SDK is used directly.
// The SDK repeats nothing, since the dispatcher does.
//
// Nothing is contacted but the endpoint of the region, or the one that is configured, and what the chain of credentials
// names: the metadata service of a machine only when Config.InstanceMetadata says so.
//
// It must not know WhatsApp or JSON-RPC. Enter at Open.
package sqs
