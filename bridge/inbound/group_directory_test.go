package inbound

import (
	"encoding/json"
	"testing"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/groups"
)

// TestGroupsAreStored checks the row of a group that is joined, changed and left.
func TestGroupsAreStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := func() *groups.Group {
		t.Helper()
		row, found, err := w.Pairs.Group(t.Context(), "owner", team.String())
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			return nil
		}
		group := &groups.Group{}
		if err := json.Unmarshal(row.Data, group); err != nil {
			t.Fatal(err)
		}
		return group
	}
	w.record(&events.GroupInfo{JID: team, Timestamp: at, Name: &types.GroupName{Name: "unknown"}})
	if read() != nil {
		t.Error("a change added a group that is not stored")
	}
	w.record(&events.JoinedGroup{GroupInfo: types.GroupInfo{
		JID: team, GroupName: types.GroupName{Name: "Team"}, OwnerJID: ada, Participants: []types.GroupParticipant{{JID: ada, PhoneNumber: ada, LID: adaLID}, {JID: own, PhoneNumber: own}},
	}})
	if w.group = read(); w.group == nil || w.group.Name != "Team" || len(w.group.Participants) != 2 {
		t.Fatalf("joined: %+v", w.group)
	}
	w.record(&events.GroupInfo{JID: team, Timestamp: at, Name: &types.GroupName{Name: "Crew"}, Join: []types.JID{bob}, Promote: []types.JID{adaLID}})
	w.group = read()
	if w.group.Name != "Crew" || len(w.group.Participants) != 3 {
		t.Errorf("changed: %+v", w.group)
	}
	for _, p := range w.group.Participants {
		if p.IsAdmin != (p.Contact == ada.String()) {
			t.Errorf("admin: %+v", p)
		}
	}
	w.record(&events.GroupInfo{JID: team, Timestamp: at, Leave: []types.JID{bob}})
	if w.group = read(); w.group == nil || len(w.group.Participants) != 2 {
		t.Errorf("after another member left: %+v", w.group)
	}
	w.record(&events.GroupInfo{JID: team, Timestamp: at, Leave: []types.JID{own}})
	if read() != nil {
		t.Error("a group that the account left is stored")
	}
}
