// Package natscheck tests package publisher with NATS JetStream, through watermill-nats and a NATS server in the process of the test. It is a module of
// its own, so that NATS is no dependency of the server. `make test` runs it.
package natscheck
