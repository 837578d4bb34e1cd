// Package expfmtcheck starts the server and reads its figures with the parser of Prometheus. It is a module of its own, as it
// builds and starts the server.
package expfmtcheck
