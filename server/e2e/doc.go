// Package e2e holds the tests that run the built program as its users do: several
// processes, killed and restarted, spoken to over HTTP and WebSocket alone.
//
// It knows the public protocol and the sandbox's control methods, nothing else. REST dialects are held against the
// catalogues of their documents (package resttest): a new one is a restDialect with its cases, as wuzapi's is. Formats of
// webhooks are held against the events of the same catalogues, and what of these stays silent against tables of gaps: a new
// one is a hookFormat.
package e2e
