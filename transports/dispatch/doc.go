// Package dispatch delivers journal events by every transport except the socket: a journal subscriber, lanes with durable cursors, attempts, retries,
// breakers, dead letters, the archive of ended deliveries and replays. The sinks implement the protocols of the transports.
//
// A lane is a target and a session. It sends its events in the order of offsets, and continues after their outcomes are stored, in a commit that all
// lanes share: one event at a time while it is up to date or failing, in windows while it catches up, which grow up to Policy.Window as long as every
// delivery succeeds. A crash repeats the deliveries in progress, at most one window per lane (at least once), and loses no event. Lanes do not wait
// for each other: each window runs as a message through the Watermill router's handler of its sink on its own goroutine, and a lane without work has
// no goroutine.
//
// A failed attempt is repeated after a random pause that grows, until Policy.MaxAttempts are used up; then the delivery is a dead letter and the lane
// continues with the next event. Errors that a sink marks Permanent end the delivery immediately. Errors that it marks Unreachable open the breaker
// of the target's key after a few in a row. From then on the events of the key's lanes are held: one of them is sent as a probe every
// Policy.BreakerPause, and while the target stays unreachable, neither the probes nor the wait use up attempts, because the events are not at fault.
// Any response closes the breaker. An event is held until it was logged Policy.MaxAge ago and the outage has lasted as long, and then becomes a dead
// letter, whether or not it was sent. So a recovered target receives all events of the last MaxAge in order, and older ones can be replayed; downtime
// of the server itself makes no event a dead letter. Errors that a sink marks Refused, a missing right for example, hold the events of that one
// target in the same way, immediately, while other targets of the key continue.
//
// A replay sends an event of the archive once more, to its original target or to targets of another transport, through a durable queue per target,
// separate from its lane.
//
// Events that retention removed from the journal before their lane sent them are recorded as a gap. Signals are sent once to targets that subscribe
// to them and are not stored.
//
// The package must not know WhatsApp, JSON-RPC, HTTP or brokers. Enter at Open, Dispatcher and Sink.
package dispatch
