// Package brokertest gives tests real brokers: Redis, RabbitMQ and an SQS server as processes on loopback, with ports and
// folders of their own, that can be killed and started again, and a proxy that stalls, cuts, refuses and delays.
//
// A program that is not installed skips the test, unless WAYSTATION_TEST_ALL asks for all; .ci/setup installs them.
// It must not know the sinks. Enter at Redis, RabbitMQ, SQS and NewProxy.
package brokertest
