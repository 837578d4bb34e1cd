// Package comparison measures the endpoint beside other servers in one run: fan-out beside centrifuge, calls beside a
// bare WebSocket echo of coder/websocket and beside unmodified sourcegraph/jsonrpc2. It is a module of its own, so
// that the other servers add nothing to the server's dependencies. `make bench` runs it.
package comparison
