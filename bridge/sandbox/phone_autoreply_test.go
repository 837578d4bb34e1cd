package sandbox

import (
	"fmt"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// quiet waits until no phone has received a message for a while, and fails when the traffic does not end.
func (w *world) quiet(phones ...*Phone) {
	w.t.Helper()
	total := func() (sum int) {
		for _, p := range phones {
			sum += len(p.Received())
		}
		return sum
	}
	for last, deadline := -1, time.Now().Add(waitLimit); ; {
		now := total()
		if now == last {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("messages keep coming: %d", now)
		}
		last = now
		time.Sleep(300 * time.Millisecond)
	}
}

func received(p *Phone, fromMe bool) (count int) {
	for _, r := range p.Received() {
		if r.FromMe == fromMe {
			count++
		}
	}
	return count
}

func TestEchoesDoNotAnswerEachOther(t *testing.T) {
	for name, start := range map[string]func(w *world, a, b, c *Phone){
		"two accounts": func(w *world, a, b, _ *Phone) { w.says(a, b.JID(), Text("ping")) },
		"three accounts in a ring": func(w *world, a, b, c *Phone) {
			w.says(a, b.JID(), Text("one"))
			w.says(b, c.JID(), Text("two"))
			w.says(c, a.JID(), Text("three"))
		},
		"a group": func(w *world, a, b, c *Phone) {
			g, err := a.CreateGroup(GroupOptions{Subject: "Echoes", Members: []types.JID{b.JID(), c.JID()}})
			if err != nil {
				w.t.Fatal(err)
			}
			w.says(a, g, Text("all"))
		},
		"without text": func(w *world, a, b, _ *Phone) { w.says(a, b.JID(), Location(1, 2, "", "")) },
		"a reply": func(w *world, a, b, _ *Phone) {
			w.says(a, b.JID(), Reply(Received{ID: "X", Sender: b.LID()}, "quoted"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Options{})
			a, b, c := w.account("15550001", "Alice"), w.account("15550002", "Bob"), w.account("15550003", "Carol")
			for _, p := range []*Phone{a, b, c} {
				p.AutoReply(Echo)
			}
			start(w, a, b, c)
			w.quiet(a, b, c)
			// At most the three first messages and the replies of both others to each of them.
			if sent := received(a, true) + received(b, true) + received(c, true); sent < 2 || sent > 9 {
				t.Errorf("%d messages were sent", sent)
			}
			w.clean()
		})
	}
}

// A client that answers every message and an echo make a loop that neither side can see; the phone ends it.
func TestEchoEndsALoopWithAProgram(t *testing.T) {
	answers := map[string]func(string, int) string{
		"an echo":       func(heard string, _ int) string { return heard },
		"with a prefix": func(heard string, _ int) string { return ">" + heard },
		"always alike":  func(string, int) string { return "We are closed." },
		"with a number": func(_ string, n int) string { return fmt.Sprint("ticket ", n) },
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Options{AutoReplies: 40})
			alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
			bob.AutoReply(Echo)
			c := w.pair(alice)
			answered := make(chan string, 10_000)
			c.AddEventHandler(func(evt any) {
				if m, ok := evt.(*events.Message); ok && !m.Info.IsFromMe {
					answered <- m.Message.GetConversation()
				}
			})
			c.send(bob.JID(), text1("hello"))
			rounds := 0
			for {
				select {
				case heard := <-answered:
					rounds++
					c.send(bob.JID(), text1(answer(heard, rounds)))
					if rounds > 100 {
						t.Fatal("the echo never stops")
					}
					continue
				case <-time.After(time.Second):
				}
				break
			}
			if rounds < 10 {
				t.Errorf("the echo stopped after %d rounds", rounds)
			}
			w.clean()
		})
	}
}

// Scripts that send the same text repeatedly, or many texts at once, get every echo.
func TestEchoAnswersEveryMessageOfAPerson(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	bob.AutoReply(Echo)
	for range 20 {
		w.says(alice, bob.JID(), Text("ping"))
	}
	for i := range 200 {
		w.says(alice, bob.JID(), Text(fmt.Sprint("text ", i)))
	}
	w.hears(alice, "text 199")
	w.until("all echoes", func() bool { return received(alice, false) == 220 })
	w.clean()
}
