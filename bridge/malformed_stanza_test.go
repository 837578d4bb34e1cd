package bridge_test

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// victim is a session that receives malformed input, with a second account that sends it valid messages.
type victim struct {
	w        *world
	s        *bridge.Session
	ada, bob *sandbox.Phone
	r        *reader
	cast     cast
	inputs   int
	checks   int
	seen     uint64 // offset of the last event read by disconnects
}

const victimNumber = "15550002001"

func newVictim(w *world) *victim {
	w.hostile = true
	v := &victim{w: w, ada: w.account(victimNumber, "Ada"), bob: w.account("15550002002", "Bob")}
	v.s = w.paired("ada", v.ada)
	v.r = w.reader("ada")
	group, err := v.bob.CreateGroup(sandbox.GroupOptions{Subject: "both", Members: []types.JID{v.ada.JID()}})
	if err != nil {
		w.t.Fatal(err)
	}
	var ids atomic.Int64
	v.cast = cast{
		own: v.ada.JID(), ownLID: v.ada.LID(), other: v.bob.JID(), otherLID: v.bob.LID(), group: group, channel: types.NewJID("120363000000000001", types.NewsletterServer),
		id: func() string { return "M" + strconv.FormatInt(ids.Add(1), 10) },
	}
	v.check("nothing yet")
	return v
}

// inject sends a stanza with a new id, so that it is not a repetition of an earlier one.
func (v *victim) inject(n waBinary.Node) {
	v.w.t.Helper()
	if id, ok := n.Attrs["id"].(string); ok && len(id) < 20 && id != "" && id != "-1" && id != "x" {
		n.Attrs = with(n.Attrs, "id", v.cast.id())
	}
	v.inputs++
	if _, err := v.w.net.InjectStanza(victimNumber, n); err != nil {
		v.w.t.Logf("not sent: %v", err)
	}
}

func with(a attrs, key string, value any) attrs {
	out := attrs{key: value}
	for k, v := range a {
		if k != key {
			out[k] = v
		}
	}
	return out
}

// check waits for a valid message after the injected input, and until the session has acknowledged everything.
func (v *victim) check(after string) {
	v.w.t.Helper()
	v.checks++
	began := time.Now()
	arrives(v.w, v.r, v.bob, v.ada)
	if took := time.Since(began); took > 10*time.Second {
		v.w.t.Errorf("after %s a message took %v", after, took)
	}
	if redelivered := v.disconnects(); redelivered > 0 {
		v.w.t.Errorf("after %s the session has disconnected %d times", after, redelivered)
	}
	for deadline := time.Now().Add(cmp.Or(v.r.patient, patience)); ; time.Sleep(time.Millisecond) {
		left, err := v.w.net.Unacknowledged(victimNumber)
		if err != nil {
			v.w.t.Fatal(err)
		}
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			v.w.t.Fatalf("after %s %d stanzas are not acknowledged: %v", after, left, v.w.net.Waiting(victimNumber))
		}
	}
}

// TestMalformedStanzasAreSurvived checks that no stanza from WhatsApp ends the process or the session or blocks a later
// one, regardless of missing or invalid parts.
func TestMalformedStanzasAreSurvived(t *testing.T) {
	testkit.SkipIfShort(t)
	v := newVictim(newWorld(t))
	began := time.Now()
	const together = 40 // stanzas between two valid messages
	pending := 0
	for first, base := range v.cast.receivable() {
		all := variants(base)
		name := fmt.Sprintf("%s %v", base.Tag, base.Attrs["type"])
		for i, m := range all {
			if i > 0 && i%sample() != first%sample() {
				continue
			}
			v.inject(m.node)
			if pending++; pending >= together {
				pending = 0
				v.check(name + ": " + m.change)
			}
		}
		v.check(name)
	}
	v.check("all of them")
	t.Logf("%d stanzas and %d good messages in %v", v.inputs, v.checks, time.Since(began).Round(time.Millisecond))
}

// disconnects counts the connection losses that the session has reported since the previous call.
func (v *victim) disconnects() (count int) {
	for _, e := range v.w.since(v.s.ID(), v.seen) {
		v.seen = e.Offset
		if e.Type == "Disconnected" {
			count++
		}
	}
	return count
}

// sample returns the divisor of the variants that a test uses: 7, or with TEST_MALFORMED_ALL set 1, which takes some
// minutes.
func sample() int {
	if os.Getenv("TEST_MALFORMED_ALL") != "" {
		return 1
	}
	return 7
}
