// Package webhook delivers the events of a session to HTTP addresses.
//
// It owns the webhooks (their table, the validation of their fields, the encryption of their secrets), the request of a delivery (headers, signature,
// formats), the classification of responses, and the number of concurrent requests per host. Order, cursors, retries, breakers, dead letters and
// replays belong to the dispatcher, whose sink it is.
//
// A receiver that responds with 2xx has the event. Each event of a session is sent until it is accepted or given up, one after the other; after a
// crash the current one may be sent again, under the same id. A receiver that does not respond delays its own lane only, and occupies no more than a
// share of its host's slots (see slots), so that it delays no other session.
//
// The package makes the requests itself instead of using Watermill's HTTP publisher, which does not expose the response status and Retry-After; the
// dispatcher's router still wraps them.
//
// It must not know WhatsApp or JSON-RPC. Enter at Open and Webhooks; Sign documents how receivers verify a signature.
package webhook
