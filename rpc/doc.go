// Package rpc is the method registry of Waystation and JSON-RPC 2.0 on top of it.
//
// It owns: what a method is (name, scope, params, result), decoding and checking of params from struct tags, the
// table of errors, the OpenRPC document, and the dispatch of calls that arrive over a connection (Serve) or in one
// HTTP request (HTTPHandler): batches, limits, timeouts, cancellation, order.
//
// It must not know WhatsApp, HTTP routes, dialects or the journal. Methods live in rpc/methods, the WebSocket in
// server/socket.
//
// Enter at Register (how a method is declared), Registry.Call (how it is run inside the process) and Serve (how a
// connection is served).
package rpc
