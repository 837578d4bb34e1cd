// Package bridge keeps WhatsApp sessions alive and speaks for them.
//
// It owns the session table, the life cycle of each session (a state machine
// whose transitions are events), the whatsmeow client behind it, the
// translation of what WhatsApp hands over into journal records, and every
// operation that acts on WhatsApp: sending, media, groups, contacts.
//
// It must not know JSON-RPC, HTTP routes or brokers: methods call it, and the
// only way out of it is the journal.
//
// Enter at Open, then Bridge.Create or Bridge.Session. state.go holds the
// machine, connect.go the way to a live connection, events.go the path from a
// whatsmeow event to a committed record, signalstore.go the rule that keeps
// sending and receiving from undoing each other's ratchet steps.
package bridge
