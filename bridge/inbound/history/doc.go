// Package history fetches the history of an account from its phone and stores it.
//
// The phone sends history as blobs, each referred to by a message with a pointer. The pointer is stored before that
// message is acknowledged (Pointers), the blob is fetched in parallel with live traffic (Service), and the pointer is
// deleted once the blob's messages are stored: after a crash in between, the blob is fetched again.
package history
