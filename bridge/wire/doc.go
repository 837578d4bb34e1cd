// Package wire checks what a connection receives before whatsmeow handles it: frames, stanzas, the end of the
// connection.
//
// The session creates one Guard for each client. Guard drops frames that whatsmeow's decoder cannot read, recovers from
// panics of stanza handlers, aborts handshakes, and handles the last stanza of a connection if whatsmeow dropped it.
// fields.go is the only file of the project that accesses unexported fields of whatsmeow.
package wire
