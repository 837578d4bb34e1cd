// Package expfmtcheck starts the server and reads its figures with the parser of Prometheus, in a module of its own so
// that the server does not depend on it.
package expfmtcheck
