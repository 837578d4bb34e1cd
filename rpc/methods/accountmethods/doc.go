// Package accountmethods contains the methods of accounts: account.* and the sharing of sessions (session.listAccess, session.grantAccess,
// session.revokeAccess).
//
// It must not know HTTP or how accounts are stored: Store does the work, package server/accounts implements it. Enter at Register.
package accountmethods
