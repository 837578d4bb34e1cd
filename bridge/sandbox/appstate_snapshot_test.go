package sandbox

import (
	"strconv"
	"testing"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types/events"
)

// A device without a version of a collection gets a snapshot of its entries and the patches after it.
func TestAppStateSnapshot(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	a := w.pair(alice)
	label := func(id, name string, deleted bool) {
		t.Helper()
		if err := alice.ChangeState(w.ctx(), appstate.BuildLabelEdit(id, name, 1, deleted)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range snapshotAfter {
		label(strconv.Itoa(i%5), "Label "+strconv.Itoa(i), i%5 == 0)
	}
	read := func() uint64 {
		t.Helper()
		if err := a.FetchAppState(w.ctx(), appstate.WAPatchRegular, true, false); err != nil {
			t.Fatal(err)
		}
		version, _, err := a.Store.AppState.GetAppStateVersion(w.ctx(), string(appstate.WAPatchRegular))
		if err != nil {
			t.Fatal(err)
		}
		return version
	}
	made := func() *stateSnapshot {
		w.net.mu.Lock()
		defer w.net.mu.Unlock()
		return alice.account.profile.snapshots[appstate.WAPatchRegular]
	}
	// The collection starts with a patch of the phone's own.
	if version := read(); version != snapshotAfter+1 || made() == nil || made().version != version {
		t.Errorf("version %d, snapshot %+v", version, made())
	}
	first := made()
	label("6", "after the snapshot", false)
	if version := read(); version != snapshotAfter+2 || made() != first {
		t.Errorf("version %d with the patches after snapshot %+v", version, made())
	}
	// The next change is made against the state of the snapshot.
	if err := a.SendAppState(w.ctx(), appstate.BuildLabelEdit("7", "from the client", 1, false)); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.AwaitState(w.ctx(), func(s StateChange) bool { return s.Value.GetLabelEditAction().GetName() == "from the client" }); err != nil {
		t.Fatal(err)
	}
	// A file that the media host has removed is made again.
	w.net.blobs.remove(first.path)
	if version := read(); version != snapshotAfter+3 || made() == first {
		t.Errorf("version %d, snapshot not made again", version)
	}
	second := w.pair(alice)
	await(second, func(e *events.AppStateSyncComplete) bool {
		return e.Name == appstate.WAPatchRegular && e.Version == snapshotAfter+3
	})
	w.clean()
}
