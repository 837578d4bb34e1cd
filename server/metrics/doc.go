// Package metrics owns the table of figures that GET /metrics shows and the form they have there, the text exposition
// format of Prometheus, version 0.0.4. The format is a page of lines, so this package writes it itself: the client library
// would bring protobuf and seven modules more for it. A module of its own, expfmtcheck, reads the pages with the parser of
// Prometheus.
//
// Labels are names from closed lists (transports, states, methods, outcomes): no session, host, number or address ever
// becomes one. It must not know where figures come from. Enter at Families and NewPage.
package metrics
