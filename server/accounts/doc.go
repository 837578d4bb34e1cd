// Package accounts stores accounts, their API keys and log-ins, who owns which session, and with whom sessions are shared.
//
// Passwords are stored as argon2id; keys and tokens, which are random and long, as their SHA-256. What decides calls is in memory: a Credential answers
// without a query what it may do now, and changes take effect at once, those of other servers on the database within Config.Poll.
//
// It must not know HTTP, sockets or WhatsApp. Enter at Open and Store.Authenticate.
package accounts
