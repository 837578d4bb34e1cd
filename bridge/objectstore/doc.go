// Package objectstore keeps the files of messages in object storages of the S3 kind: one of the operator for all sessions that do
// not stay out of it, and one of a session's own.
//
// It owns the settings of sessions (their table, the rules for their fields, the encryption of their keys), the files that
// wait to be stored, the list of what is stored, its retention, and what an answer of a storage means. Where a file comes
// from and who is told of it is behind Files.
//
// A message is an event at once and never waits for a storage: that a file is to be stored is noted in the transaction of
// its message, so it survives a crash, and where it went is said by a later event of its own. A storage that does not
// answer delays the files that wait for it, and nobody else's: each has a lane (the operator's a few), and those that fail
// have half of the places for uploads at most. A file that could not be stored within Config.GiveUp is given up: then the
// event carries the file itself, if it is small enough, and says why. After a crash an upload is repeated under the same
// key.
//
// Requests to a session's own storage pass the guard for outbound requests; the operator's may be anywhere.
//
// It must not know WhatsApp or JSON-RPC. Enter at Open and Storage.
package objectstore
