// Package socket is the WebSocket endpoint: JSON-RPC calls and pushed events of the protocol waystation.v1, and the same
// events as server-sent events.
//
// It owns: the upgrade with its checks, conn.hello, the methods events.*, and the way of events from the journal to
// connections. A connection is a cursor per session log, never a queue: when the journal commits, the connections of
// that session are woken, each reads from its own offset and writes what it found in one go. A connection that is
// slow falls behind in offsets and costs nothing but its cursor.
//
// It must not know whatsmeow, SQL or what the methods do. Calls are run by package rpc.
//
// Enter at New and Endpoint.ServeHTTP; conn.go is one connection, turn.go how it writes, topic.go how it is woken.
// Endpoint.ServeEvents and stream.go are the same as server-sent events.
package socket
