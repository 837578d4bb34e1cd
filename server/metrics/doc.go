// Package metrics owns the table of figures that GET /metrics shows, the histograms of durations and the form of the page, the
// text exposition format of Prometheus, version 0.0.4. It is built on github.com/prometheus/client_golang without its global
// registry. Counters and gauges are read from the parts of the server when a page is made (Page); durations are observed while
// they happen (Durations). A module of its own, expfmtcheck, reads the pages with the parser of Prometheus.
//
// Labels are names from closed lists (transports, states, methods, namespaces, outcomes): no session, host, number or address ever
// becomes one. It must not know where figures come from. Enter at Families, NewPage and NewDurations.
package metrics
