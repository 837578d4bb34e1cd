package bridge

import (
	"testing"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/people"
	"github.com/waystation/waystation/transports/kit/database"
)

func openBridgeDB(t *testing.T) *dbutil.Database {
	t.Helper()
	db, err := database.Open(t.Context(), ":memory:", database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	own, err := database.Migrate(t.Context(), db, "bridge", migrations())
	if err != nil {
		t.Fatal(err)
	}
	return own
}

// TestParticipantsWithoutAPhoneNumber: the answer of a group may pair a LID with an address that is no phone number.
func TestParticipantsWithoutAPhoneNumber(t *testing.T) {
	device := &store.Device{LIDs: people.NewLIDs(openBridgeDB(t)).Of("s")}
	lid := types.NewJID("1", types.HiddenUserServer)
	for _, server := range []string{types.HostedServer, types.BotServer} {
		member := types.GroupParticipant{JID: lid, LID: lid, PhoneNumber: types.NewJID("2", server)}
		if _, err := personOfParticipant(t.Context(), device, member); err != nil {
			t.Errorf("participant with a number of %q: %v", server, err)
		}
	}
}
