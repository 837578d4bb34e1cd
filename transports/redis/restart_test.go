package redis

import (
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/waystation/waystation/transports/brokertest"
)

// enter notes an entry of a stream.
func enter(ledger *brokertest.Ledger, e *redis.XMessage) {
	offset, _ := strconv.ParseUint(e.Values["offset"].(string), 10, 64)
	ledger.Add(e.Values["session"].(string), offset, e.Values["id"].(string))
}

// follow reads streams into a ledger, as a subscriber that starts over when a Redis came back empty.
func follow(t *testing.T, client *redis.Client, sessions int, ledger *brokertest.Ledger, done func() bool) {
	t.Helper()
	at := map[string]string{}
	for i := range sessions {
		at["waystation:session-"+strconv.Itoa(i)] = "0"
	}
	for !done() {
		args := &redis.XReadArgs{Count: 1000, Block: 50_000_000}
		var ids []string
		for stream, id := range at {
			args.Streams, ids = append(args.Streams, stream), append(ids, id)
		}
		args.Streams = append(args.Streams, ids...)
		streams, _ := client.XRead(t.Context(), args).Result() // an error is a Redis that is away
		for _, stream := range streams {
			for _, entry := range stream.Messages {
				enter(ledger, &entry)
				at[stream.Stream] = entry.ID
			}
		}
	}
}

// A Redis that keeps its data is killed, rejecting and disconnected in the middle: each session's events arrive in order, none is missing, few are
// repeated.
func TestRestart(t *testing.T) {
	const sessions, each = 10, 300
	server := brokertest.Redis(t, brokertest.RedisOptions{Persist: true})
	proxy := brokertest.NewProxy(t, server.Addr())
	s := open(t, Config{URL: server.URLAt(proxy.Addr)})
	run := brokertest.NewRun(t, s, sessions)
	for range 3 {
		run.Append(each/3, 50)
		server.Kill()
		server.Start(t)
		proxy.Cut()
		proxy.Refuse()
		proxy.Accept(t)
	}
	run.Await(sessions * each)
	var ledger brokertest.Ledger
	follow(t, reader(t, server), sessions, &ledger, func() bool { return ledger.Total() >= sessions*each })
	duplicates := ledger.Check(t, sessions, each)
	t.Logf("%d events, %d came twice", sessions*each, duplicates)
	if duplicates > sessions*3*3 { // one a lane and trouble at most
		t.Errorf("%d duplicates", duplicates)
	}
}

// A Redis that restarts empty receives all later events.
func TestRestartEmpty(t *testing.T) {
	server := brokertest.Redis(t, brokertest.RedisOptions{})
	s := open(t, Config{URL: server.URL()})
	run := brokertest.NewRun(t, s, 2)
	run.Append(50, 50)
	run.Await(100)
	server.Kill()
	run.Append(10, 50)
	server.Start(t)
	run.Await(120)
	client := reader(t, server)
	for _, stream := range []string{"waystation:session-0", "waystation:session-1"} {
		entries := client.XRange(t.Context(), stream, "-", "+").Val()
		if len(entries) != 10 || entries[0].Values["offset"] != "51" {
			t.Errorf("%s has %d entries", stream, len(entries))
		}
	}
}
