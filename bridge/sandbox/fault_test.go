package sandbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types/events"
)

func (w *world) inject(f Fault) string {
	w.t.Helper()
	id, err := w.net.Inject(f)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func TestInjectRefusesNonsense(t *testing.T) {
	w := newWorld(t, Options{})
	w.account("15550001", "Alice")
	for name, f := range map[string]Fault{
		"no kind":          {},
		"unknown kind":     {Kind: "meteor"},
		"unknown session":  {Kind: FaultCut, Session: "15559999"},
		"bad session":      {Kind: FaultCut, Session: "?"},
		"negative skip":    {Kind: FaultCut, Skip: -1},
		"long delay":       {Kind: FaultSlow, Delay: 48 * time.Hour},
		"wrong stanza":     {Kind: FaultRefuseSend, Tag: "iq"},
		"bad media status": {Kind: FaultMediaDownload, Code: 200},
		"nobody to end":    {Kind: FaultStreamReplaced, Session: "15550001"},
	} {
		if _, err := w.net.Inject(f); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestSendIsRefusedWithCode(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	w.inject(Fault{Kind: FaultRefuseSend, Session: "15550001", Code: 463, Skip: 1})
	a.send(bob.JID(), text1("passes"))
	_, err := a.SendMessage(w.ctx(), bob.JID(), text1("refused"))
	if !errors.Is(err, whatsmeow.ErrServerReturnedError) || !strings.Contains(err.Error(), "463") {
		t.Errorf("send: %v", err)
	}
	a.send(bob.JID(), text1("passes again"))
	w.hears(bob, "passes again")
	for _, r := range bob.Received() {
		if r.Text() == "refused" {
			t.Error("refused message was delivered")
		}
	}
}

func TestFirstContactNeedsToken(t *testing.T) {
	w := newWorld(t, Options{})
	alice, err := w.net.AddAccount(AccountOptions{Number: "15550001", PushName: "Alice", NoContactSalt: true})
	if err != nil {
		t.Fatal(err)
	}
	bob := w.account("15550002", "Bob")
	a := w.pair(alice)
	id := w.inject(Fault{Kind: FaultFirstContact})
	if _, err := a.SendMessage(w.ctx(), bob.JID(), text1("stranger")); err == nil || !strings.Contains(err.Error(), "463") {
		t.Errorf("first contact: %v", err)
	}
	w.says(bob, alice.JID(), Text("write me"))
	await(a, says("write me"))
	w.drained(alice, 1) // the token has arrived
	a.send(bob.JID(), text1("known now"))
	w.hears(bob, "known now")
	w.net.ClearFault(id)
	carol := w.account("15550003", "Carol")
	a.send(carol.JID(), text1("free again"))
	w.hears(carol, "free again")
}

func TestLostAcknowledgementIsNoSecondMessage(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	a.send(bob.JID(), text1("before"))
	for _, kind := range []FaultKind{FaultCut, FaultCutAfter} {
		w.inject(Fault{Kind: kind, Session: "15550001", Tag: "message"})
		body := "across " + string(kind)
		a.send(bob.JID(), text1(body))
		w.hears(bob, body)
		a.send(bob.JID(), text1("after "+string(kind)))
		w.hears(bob, "after "+string(kind))
		count := 0
		for _, r := range bob.Received() {
			if r.Text() == body {
				count++
			}
		}
		if count != 1 {
			t.Errorf("%s: message arrived %d times", kind, count)
		}
	}
	w.clean()
}

func TestDeliveryFaults(t *testing.T) {
	for _, kind := range []FaultKind{FaultCutDelivery, FaultDuplicate, FaultReorder} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t, Options{})
			alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
			a := w.pair(alice)
			w.says(bob, alice.JID(), Text("zero"))
			await(a, says("zero"))
			w.drained(alice, 1)
			w.inject(Fault{Kind: kind, Session: "15550001", Tag: "message"})
			w.says(bob, alice.JID(), Text("one"))
			w.says(bob, alice.JID(), Text("two"))
			await(a, says("one"))
			await(a, says("two"))
			w.drained(alice, 1)
			var order []string
			for _, evt := range a.events.list() {
				if m, ok := evt.(*events.Message); ok && m.Message.GetConversation() != "" {
					order = append(order, m.Message.GetConversation())
				}
			}
			want := "zero one two"
			if kind == FaultReorder {
				want = "zero two one"
			}
			if got := strings.Join(order, " "); got != want {
				t.Errorf("events %q, want %q", got, want)
			}
			w.clean()
		})
	}
}

func TestHeldStanzaComesWithTheNextConnection(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	w.drained(alice, 1)
	w.inject(Fault{Kind: FaultReorder, Tag: "message"})
	w.says(bob, alice.JID(), Text("held"))
	if _, err := w.net.Cut(""); err != nil {
		t.Fatal(err)
	}
	await(a, says("held"))
}

func TestRefusedRequest(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	a := w.pair(alice)
	w.inject(Fault{Kind: FaultRefuseRequest, Tag: "iq", Code: 429, Match: func(n *waBinary.Node) bool { return text(n, "xmlns") == "usync" }})
	if _, err := a.IsOnWhatsApp(w.ctx(), []string{"+15550001"}); !errors.Is(err, whatsmeow.ErrIQRateOverLimit) {
		t.Errorf("request: %v", err)
	}
	if found, err := a.IsOnWhatsApp(w.ctx(), []string{"+15550001", "+15559999"}); err != nil || len(found) != 2 || !found[0].IsIn || found[1].IsIn {
		t.Errorf("request after: %+v, %v", found, err)
	}
}

func TestSlowConnection(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	a.send(bob.JID(), text1("warm"))
	id := w.inject(Fault{Kind: FaultSlow, Session: "15550001", Delay: 30 * time.Millisecond})
	start := time.Now()
	a.send(bob.JID(), text1("slow"))
	if took := time.Since(start); took < 30*time.Millisecond {
		t.Errorf("acknowledged after %s", took)
	}
	w.net.ClearFault(id)
	w.net.mu.Lock()
	defer w.net.mu.Unlock()
	for c := range w.net.conns {
		if c.delay != 0 {
			t.Error("still slow")
		}
	}
}

func TestStalledConnection(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	a.send(bob.JID(), text1("warm"))
	w.inject(Fault{Kind: FaultStall, Session: "15550001", Tag: "message"})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := a.SendMessage(ctx, bob.JID(), text1("into the void")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("send: %v", err)
	}
	w.says(bob, alice.JID(), Text("waits"))
	a.ResetConnection()
	await(a, says("waits"))
}

func TestSlowReaderIsCutNotUnbounded(t *testing.T) {
	w := newWorld(t, Options{Window: 4})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	w.says(bob, alice.JID(), Text("open"))
	await(a, says("open"))
	a.Disconnect()
	w.offline(alice, 1)
	for i := range 50 {
		w.says(bob, alice.JID(), Text(fmt.Sprint("n", i)))
	}
	if err := a.Connect(); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		await(a, says(fmt.Sprint("n", i)))
	}
	w.drained(alice, 1)
	w.clean()
}

func TestOfflineBound(t *testing.T) {
	w := newWorld(t, Options{Offline: 10})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	w.says(bob, alice.JID(), Text("open"))
	await(a, says("open"))
	w.drained(alice, 1)
	a.Disconnect()
	w.offline(alice, 1)
	for i := range 30 {
		w.says(bob, alice.JID(), Text(fmt.Sprint("n", i)))
	}
	w.net.mu.Lock()
	q := &alice.account.devices[1].queue
	if len(q.items) != 10 || q.dropped < 20 {
		t.Errorf("%d kept, %d dropped", len(q.items), q.dropped)
	}
	w.net.mu.Unlock()
	if err := a.Connect(); err != nil {
		t.Fatal(err)
	}
	await(a, says("n29"))
}
