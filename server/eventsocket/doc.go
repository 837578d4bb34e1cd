// Package eventsocket serves WebSockets that push the events of one session in the form of another gateway: one text frame
// for each event, and no calls.
//
// It owns: the upgrade, the limits of connections, and the delivery from the journal. A connection begins with the next
// event and has a position in the log of its session, never a queue of events. It cannot resume: clients that must not miss
// events use package socket, whose hot path this package does not touch.
//
// It must not know WhatsApp, SQL, formats or credentials: the caller has authenticated the request, and Config.Encode
// converts events. Enter at New and Endpoint.Open.
package eventsocket
