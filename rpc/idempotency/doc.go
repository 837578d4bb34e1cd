// Package idempotency stores the replies of calls that carry an idempotency key, in the server's database.
//
// It owns the table idempotency_replies and must not know the meaning of calls and replies: a key is hashed, params are passed as a fingerprint,
// replies as bytes. Old rows are deleted regularly.
//
// Enter at Open; Store is an rpc.Replies.
package idempotency
