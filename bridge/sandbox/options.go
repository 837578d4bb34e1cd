package sandbox

import (
	"log/slog"
	"time"
)

// Bounds that Options can change.
const (
	// defaultOutbound is large enough for the window of a device and the replies to a client's concurrent requests.
	defaultOutbound = 8192
	// defaultWindow bounds the stanzas in the socket of a slow client; whatsmeow's own queue holds 2048.
	defaultWindow = 1024
	// defaultOffline bounds the stanzas queued for a disconnected device; beyond it the oldest are dropped.
	defaultOffline = 100_000
	// defaultInbox bounds the received messages that a phone remembers.
	defaultInbox = 10_000
	// defaultPhoneQueue bounds stanzas that wait for a phone's worker.
	defaultPhoneQueue = 100_000
	// defaultRecords bounds UnknownIQs and Violations.
	defaultRecords = 1000
	// defaultSeenIDs is the number of message ids per device that are remembered to detect duplicates.
	defaultSeenIDs = 4096
	// defaultHistoryChunk is the number of messages in a chunk of history.
	defaultHistoryChunk = 200
	// defaultAutoReplies is above the rate of a script that waits for each reply, and bounds a loop with a program that answers every message.
	defaultAutoReplies = 1000
	// trickPreKeyCount makes whatsmeow upload 50 prekeys at first login instead of 812, which saves most of the pairing time.
	trickPreKeyCount = 1
)

// Options configures a Network. The zero value is ready to use.
type Options struct {
	// Seed determines ids, keys and tokens of the network; two networks with the same seed and the same accounts have the same. Zero is a valid seed.
	Seed uint64
	// Log is the network's log; nil discards it.
	Log *slog.Logger
	// Now is the network's clock; nil means time.Now.
	Now func() time.Time
	// PreKeyCount is the number of prekeys reported to a device that has not uploaded any. 0 means 1 (the client then uploads 50); a negative
	// value means that 0 is reported, and the client uploads its full first batch of 812.
	PreKeyCount int
	// Outbound is the number of stanzas that one connection's socket may queue; a connection beyond it is cut. 0 means 8192.
	Outbound int
	// Window is the number of stanzas a device may leave unacknowledged before further ones wait. 0 means 1024.
	Window int
	// Offline is the number of stanzas queued for a disconnected device; beyond it the oldest are dropped and counted. 0 means 100000.
	Offline int
	// Inbox is the number of received messages a phone remembers. 0 means 10000.
	Inbox int
	// HistoryChunk is the number of messages in one chunk of history sync. 0 means 200.
	HistoryChunk int
	// AutoReplies is the number of automatic replies that a phone sends to one chat in a minute; further messages get none. 0 means 1000.
	AutoReplies int
	// Limits bounds the data of users: media, groups, pictures, lists.
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
