// Package brokertest gives tests real brokers: Redis, RabbitMQ, an SQS and an S3 server as processes on loopback, with ports and
// folders of their own, that can be killed and started again, and a proxy that stalls, cuts and refuses.
//
// A program that is not installed skips the test, unless WAYSTATION_TEST_ALL asks for all; make test sees to all of them.
// It must not know the sinks. Enter at Redis, RabbitMQ, SQS, S3 and NewProxy.
package brokertest
