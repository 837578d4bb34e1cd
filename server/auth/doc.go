// Package auth tells who makes a call.
//
// It owns the admin token and the tokens that are bound to one session (table auth_tokens). Tokens are kept as their
// SHA-256 only and compared in constant time: they are random and long, so that a slow hash would add nothing.
//
// Tickets are good once and for seconds, and are kept as their SHA-256 too, behind TicketStore.
//
// It must not know WhatsApp, HTTP routes or what a caller wants to do; scopes are checked by package rpc.
//
// Enter at Open and Auth.Authenticate; ticket.go has the tickets.
package auth
