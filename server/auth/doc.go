// Package auth authenticates callers.
//
// It owns the admin token and the tokens that are bound to one session (table auth_tokens). Tokens are stored only as
// their SHA-256 and compared in constant time: they are random and long, so that a slow hash would add nothing.
//
// Tickets are valid once and for seconds, and are stored as their SHA-256 too, behind TicketStore.
//
// It must not know WhatsApp, HTTP routes or the requested methods; scopes are checked by package rpc.
//
// Start reading at Open and Auth.Authenticate; ticket.go has the tickets.
package auth
