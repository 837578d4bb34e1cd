// Package sqs delivers events to queues of Amazon SQS, standard and FIFO, or of a server with the same protocol.
//
// It owns the configuration, the sources of credentials, the names of queues, the format of a message and the classification of responses. A message
// is the event's JSON alone: metadata is in it, because SQS allows ten attributes and counts them as body. Events beyond the limit of a message are
// sent by reference (see broker.Payload). In a FIFO queue, whose name ends with .fifo, the session is the group and the event's id the deduplication
// id, so that the order of each session holds and a repeated attempt is dropped by SQS.
//
// Messages that many lanes send to a queue at the same time share a request, up to ten: SQS bills and limits requests. The publisher of watermill-aws
// sends a request for each message, without a deadline; therefore the SDK is used directly. The SDK's retries are off, since the dispatcher retries.
//
// The sink contacts only the endpoint of the region, or the configured one, and the sources in the chain of credentials: the metadata service of a
// machine only if Config.InstanceMetadata is set.
//
// It must not know WhatsApp or JSON-RPC. Enter at Open.
package sqs
