// Package outbound implements the messages that a session sends: new messages, reactions, edits, revocations, forwards.
//
// The session creates Service, which accesses the session through Conn. Service builds and sends a message; the session
// records it, because the record is an event of the journal.
package outbound
