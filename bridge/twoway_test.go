package bridge_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// TestTwoWayTraffic sends in both directions of a chat, at full speed and at a steady rate. With plain whatsmeow the
// two directions overwrite each other's ratchet, and a few of a hundred messages vanish without a trace. With the
// bridge none may vanish.
func TestTwoWayTraffic(t *testing.T) {
	testkit.SkipIfShort(t)
	for _, c := range []struct {
		name     string
		database func(t *testing.T) string
		each     int // messages per second in each direction; 0 = as fast as possible
	}{
		{"sqlite", func(t *testing.T) string { return filepath.Join(t.TempDir(), "two.db") }, 0},
		{"postgres", func(t *testing.T) string { return dbtest.Postgres(t) }, 0},
		{"sqlite at 50 a second", func(t *testing.T) string { return filepath.Join(t.TempDir(), "two.db") }, 50},
	} {
		t.Run(c.name, func(t *testing.T) {
			twoWay(t, newWorldOn(t, c.database(t)), testkit.ChooseSize(400, 20_000), c.each)
		})
	}
}

func twoWay(t *testing.T, w *world, total, each int) {
	t.Helper()
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	a, b := w.paired("ada", ada), w.paired("bob", bob)
	ra, rb := w.reader("ada"), w.reader("bob")
	// One side sends first: simultaneous first messages need retries, which other tests cover.
	if _, err := a.SendText(w.ctx(), bob.JID(), "hello"); err != nil {
		t.Fatal(err)
	}
	rb.text("hello")
	if _, err := b.SendText(w.ctx(), ada.JID(), "hello yourself"); err != nil {
		t.Fatal(err)
	}
	ra.text("hello yourself")

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	start := time.Now()
	var both sync.WaitGroup
	send := func(from *bridge.Session, to types.JID, prefix string) {
		both.Go(func() {
			var pace <-chan time.Time
			if each > 0 {
				ticker := time.NewTicker(time.Second / time.Duration(each))
				defer ticker.Stop()
				pace = ticker.C
			}
			for i := range total / 2 {
				if pace != nil {
					<-pace
				}
				if _, err := from.SendText(ctx, to, fmt.Sprintf("%s %d", prefix, i)); err != nil {
					t.Errorf("%s %d: %v", prefix, i, err)
					return
				}
			}
		})
	}
	send(a, bob.JID(), "from ada")
	send(b, ada.JID(), "from bob")
	both.Wait()
	sent := time.Since(start)
	for r, prefix := range map[*reader]string{ra: "from bob", rb: "from ada"} {
		missing := total / 2
		seen := make(map[string]bool, missing)
		r.patient = time.Minute
		for missing > 0 {
			e := r.until(fmt.Sprintf("the last %d messages %s", missing, prefix), func(e event) bool { return e.Type == "Message" })
			text, _ := e.data["text"].(string)
			if !strings.HasPrefix(text, prefix) {
				continue
			}
			if seen[text] {
				t.Errorf("%q came again", text)
			}
			seen[text] = true
			missing = total/2 - len(seen)
		}
	}
	t.Logf("%d messages both ways in %v: %.0f a second", total, sent.Round(time.Millisecond), float64(total)/sent.Seconds())
	for _, id := range []string{"ada", "bob"} {
		undecryptable := 0
		for _, e := range w.all(id) {
			if e.Type == "UndecryptableMessage" {
				undecryptable++
			}
		}
		if undecryptable > 0 {
			t.Errorf("%s had %d messages that needed a retry", id, undecryptable)
		}
	}
}
