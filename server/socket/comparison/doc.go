// Package comparison measures the endpoint beside other servers in one run: fan-out beside centrifuge, calls beside a
// bare WebSocket echo of coder/websocket and sourcegraph/jsonrpc2 as it comes. It is a module of its own, so that the
// others add nothing to the server's dependencies. `make bench` runs it.
package comparison
