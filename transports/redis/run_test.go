package redis

import (
	"context"
	"strings"
	"testing"

	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/dispatch"
)

// lane is n consecutive events of a session; those at some offsets are receipts.
func lane(n uint64, receipts ...uint64) []dispatch.Delivery {
	all := make([]dispatch.Delivery, n)
	for i := range all {
		d := event("shop", uint64(i+1))
		for _, offset := range receipts {
			if d.Event.Offset == offset {
				d.Event.Type = "Receipt"
			}
		}
		all[i] = *d
	}
	return all
}

func (s *Sink) deliverAll(t *testing.T, all []dispatch.Delivery) (int, error) {
	t.Helper()
	taken, _, err := s.DeliverAll(context.Background(), targetOf(&all[0]), all)
	return taken, err
}

// Consecutive events go out in one transaction, to streams and channels.
func TestRun(t *testing.T) {
	server := brokertest.Redis(t, brokertest.RedisOptions{})
	client := reader(t, server)
	for name, cfg := range map[string]Config{"stream": {Stream: "s"}, "channel": {Channel: "c"}, "both": {Stream: "b", Channel: "c"}} {
		cfg.URL = server.URL()
		s := open(t, cfg)
		if taken, err := s.deliverAll(t, lane(10)); taken != 10 || err != nil {
			t.Errorf("%s: %d, %v", name, taken, err)
		}
		if got := s.Stats(); got.Published != 10 || got.Failed != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for _, stream := range []string{"s", "b"} {
		entries := client.XRange(t.Context(), stream, "-", "+").Val()
		if len(entries) != 10 || entries[0].Values["offset"] != "1" || entries[9].Values["offset"] != "10" {
			t.Errorf("%s: %v", stream, entries)
		}
	}
	if n := strings.Count(client.Info(t.Context(), "commandstats").Val(), "cmdstat_exec:calls=3,"); n != 1 {
		t.Error("not one transaction each")
	}
}

// An event that the user may not write keeps only itself and its successors out of the stream.
func TestRunRefusedInTheMiddle(t *testing.T) {
	server := brokertest.Redis(t, brokertest.RedisOptions{})
	client := reader(t, server)
	if err := client.Do(t.Context(), "ACL", "SETUSER", "w", "on", ">secret", "+@all", "~*:Message").Err(); err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{URL: strings.Replace(server.URL(), "redis://", "redis://w:secret@", 1), Stream: "{session}:{event_type}"})
	taken, err := s.deliverAll(t, lane(5, 3))
	if taken != 2 || err == nil || !strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("%d, %v", taken, err)
	}
	if n := client.XLen(t.Context(), "shop:Message").Val(); n != 2 {
		t.Errorf("%d messages", n)
	}
	if got := s.Stats(); got.Published != 2 || !strings.Contains(got.LastError, "NOPERM") {
		t.Errorf("%+v", got)
	}
}

// A server that rejects writes stores none of the events.
func TestRunOutOfMemory(t *testing.T) {
	server := brokertest.Redis(t, brokertest.RedisOptions{})
	client := reader(t, server)
	s := open(t, Config{URL: server.URL()})
	if err := client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if taken, err := s.deliverAll(t, lane(5)); taken != 0 || err == nil || !strings.Contains(err.Error(), "OOM") {
		t.Errorf("%d, %v", taken, err)
	}
	if n := client.DBSize(t.Context()).Val(); n != 0 {
		t.Errorf("%d keys", n)
	}
}

// A stream whose name is that of another kind of data fails alone: its events wait, those of other streams were written.
func TestRunWrongType(t *testing.T) {
	server := brokertest.Redis(t, brokertest.RedisOptions{})
	client := reader(t, server)
	client.Set(t.Context(), "Receipt", "x", 0)
	s := open(t, Config{URL: server.URL(), Stream: "{event_type}"})
	if taken, err := s.deliverAll(t, lane(5, 3)); taken != 2 || err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
		t.Errorf("%d, %v", taken, err)
	}
}

// A user without the right to transactions receives the events one by one.
func TestRunWithoutTransactions(t *testing.T) {
	server := brokertest.Redis(t, brokertest.RedisOptions{})
	client := reader(t, server)
	if err := client.Do(t.Context(), "ACL", "SETUSER", "w", "on", ">secret", "+xadd", "+ping", "~*").Err(); err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{URL: strings.Replace(server.URL(), "redis://", "redis://w:secret@", 1), Stream: "s"})
	for all := lane(10); len(all) > 0; {
		taken, err := s.deliverAll(t, all)
		if err != nil || taken == 0 {
			t.Fatal(taken, err)
		}
		all = all[taken:]
	}
	entries := client.XRange(t.Context(), "s", "-", "+").Val()
	if len(entries) != 10 || entries[9].Values["offset"] != "10" {
		t.Error(entries)
	}
}

// After an interrupted connection it is unknown which events were stored.
func TestRunCutOff(t *testing.T) {
	server := brokertest.Redis(t, brokertest.RedisOptions{})
	s := open(t, Config{URL: server.URL()})
	server.Kill()
	if taken, err := s.deliverAll(t, lane(5)); taken != 0 || err == nil {
		t.Errorf("%d, %v", taken, err)
	}
}
