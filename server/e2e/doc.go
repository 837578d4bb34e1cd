// Package e2e has the tests that run the built program as its users do: several processes, killed and restarted, called
// over HTTP and WebSocket only. They know the public protocol and the sandbox's control methods, nothing else.
//
// rest compares the REST dialects with the catalogues of their documents (package resttest): a new dialect is a
// restDialect with its cases, as wuzapi's is. formats compares the formats of webhooks with the events of the same
// catalogues and lists the gaps in tables: a new format is a hookFormat; it also follows each kind of message through a
// conversation. chaos kills servers, brokers and receivers and measures deliveries. badinput sends invalid calls. e2etest
// has what they share.
package e2e
