// Package inbound translates whatsmeow's events into records of the journal.
//
// Each family of events has a file with one function per event (family.go lists them). A function adds records, which
// are durable, or signals, which are volatile, to a Translation; it may attach writes of rows, which run in the
// transaction of the record, and reactions of the session, which start after the commit.
//
// The session creates Service and calls Record for each event; Record returns nil once the records are committed. Start
// reading there. Operations that record own messages fill a Translation themselves. The events of the session's state
// (QR, Connected, ...) are not translated here: the state machine in package bridge records them.
package inbound
