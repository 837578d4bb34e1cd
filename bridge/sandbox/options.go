package sandbox

import (
	"log/slog"
	"time"
)

// Bounds that Options can change.
const (
	// defaultOutbound is large enough for the window of a device plus the replies to everything one client asks at once.
	defaultOutbound = 8192
	// defaultWindow keeps a slow client from holding an hour of traffic in its socket; whatsmeow's own queue holds 2048.
	defaultWindow = 1024
	// defaultOffline is what an account may miss while it is away before the oldest stanzas are given up.
	defaultOffline = 100_000
	// defaultInbox bounds what a phone remembers of the messages it got.
	defaultInbox = 10_000
	// defaultPhoneQueue bounds stanzas that wait for a phone's worker.
	defaultPhoneQueue = 100_000
	// defaultRecords bounds UnknownIQs and Violations.
	defaultRecords = 1000
	// defaultSeenIDs is how many message ids per device are remembered for duplicates.
	defaultSeenIDs = 4096
	// defaultHistoryChunk is how many messages a chunk of history carries.
	defaultHistoryChunk = 200
	// defaultAutoReplies is more than a script that waits for each reply needs, and bounds a loop with a program that answers every message.
	defaultAutoReplies = 1000
	// trickPreKeyCount makes whatsmeow upload 50 prekeys at first login instead of 812, which saves most of the pairing time.
	trickPreKeyCount = 1
)

// Options configures a Network. The zero value is ready to use.
type Options struct {
	// Seed decides ids, keys and tokens of the network; two networks with the same seed and the same accounts agree on them. Zero is a seed like others.
	Seed uint64
	// Log receives what the network does; nil discards it.
	Log *slog.Logger
	// Now is the network's clock; nil means time.Now.
	Now func() time.Time
	// PreKeyCount is the number of prekeys that a device which never uploaded any is told to have. 0 means 1 (the client then uploads 50); a negative
	// value tells the truth, none, and the client uploads its full first batch of 812.
	PreKeyCount int
	// Outbound is the number of stanzas that may wait for one connection's socket; a connection beyond it is cut. 0 means 8192.
	Outbound int
	// Window is the number of stanzas a device may leave unacknowledged before further ones wait. 0 means 1024.
	Window int
	// Offline is the number of stanzas kept for a device that is away; beyond it the oldest are dropped and counted. 0 means 100000.
	Offline int
	// Inbox is the number of received messages a phone remembers. 0 means 10000.
	Inbox int
	// HistoryChunk is the number of messages in one chunk of history sync. 0 means 200.
	HistoryChunk int
	// AutoReplies is the number of automatic replies that a phone sends to one chat in a minute; further messages get none. 0 means 1000.
	AutoReplies int
	// Limits bounds what the network stores for users: media, groups, pictures, lists.
	Limits Limits
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.PreKeyCount == 0 {
		o.PreKeyCount = trickPreKeyCount
	}
	for _, bound := range []struct {
		value *int
		def   int
	}{{&o.Outbound, defaultOutbound}, {&o.Window, defaultWindow}, {&o.Offline, defaultOffline}, {&o.Inbox, defaultInbox}, {&o.AutoReplies, defaultAutoReplies}, {&o.HistoryChunk, defaultHistoryChunk}} {
		if *bound.value <= 0 {
			*bound.value = bound.def
		}
	}
	o.Limits = o.Limits.withDefaults()
	return o
}
