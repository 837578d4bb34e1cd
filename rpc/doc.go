// Package rpc is the method registry of Waystation and JSON-RPC 2.0 on top of it.
//
// It owns: the definition of methods (name, scope, params, result), decoding and checking of params from struct tags, the table of errors, the
// OpenRPC document, and the dispatch of calls that arrive over a connection (Serve) or in one HTTP request (HTTPHandler): batches, limits, timeouts,
// cancellation, order.
//
// It must not know WhatsApp, HTTP routes, dialects or the journal. Methods live in rpc/methods, the WebSocket in server/socket.
//
// Enter at Register (declares a method), Registry.Call (runs it inside the process) and Serve (serves a connection).
package rpc
