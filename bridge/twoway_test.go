package bridge_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge"
)

// TestTwoWayTraffic: whatsmeow's two directions overwrite each other's ratchet,
// and a few messages in a hundred vanish without a trace when both sides of a
// chat send at full speed. Here none may. TWOWAY_MESSAGES sets how many are
// sent in all, TWOWAY_DATABASE where.
func TestTwoWayTraffic(t *testing.T) {
	total := 600
	if n, err := strconv.Atoi(os.Getenv("TWOWAY_MESSAGES")); err == nil {
		total = n
	}
	url := os.Getenv("TWOWAY_DATABASE")
	w := newWorld(t)
	if url != "" {
		w.stop()
		w.url = url
		w.start()
	}
	twoWay(t, w, total)
}

func twoWay(t *testing.T, w *world, total int) {
	t.Helper()
	ada, bob := w.account("4915550001", "Ada"), w.account("4915550002", "Bob")
	a, b := w.paired("ada", ada), w.paired("bob", bob)
	ra, rb := w.reader("ada"), w.reader("bob")
	// One side speaks first: two that meet at the same moment need retries, which is another story.
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
			for i := range total / 2 {
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
