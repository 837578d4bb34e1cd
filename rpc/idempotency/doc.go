// Package idempotency keeps the replies of calls that carry an idempotency key, in the server's database.
//
// It owns the table idempotency_replies and must not know what a call or a reply is: a key is hashed, params come as a
// fingerprint, replies as bytes. Old rows are swept away.
//
// Enter at Open; Store is an rpc.Replies.
package idempotency
