package sandbox

import (
	"fmt"
	"sync"
	"testing"

	"go.mau.fi/whatsmeow/types/events"
)

// Both sides of one chat write at full speed. No message may be lost, duplicated or stay undecryptable.
func TestTwoWayTraffic(t *testing.T) {
	const each = 300
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	// One side sends first: two sessions opened at the same time would need retries.
	w.says(bob, alice.JID(), Text("hello"))
	await(a, says("hello"))
	a.send(bob.JID(), text1("hello back"))
	w.hears(bob, "hello back")

	var both sync.WaitGroup
	both.Go(func() {
		for i := range each {
			if _, err := bob.Send(w.ctx(), alice.JID(), Text(fmt.Sprint("down ", i))); err != nil {
				t.Errorf("down %d: %v", i, err)
				return
			}
		}
	})
	both.Go(func() {
		for i := range each {
			if _, err := a.SendMessage(w.ctx(), bob.JID(), text1(fmt.Sprint("up ", i))); err != nil {
				t.Errorf("up %d: %v", i, err)
				return
			}
		}
	})
	both.Wait()
	w.hears(bob, fmt.Sprint("up ", each-1))
	await(a, says(fmt.Sprint("down ", each-1)))
	w.drained(alice, 1)

	down, up := map[string]int{}, map[string]int{}
	for _, evt := range a.events.list() {
		if m, ok := evt.(*events.Message); ok && !m.Info.IsFromMe {
			down[m.Message.GetConversation()]++
		}
	}
	for _, r := range bob.Received() {
		if !r.FromMe {
			up[r.Text()]++
		}
	}
	for i := range each {
		if count := down[fmt.Sprint("down ", i)]; count != 1 {
			t.Errorf("down %d arrived %d times", i, count)
		}
		if count := up[fmt.Sprint("up ", i)]; count != 1 {
			t.Errorf("up %d arrived %d times", i, count)
		}
	}
	w.clean()
}

// Many sessions at once: each pairs, writes to the next one and receives from the previous one.
func TestManySessions(t *testing.T) {
	const count = 40
	w := newWorld(t, Options{})
	phones, clients := make([]*Phone, count), make([]*client, count)
	for i := range count {
		phones[i] = w.account(fmt.Sprint(15550000+i), fmt.Sprint("User ", i))
		clients[i] = w.client()
	}
	var all sync.WaitGroup
	for i := range count {
		all.Go(func() {
			if err := clients[i].Connect(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range count {
		if err := phones[i].ScanQR(w.ctx(), await[*events.QR](clients[i], nil).Codes[0]); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range clients {
		await[*events.Connected](c, nil)
	}
	for i := range count {
		all.Go(func() {
			if _, err := clients[i].SendMessage(w.ctx(), phones[(i+1)%count].JID(), text1(fmt.Sprint("from ", i))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range count {
		await(clients[(i+1)%count], says(fmt.Sprint("from ", i)))
		w.hears(phones[(i+1)%count], fmt.Sprint("from ", i))
	}
	w.clean()
}
