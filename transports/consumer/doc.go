// Package consumer keeps the cursors of named consumers: for each principal, consumer
// name and session the last offset that the consumer dealt with.
//
// A consumer opens its cursors, moves them with every acknowledgement and closes them
// when it goes. Moves gather in memory and are written together, at least every
// Config.FlushEvery. A crash therefore loses the acknowledgements of the last interval
// at most: their events come again (at least once), and none is left out, because a
// stored cursor is never ahead of what was acknowledged.
//
// It must not know connections, JSON-RPC or what events are. Enter at Open and Store.
package consumer
