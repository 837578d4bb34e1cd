// Package statepatch encodes app-state patches that whatsmeow cannot: those
// that remove an entry. whatsmeow's own encoder only writes SET operations.
//
// It owns the encoding and nothing else: it reads keys and hashes from the
// device store, and neither sends nor stores. Enter at EncodeRemove.
package statepatch
