// Package accounts stores accounts, their API keys and log-ins, the owners of sessions and the accounts they are shared with.
//
// Passwords are stored as argon2id; keys and tokens, which are random and long, as their SHA-256. Rights and used credentials are cached in memory: a Credential answers
// without a query whether a call is permitted, and changes take effect at once, those of other servers on the database within Config.Poll.
//
// It must not know HTTP, sockets or WhatsApp. Enter at Open and Store.Authenticate.
package accounts
