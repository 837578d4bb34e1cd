package bridge_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

// TestFirstMessagesCross makes both sides of new chats send at the same moment, so that each side opens a Signal
// session and messages of both sessions are in transit concurrently. Each message must arrive once, without a retry.
func TestFirstMessagesCross(t *testing.T) {
	for name, database := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "crossing.db") },
		"postgres": func(t *testing.T) string { return dbtest.Postgres(t) },
	} {
		t.Run(name+" with a phone", func(t *testing.T) { crossWithPhones(t, newWorldOn(t, database(t))) })
		t.Run(name+" with a session", func(t *testing.T) { crossWithSessions(t, newWorldOn(t, database(t))) })
	}
}

const crossing = 20 // messages in each direction

func crossWithPhones(t *testing.T, w *world) {
	ada := w.account("15550700001", "Ada")
	s := w.paired("ada", ada)
	for i := range 5 {
		peer := w.account(fmt.Sprintf("155507001%02d", i), "Peer")
		toPeer, toAda := fmt.Sprintf("to peer %d:", i), fmt.Sprintf("to ada %d:", i)
		exchange(t,
			func(ctx context.Context, k int) error {
				_, err := s.SendText(ctx, peer.JID(), fmt.Sprint(toPeer, k))
				return err
			},
			func(ctx context.Context, k int) error {
				_, err := peer.Send(ctx, ada.JID(), sandbox.Text(fmt.Sprint(toAda, k)))
				<-time.After(time.Duration(i) * time.Millisecond)
				return err
			},
		)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		for k := range crossing {
			text, seen := fmt.Sprint(toPeer, k), 0
			if _, err := peer.Await(ctx, func(m sandbox.Received) bool { return m.Message.GetConversation() == text }); err != nil {
				t.Errorf("%q did not arrive: %v", text, err)
			}
			for _, m := range peer.Received() {
				if m.Message.GetConversation() == text {
					seen++
				}
			}
			if seen != 1 {
				t.Errorf("%q arrived %d times", text, seen)
			}
		}
		cancel()
		for _, stanza := range peer.Stanzas() {
			if stanza.Tag == "receipt" && stanza.Attrs["type"] == "retry" {
				t.Errorf("peer %d was asked to encrypt again: %v", i, stanza.Attrs)
			}
		}
		arrivedOnce(t, w, "ada", toAda)
	}
	noneUndecryptable(t, w, "ada")
}

func crossWithSessions(t *testing.T, w *world) {
	ada, bob := w.account("15550700001", "Ada"), w.account("15550700002", "Bob")
	a, b := w.paired("ada", ada), w.paired("bob", bob)
	toward := func(text string, to types.JID) func(context.Context, int) error {
		from := a
		if to == ada.JID() {
			from = b
		}
		return func(ctx context.Context, k int) error {
			_, err := from.SendText(ctx, to, fmt.Sprint(text, k))
			return err
		}
	}
	exchange(t, toward("to bob:", bob.JID()), toward("to ada:", ada.JID()))
	arrivedOnce(t, w, "bob", "to bob:")
	arrivedOnce(t, w, "ada", "to ada:")
	noneUndecryptable(t, w, "ada", "bob")
}

// exchange runs two senders concurrently.
func exchange(t *testing.T, senders ...func(ctx context.Context, k int) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for _, send := range senders {
		all.Go(func() {
			for k := range crossing {
				if err := send(ctx, k); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// arrivedOnce waits until the journal of a session has each message with the prefix exactly once.
func arrivedOnce(t *testing.T, w *world, session, prefix string) {
	t.Helper()
	for k := range crossing {
		text := fmt.Sprint(prefix, k)
		for deadline := time.Now().Add(10 * time.Second); w.count(session, text) == 0 && time.Now().Before(deadline); {
			<-time.After(20 * time.Millisecond)
		}
		if n := w.count(session, text); n != 1 {
			t.Errorf("%q is in the journal of %s %d times", text, session, n)
		}
	}
}

func noneUndecryptable(t *testing.T, w *world, sessions ...string) {
	t.Helper()
	for _, session := range sessions {
		count := 0
		for _, e := range w.all(session) {
			if e.Type == "UndecryptableMessage" {
				count++
			}
		}
		if count > 0 {
			t.Errorf("%s could not decrypt %d messages", session, count)
		}
	}
}
