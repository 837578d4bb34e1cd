// Package files does the operations on the files of one session: storing uploads, loading media objects and pictures, and fetching the files of
// messages from WhatsApp. The files themselves are in a media.Library.
//
// Service is made by the session, which it sees through Conn.
package files
