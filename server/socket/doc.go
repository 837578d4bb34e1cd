// Package socket is the WebSocket endpoint: JSON-RPC calls and pushed events of the protocol waystation.v1, and the
// same events as server-sent events.
//
// It owns: the upgrade with its checks, conn.hello, the methods events.*, and the delivery of events from the journal
// to connections. A connection has a cursor per session log, never a queue: when the journal commits, the connections
// of that session are woken, and each reads from its own offset and sends the events in one write, its turn. A slow
// connection falls behind in offsets and occupies only the memory of its cursor.
//
// It must not know whatsmeow, SQL or the implementation of methods. Calls are run by package rpc.
//
// Start reading at New and Endpoint.ServeHTTP; conn.go is one connection, turn.go its writing, topic.go its wake-ups.
// Endpoint.ServeEvents and stream.go do the same for server-sent events.
package socket
