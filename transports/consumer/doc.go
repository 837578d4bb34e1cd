// Package consumer stores the cursors of named consumers: for each principal, consumer name and session the last offset that the consumer processed.
//
// A consumer opens its cursors, moves them with every acknowledgement and closes them at its end. Moves accumulate in memory and are written
// together, at least every Config.FlushEvery. A crash therefore loses at most the acknowledgements of the last interval: their events are repeated
// (at least once), and none is lost, because a stored cursor is never ahead of the acknowledgements.
//
// The package must not know connections, JSON-RPC or the content of events. Enter at Open and Store.
package consumer
