// Package bridge runs WhatsApp sessions and the operations on them.
//
// It owns the session table, the life cycle of each session (a state machine whose transitions are events), the
// whatsmeow client of each session, the translation of whatsmeow's events into journal records, and every operation
// that acts on WhatsApp: sending, media, groups, contacts.
//
// It must not know JSON-RPC, HTTP routes or brokers: methods call it, and its only output is the journal.
//
// Start reading at Open, then Bridge.Create or Bridge.Session. state.go has the state machine, connect.go the steps to
// a live connection, events.go the path from a whatsmeow event to a committed record, and package signal the rule that
// prevents sending and receiving from undoing each other's ratchet steps.
package bridge
