package sandbox

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// settled waits until the client has read all collections for the first time.
func settled(c *client) {
	c.t.Helper()
	for _, name := range appstate.AllPatchNames {
		await(c, func(e *events.AppStateSyncComplete) bool { return e.Name == name })
	}
}

func index(kind string, jid types.JID) func(StateChange) bool {
	return func(s StateChange) bool { return len(s.Index) > 1 && s.Index[0] == kind && s.Index[1] == jid.String() }
}

func TestAppStateFromClient(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a, second := w.pair(alice), w.pair(alice)
	settled(a)
	settled(second)
	if a.Store.PushName != "Alice" {
		t.Errorf("push name %q", a.Store.PushName)
	}
	chat := bob.JID()
	for _, patch := range []appstate.PatchInfo{
		appstate.BuildPin(chat, true), appstate.BuildMute(chat, true, time.Hour), appstate.BuildArchive(chat, true, time.Now(), nil),
		appstate.BuildMarkChatAsRead(chat, true, time.Now(), nil), appstate.BuildLabelEdit("7", "Work", 2, false),
	} {
		if err := a.SendAppState(w.ctx(), patch); err != nil {
			t.Fatalf("%s: %v", patch.Mutations[0].Index[0], err)
		}
	}
	await(second, func(e *events.Pin) bool { return e.JID == chat && e.Action.GetPinned() })
	await(second, func(e *events.Mute) bool { return e.JID == chat && e.Action.GetMuted() })
	await(second, func(e *events.MarkChatAsRead) bool { return e.JID == chat && e.Action.GetRead() })
	await(second, func(e *events.LabelEdit) bool { return e.LabelID == "7" && e.Action.GetName() == "Work" })
	for _, kind := range []string{appstate.IndexPin, appstate.IndexMute, appstate.IndexArchive, appstate.IndexMarkChatAsRead} {
		if _, err := alice.AwaitState(w.ctx(), index(kind, chat)); err != nil {
			t.Errorf("the phone did not see %s: %v", kind, err)
		}
	}
	// Archiving a chat unpins it.
	if s, ok := alice.State(appstate.WAPatchRegularLow, appstate.IndexPin, chat.String()); !ok || s.Value.GetPinAction().GetPinned() {
		t.Errorf("state %+v", s)
	}
	if err := a.SendAppState(w.ctx(), appstate.BuildSettingPushName("Alicia")); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.AwaitState(w.ctx(), func(s StateChange) bool { return s.Value.GetPushNameSetting().GetName() == "Alicia" }); err != nil {
		t.Fatal(err)
	}
	if alice.PushName() != "Alicia" {
		t.Errorf("push name %q", alice.PushName())
	}
}

func TestAppStateFromPhone(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	settled(a)
	chat := bob.JID()
	for name, do := range map[string]func(context.Context) error{
		"pin":     func(ctx context.Context) error { return alice.PinChat(ctx, chat, true) },
		"mute":    func(ctx context.Context) error { return alice.MuteChat(ctx, chat, -1) },
		"archive": func(ctx context.Context) error { return alice.ArchiveChat(ctx, chat, true) },
		"read":    func(ctx context.Context) error { return alice.MarkChatRead(ctx, chat, false) },
		"star":    func(ctx context.Context) error { return alice.StarMessage(ctx, chat, chat, "M1", false, true) },
		"contact": func(ctx context.Context) error { return alice.SaveContact(ctx, chat, "Bob", "Bob B.") },
		"name":    func(ctx context.Context) error { return alice.SetPushName(ctx, "Al") },
	} {
		if err := do(w.ctx()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	await(a, func(e *events.Pin) bool { return e.JID == chat })
	await(a, func(e *events.Mute) bool { return e.JID == chat && e.Action.GetMuted() })
	await(a, func(e *events.Archive) bool { return e.JID == chat && e.Action.GetArchived() })
	await(a, func(e *events.MarkChatAsRead) bool { return e.JID == chat && !e.Action.GetRead() })
	await(a, func(e *events.Star) bool { return e.MessageID == "M1" })
	await(a, func(e *events.Contact) bool { return e.JID == chat && e.Action.GetFullName() == "Bob B." })
	await(a, func(e *events.PushNameSetting) bool { return e.Action.GetName() == "Al" })

	// A companion linked later reads everything from the start.
	late := w.pair(alice)
	settled(late)
	if settings, err := late.Store.ChatSettings.GetChatSettings(w.ctx(), chat); err != nil || settings.MutedUntil.IsZero() || !settings.Archived {
		t.Errorf("settings %+v: %v", settings, err)
	}
}

func TestAppStateConflict(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	a := w.pair(alice)
	settled(a)
	chat := types.NewJID("15550002", types.DefaultUserServer)
	w.net.mu.Lock()
	version := uint64(len(alice.account.profile.state[appstate.WAPatchRegularLow]))
	w.net.mu.Unlock()
	if err := alice.PinChat(w.ctx(), chat, true); err != nil {
		t.Fatal(err)
	}
	old := collectionNode(appstate.WAPatchRegularLow, version)
	old.Content = []waBinary.Node{leaf("patch", []byte("any"))}
	reply, err := alice.requestCollection(old)
	if err != nil {
		t.Fatal(err)
	}
	failure := reply.GetChildByTag("error")
	if patches := reply.GetChildByTag("patches"); text(&failure, "code") != "409" || len(patches.GetChildren()) != 1 {
		t.Errorf("conflict %s", reply.String())
	}
	for name, order := range map[string]waBinary.Node{
		"ahead":          collectionNode(appstate.WAPatchRegularLow, version+100),
		"no such name":   collectionNode("irregular", 0),
		"malformed":      {Tag: "collection", Attrs: waBinary.Attrs{"name": "regular", "version": "1"}, Content: []waBinary.Node{leaf("patch", []byte{1})}},
		"without number": {Tag: "collection", Attrs: waBinary.Attrs{"name": "regular", "version": "x"}},
	} {
		reply, err = alice.requestCollection(order)
		failure = reply.GetChildByTag("error")
		if err != nil || text(&reply, "type") != "error" || text(&failure, "code") != "400" {
			t.Errorf("%s: %s %v", name, reply.String(), err)
		}
	}
	// Two writers at once: nothing is lost.
	done := make(chan error, 1)
	const each = 10
	go func() {
		for i := range each {
			if err := alice.PinChat(context.Background(), types.NewJID(fmt.Sprint(20000+i), types.DefaultUserServer), true); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	written := 0
	for i := range each {
		// whatsmeow's own conflict handling can lose against its reader; the sandbox need only stay consistent.
		if a.SendAppState(w.ctx(), appstate.BuildPin(types.NewJID(fmt.Sprint(30000+i), types.DefaultUserServer), true)) == nil {
			written++
		}
	}
	if err = <-done; err != nil {
		t.Error(err)
	}
	if err = alice.PinChat(w.ctx(), chat, false); err != nil {
		t.Error(err)
	}
	pins := 0
	for _, change := range alice.StateChanges() {
		if change.Index[0] == appstate.IndexPin && len(change.Index[1]) > len("20000@s") && (change.Index[1][0] == '2' || change.Index[1][0] == '3') {
			pins++
		}
	}
	if pins < each+written {
		t.Errorf("%d pins of %d", pins, each+written)
	}
}

func TestAppStatePages(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	pin := func(first, count int) types.JID {
		t.Helper()
		var last types.JID
		for i := range count {
			last = types.NewJID(strconv.Itoa(first+i), types.DefaultUserServer)
			if err := alice.PinChat(w.ctx(), last, true); err != nil {
				t.Fatal(err)
			}
		}
		return last
	}
	last := pin(20000, patchPage+5)
	a := w.pair(alice)
	settled(a)
	if settings, err := a.Store.ChatSettings.GetChatSettings(w.ctx(), last); err != nil || !settings.Pinned {
		t.Errorf("settings %+v: %v", settings, err)
	}
	// A device with a version gets the patches after it in pages.
	a.Disconnect()
	last = pin(30000, patchPage+5)
	if err := a.Connect(); err != nil {
		t.Fatal(err)
	}
	await(a, func(e *events.Pin) bool { return e.JID == last })
}

func TestAppStateLimit(t *testing.T) {
	n := New(Options{Limits: Limits{Patches: 2}})
	defer n.Close()
	p, err := n.AddAccount(AccountOptions{Number: "15550001"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		err = p.PinChat(t.Context(), types.NewJID(fmt.Sprint(20000+i), types.DefaultUserServer), true)
		if (err != nil) != (i == 2) {
			t.Errorf("patch %d: %v", i, err)
		}
	}
}
