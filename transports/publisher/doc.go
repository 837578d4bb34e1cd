// Package publisher delivers events through any Watermill publisher: Kafka, NATS, SNS, Google Pub/Sub and every other one becomes a transport by a
// few lines of configuration.
//
// An event is delivered when Publish has returned nil; publishers that return before their broker has acknowledged a message must be configured to
// wait for it. Messages are those of dispatch.NewMessage: id, metadata and the JSON object that sockets get.
//
// Events of a target are published in the order of their offsets, one at a time: Watermill does not report how many messages of a failed call have
// arrived, therefore a call has one message. An attempt ends with its context even if Publish does not. A later attempt of the same lane waits for
// the running call and, for the same event, returns its outcome, so that no call overtakes an earlier one.
//
// It must not know any broker. Enter at NewSink.
package publisher
