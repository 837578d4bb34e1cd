// Package webhook delivers the events of a session to HTTP addresses.
//
// It owns the webhooks (their table, the rules for their fields, the encryption of their secrets), the request of a
// delivery (headers, signature, formats), what an answer means, and how many requests one host gets at a time. Order,
// cursors, retries, breakers, dead letters and replays are the dispatcher's, whose sink it is.
//
// A receiver that answers 2xx has the event. Each event of a session is sent until it is taken or given up, one after
// the other; after a crash the one under way may be sent again, under the same id. A receiver that does not answer costs
// its own lane, and of its host's slots no more than a share (see slots), so that it delays nobody else.
//
// The requests are made here and not by Watermill's HTTP publisher, which keeps the answer's status and Retry-After to
// itself; the dispatcher's router has them around it all the same.
//
// It must not know WhatsApp or JSON-RPC. Enter at Open and Webhooks; Sign says how receivers check a signature.
package webhook
