// Package e2e has the tests that run the built program as its users do: several
// processes, killed and restarted, accessed only over HTTP and WebSocket.
//
// It uses only the public protocol and the sandbox's control methods. REST dialects are compared with the
// catalogues of their documents (package resttest): a new one is a restDialect with its cases, like wuzapi's. Formats of
// webhooks are compared with the events of the same catalogues, and fields that are never filled with tables of gaps: a new
// one is a hookFormat.
package e2e
