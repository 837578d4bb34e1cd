package people

import (
	"testing"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// TestPairsLearnedDuringLookups: a lookup that has read the table before a pair is stored, and caches its result afterwards, must
// not hide the pair.
func TestPairsLearnedDuringLookups(t *testing.T) {
	pairs := &sessionLIDs{store: NewLIDs(openTestDB(t)), owner: "s"}
	if _, err := pairs.store.db.Exec(t.Context(), `CREATE TABLE whatsmeow_lid_map (lid TEXT PRIMARY KEY, pn TEXT UNIQUE NOT NULL)`); err != nil {
		t.Fatal(err)
	}
	lid, pn := types.NewJID("1", types.HiddenUserServer), types.NewJID("2", types.DefaultUserServer)
	_, _, version := pairs.store.cachedPair("s", lid.User, lid.Server)
	if err := pairs.PutLIDMapping(t.Context(), lid, pn); err != nil {
		t.Fatal(err)
	}
	pairs.store.rememberOther("s", lid.User, lid.Server, "", version)
	if found, err := pairs.GetPNForLID(t.Context(), lid); err != nil || found != pn {
		t.Errorf("the number of the LID is %q, %v", found, err)
	}
}

// TestOnlyPairsOfNumberAndLIDAreStored: answers of WhatsApp may pair a LID with an address that is no phone number.
func TestOnlyPairsOfNumberAndLIDAreStored(t *testing.T) {
	db := openTestDB(t)
	pairs := &sessionLIDs{store: NewLIDs(db), owner: "s"}
	lid := types.NewJID("1", types.HiddenUserServer)
	for _, server := range []string{types.HostedServer, types.HiddenUserServer, types.BotServer, types.GroupServer, ""} {
		if err := pairs.PutManyLIDMappings(t.Context(), []store.LIDMapping{{LID: lid, PN: types.NewJID("2", server)}}); err != nil {
			t.Errorf("%q: %v", server, err)
		}
	}
}
