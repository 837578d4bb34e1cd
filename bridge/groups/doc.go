// Package groups implements the group operations of one session and stores the groups of the account, so that they are
// available without a connection.
//
// The session creates Service, which accesses the session through Conn. Change applies changes from events.
package groups
