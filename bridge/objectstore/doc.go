// Package objectstore stores the files of messages in S3-compatible object storages: one storage of the operator for
// all sessions that do not stay out of it, and one storage per session.
//
// It owns the settings of sessions (their table, the rules for their fields, the encryption of their keys), the pending
// files, the list of stored objects, their retention, and the interpretation of a storage's answers. Files is the
// interface to the source of files and to the receiver of results.
//
// A message becomes an event immediately and never waits for a storage: its file is enqueued in the transaction of the
// message, so that the job survives a crash, and a later event reports the location. A storage that does not answer
// delays only its own pending files: each storage has a lane (the operator's has a few), and failing storages use at
// most half of the upload slots. A file that could not be stored within Config.GiveUp is given up: the event then
// contains the reason and, if it is small enough, the file itself. After a crash an upload is repeated under the same
// key.
//
// Requests to a session's own storage pass the guard for outbound requests; the operator's storage may have any
// address.
//
// It must not know WhatsApp or JSON-RPC. Start reading at Open and Storage.
package objectstore
