package socket

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/journal"
)

func TestSignals(t *testing.T) {
	w := newWorld(t, Config{}, journal.Config{})
	with, without := w.dial("session:s1"), w.dial("session:s1")
	with.hello(object{"filters": []any{object{"types": []string{"ChatPresence"}, "include_volatile": true}}})
	without.hello(object{})
	w.journal.Signal(journal.Signal{Session: "s1", Type: "Presence", Time: time.Now()})
	w.journal.Signal(journal.Signal{Session: "s1", Type: "ChatPresence", Time: time.Now(), Data: json.RawMessage(`{"state":"composing"}`)})
	var p struct {
		Session, Type, Time string
		Data                struct{ State string }
	}
	with.notification("signal", &p)
	if p.Session != "s1" || p.Type != "ChatPresence" || p.Data.State != "composing" || p.Time == "" {
		t.Fatalf("%+v", p)
	}
	w.append("s1", "ChatPresence", 1)
	with.events("s1", 1, 1)
	without.events("s1", 1, 1)
}

// Signals of a client that does not read are dropped, the oldest first, and counted.
func TestSignalsAreDropped(t *testing.T) {
	inBubble(t, Config{MaxSignals: 4, StallTimeout: time.Hour, Heartbeat: time.Hour}, func(t *testing.T, w *world) {
		c := w.dial("session:s1")
		c.hello(object{"filters": []any{object{"include_volatile": true}}})
		for i := range 20 {
			data, _ := json.Marshal(i)
			w.journal.Signal(journal.Signal{Session: "s1", Type: "Presence", Time: time.Now(), Data: data})
			time.Sleep(time.Millisecond)
		}
		var got []string
		for range 5 {
			var p struct{ Data json.RawMessage }
			c.notification("signal", &p)
			got = append(got, string(p.Data))
		}
		if got[0] != "0" || got[1] != "16" || got[4] != "19" {
			t.Fatal(got)
		}
		var p positionParams
		c.notification("conn.position", &p)
		if p.Dropped != 15 {
			t.Fatalf("%+v", p)
		}
	})
}
