// Package e2e holds the tests that run the built program as its users do: several
// processes, killed and restarted, spoken to over HTTP and WebSocket alone.
//
// It knows the public protocol and the sandbox's control methods, nothing else.
package e2e
