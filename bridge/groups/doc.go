// Package groups does the operations on groups of one session and keeps the groups that the account is in for the time without a
// connection.
//
// Service is made by the session, which it sees through Conn. Changes that arrive as events go through Change.
package groups
