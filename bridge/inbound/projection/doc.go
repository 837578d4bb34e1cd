// Package projection writes the messages, receipts and chat changes of events into the message store.
//
// Writer runs in the transaction of the event's record. Package inbound and the operations of a session call it.
package projection
