// Package api answers the HTTP requests of a server: calls, files, the stream of deliveries, tickets, health, metrics
// and the landing page. Paths that are not Waystation's own go to the REST dialects; the WebSocket and the event stream
// are package socket's.
//
// HTTPServer in http.go lists the routes. What the handlers need of the server is in Deps; Probes checks the server's
// dependencies for the health report, and Metrics collects the figures.
package api
