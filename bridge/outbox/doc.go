// Package outbox sends messages on its own: answers, messages with a time, and jobs with many recipients. It stores each
// message before it is sent, under a message id that is fixed from then on: a send that is repeated after the end of the
// process is recognised, and no recipient gets it twice.
//
// It must not know JSON-RPC, nor why a message is sent. Enter at Service.Enqueue; a Service has one worker while entries are
// due, which runs in Service.step.
package outbox
