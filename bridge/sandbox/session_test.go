package sandbox

import (
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// settled waits until a new client has read all its app state: whatsmeow deletes a device without waiting for this work, which is a data race.
func (c *client) settled() {
	c.t.Helper()
	left := len(appstate.AllPatchNames)
	await(c, func(*events.AppStateSyncComplete) bool {
		left--
		return left == 0
	})
}

func TestLogoutByTheSession(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	a.settled()
	b := w.pair(bob)
	b.send(alice.JID(), text1("while linked"))
	await(a, says("while linked"))
	if err := a.Logout(w.ctx()); err != nil {
		t.Fatal(err)
	}
	w.until("device is gone", func() bool { return len(alice.account.devices) == 1 })
	// Other accounts are notified: the message is encrypted for the phone only, and the network refuses nothing.
	b.send(alice.JID(), text1("after logout"))
	w.hears(alice, "after logout")
	w.clean()
}

func TestUnlinkByThePhone(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	a := w.pair(alice)
	a.settled()
	if err := alice.Unlink(types.NewJID("15550001", types.DefaultUserServer)); !errors.Is(err, ErrNoDevice) {
		t.Errorf("unlinking the phone itself: %v", err)
	}
	gone := alice.Companions()[0]
	if err := alice.Unlink(gone); err != nil {
		t.Fatal(err)
	}
	if out := await[*events.LoggedOut](a, nil); out.OnConnect {
		t.Errorf("logged out as %+v", out)
	}
	// Messages of the phone to the unlinked device are dropped without a violation.
	alice.mu.Lock()
	err := alice.submit(waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"to": gone, "id": "3A01", "type": "text", "category": "peer"}})
	alice.mu.Unlock()
	if err != nil {
		t.Error(err)
	}
	w.clean()
}

func TestStaleCredentialsAreRefused(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	a := w.pair(alice)
	a.settled()
	a.Disconnect()
	w.offline(alice, 1)
	if err := alice.Unlink(alice.Companions()[0]); err != nil {
		t.Fatal(err)
	}
	if err := a.Connect(); err != nil {
		t.Fatal(err)
	}
	if out := await[*events.LoggedOut](a, nil); !out.OnConnect || out.Reason != events.ConnectFailureLoggedOut {
		t.Errorf("logged out as %+v", out)
	}
}

func TestWrongNoiseKeyIsRefused(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	a := w.pair(alice)
	a.settled()
	a.Disconnect()
	w.offline(alice, 1)
	a.Store.NoiseKey = alice.random.keyPair()
	if err := a.Connect(); err != nil {
		t.Fatal(err)
	}
	await(a, func(e *events.LoggedOut) bool { return e.OnConnect })
	if len(alice.Companions()) != 1 {
		t.Error("a login with a wrong key removed the device")
	}
}

func TestLoginFaults(t *testing.T) {
	for name, test := range map[string]struct {
		fault Fault
		want  func(c *client) bool
	}{
		"temporary ban": {Fault{Kind: FaultTemporaryBan, Delay: time.Hour}, func(c *client) bool {
			return await[*events.TemporaryBan](c, nil).Expire == time.Hour
		}},
		"outdated": {Fault{Kind: FaultClientOutdated}, func(c *client) bool { return await[*events.ClientOutdated](c, nil) != nil }},
		"forbidden": {Fault{Kind: FaultRefuseLogin, Code: 403}, func(c *client) bool {
			return await[*events.LoggedOut](c, nil).Reason == 403
		}},
		"unavailable": {Fault{Kind: FaultRefuseLogin}, func(c *client) bool {
			c.reconnected(2) // reconnects automatically
			return true
		}},
		"other": {Fault{Kind: FaultRefuseLogin, Code: 418}, func(c *client) bool { return await[*events.ConnectFailure](c, nil).Reason == 418 }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Options{})
			alice := w.account("15550001", "Alice")
			a := w.pair(alice)
			a.settled()
			a.Disconnect()
			w.offline(alice, 1)
			test.fault.Session = alice.LID().String()
			if _, err := w.net.Inject(test.fault); err != nil {
				t.Fatal(err)
			}
			if err := a.Connect(); err != nil {
				t.Fatal(err)
			}
			if !test.want(a) {
				t.Error("another outcome than wanted")
			}
		})
	}
}

// reconnected waits until the client has been connected that many times.
func (c *client) reconnected(times int) {
	c.t.Helper()
	count := 0
	await(c, func(*events.Connected) bool {
		count++
		return count >= times
	})
}

func TestStreamFaults(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	a := w.pair(alice)
	a.settled()
	inject := func(kind FaultKind) {
		t.Helper()
		if _, err := w.net.Inject(Fault{Kind: kind, Session: "15550001"}); err != nil {
			t.Fatal(err)
		}
	}
	inject(FaultServiceUnavailable)
	await[*events.Disconnected](a, nil)
	a.reconnected(2)
	inject(FaultStreamReplaced)
	await[*events.StreamReplaced](a, nil)
	if _, err := w.net.Inject(Fault{Kind: FaultLoggedOut, Session: "15550001"}); err != nil {
		t.Fatal(err)
	}
	if len(alice.Companions()) != 0 {
		t.Error("still linked")
	}
}

func TestSecondLoginReplacesTheFirst(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	a := w.pair(alice)
	twin := &client{Client: whatsmeow.NewClient(a.Store, nil), t: t, events: a.events}
	Attach(twin.Client, w.in.Dial)
	if err := twin.Connect(); err != nil {
		t.Fatal(err)
	}
	defer twin.Disconnect()
	await[*events.StreamReplaced](a, nil)
}

func TestNetworkRestartAndCut(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	w.net.Restart()
	a.reconnected(2)
	if count, err := w.net.Cut("15550001"); err != nil || count != 1 {
		t.Errorf("cut %d, %v", count, err)
	}
	w.says(bob, alice.JID(), Text("across the cut"))
	await(a, says("across the cut"))
	if _, err := w.net.Cut("nobody"); !errors.Is(err, ErrBadJID) {
		t.Errorf("cut of an unknown account: %v", err)
	}
}
