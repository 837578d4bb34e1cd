// Package account does the operations on the own account of one session: profile, privacy settings, presence, rejecting calls, and reading again
// the data that the session has copies of.
//
// Service is made by the session, which it sees through Conn.
package account
