// Package dispatch is how events of the journal leave the server by any transport other than the socket: a journal
// subscriber, lanes with durable cursors, attempts, retries, breakers, dead letters, the archive of ended deliveries and
// replays. What a transport speaks is its sink's business.
//
// A lane is a target and a session. It sends its events in the order of offsets, and goes on after their ends are stored,
// in a commit that all lanes share: one by one while it is up to date or in trouble, in windows while it catches up, which
// grow up to Policy.Window as long as all goes well. A crash repeats what a lane has under way, a window at most (at least
// once), and none is left out. Lanes wait for nobody but themselves: each window runs as a message through the
// Watermill router's handler of its sink on a goroutine of its own, and a lane without work has none.
//
// A failed attempt is repeated after a random pause that grows, until Policy.MaxAttempts are used up; then the delivery is
// a dead letter and the lane goes on with the next event. Errors that a sink marks Permanent end it at once. Errors that it
// marks Unreachable open the breaker of the target's key after a few in a row. From then on the events of the key's lanes
// are held: one of them is sent as a probe every Policy.BreakerPause, and while the probes find nobody, neither they nor
// the wait use up attempts, because the events are not at fault. Any answer closes the breaker. An event is held until it
// was logged Policy.MaxAge ago and the outage has lasted as long, and is a dead letter then, sent or not. So a target that
// comes back gets all that happened in the last MaxAge in order, and what is older can be replayed; that the server itself
// was off for long makes no event a dead letter. Errors that a sink marks Refused, a missing right for example, hold the
// events of their one target in the same way, at once, while others of the key go on.
//
// A replay sends an event of the archive once more, to the target it went to or to targets of another transport, through a
// durable queue of each target that is beside its lane.
//
// Events that retention took from the journal before their lane came to them are put down as a gap. Signals are sent once
// to targets that want them and leave no trace.
//
// It must not know WhatsApp, JSON-RPC, HTTP or brokers. Enter at Open, Dispatcher and Sink.
package dispatch
