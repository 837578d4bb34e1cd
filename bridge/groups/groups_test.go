package groups

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/people"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/database"
)

var (
	adaPN  = types.NewJID("4915112345678", types.DefaultUserServer)
	adaLID = types.NewJID("123456789012", types.HiddenUserServer)
	bobLID = types.NewJID("999999999999", types.HiddenUserServer)
	teamID = types.NewJID("120363000000000001", types.GroupServer)
)

// onePair is a LID store with the addresses of ada only.
type onePair struct{ store.LIDStore }

func (onePair) GetLIDForPN(_ context.Context, pn types.JID) (types.JID, error) {
	if pn.User == adaPN.User {
		return adaLID, nil
	}
	return types.EmptyJID, nil
}

func (onePair) GetPNForLID(_ context.Context, lid types.JID) (types.JID, error) {
	if lid.User == adaLID.User {
		return adaPN, nil
	}
	return types.EmptyJID, nil
}

func testDevice() *store.Device { return &store.Device{LIDs: onePair{}} }

func asJSON(t *testing.T, value any) map[string]any {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

func openDB(t *testing.T) *dbutil.Database {
	t.Helper()
	db, err := database.Open(t.Context(), ":memory:", database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	own, err := database.Migrate(t.Context(), db, "bridge", os.DirFS("../migrations"))
	if err != nil {
		t.Fatal(err)
	}
	return own
}

func TestGroupHasBothAddressesAndNulls(t *testing.T) {
	created := time.Date(2026, 5, 1, 10, 0, 0, 0, time.FixedZone("", 3600))
	info := &types.GroupInfo{
		JID: teamID, OwnerJID: adaLID, GroupCreated: created,
		GroupName:      types.GroupName{Name: "Team", NameSetBy: bobLID},
		GroupTopic:     types.GroupTopic{Topic: "gone", TopicID: "T1", TopicDeleted: true},
		GroupEphemeral: types.GroupEphemeral{IsEphemeral: true, DisappearingTimer: 86400},
		Participants: []types.GroupParticipant{
			{JID: adaLID, LID: adaLID, IsAdmin: true, IsSuperAdmin: true},
			{JID: bobLID, LID: bobLID, DisplayName: "+49∙∙∙12", Error: 403, AddRequest: &types.GroupParticipantAddRequest{Code: "abc", Expiration: created}},
		},
	}
	group, err := FromInfo(t.Context(), testDevice(), info)
	if err != nil {
		t.Fatal(err)
	}
	got := asJSON(t, group)
	for field, want := range map[string]any{
		"group": teamID.String(), "name": "Team", "owner": adaPN.String(), "name_set_by": bobLID.String(),
		"created_at": "2026-05-01T09:00:00Z", "description": nil, "description_id": "T1", "name_set_at": nil,
		"disappearing_seconds": 86400.0, "participant_count": 1.0, "community": nil, "invite_code": nil, "member_add_mode": nil,
	} {
		value, present := got[field]
		if !present || value != want {
			t.Errorf("%s = %v (present %v), want %v", field, value, present, want)
		}
	}
	if _, present := got["picture_url"]; present {
		t.Error("picture_url was not asked for and must be absent")
	}
	members := got["participants"].([]any)
	ada, bob := members[0].(map[string]any), members[1].(map[string]any)
	if ada["contact"] != adaPN.String() || ada["lid"] != adaLID.String() || ada["phone_number"] != adaPN.User || ada["error_code"] != nil {
		t.Errorf("ada: %v", ada)
	}
	if bob["contact"] != bobLID.String() || bob["phone_number"] != nil || bob["error_code"] != 403.0 {
		t.Errorf("bob: %v", bob)
	}
	if invite := bob["invite"].(map[string]any); invite["code"] != "abc" || invite["expires_at"] != "2026-05-01T09:00:00Z" {
		t.Errorf("bob's invite: %v", invite)
	}
	if group.Index(wa.Person{PN: adaPN}) != 0 || group.Index(wa.Person{LID: bobLID}) != 1 || group.Index(wa.Person{PN: types.NewJID("1", types.DefaultUserServer)}) != -1 {
		t.Error("membership must be found under either address")
	}
}

func TestPictureOfGroupIsAbsentNullOrText(t *testing.T) {
	var hidden *string
	shown := wa.OrNull("https://x")
	for want, group := range map[string]Group{
		"{}":                          {},
		`{"picture_url":null}`:        {PictureURL: &hidden},
		`{"picture_url":"https://x"}`: {PictureURL: &shown},
	} {
		data, err := json.Marshal(group)
		if err != nil {
			t.Fatal(err)
		}
		inner := strings.TrimSuffix(strings.TrimPrefix(want, "{"), "}")
		if has := strings.Contains(string(data), "picture_url"); has != (inner != "") || !strings.Contains(string(data), inner) {
			t.Errorf("%s does not carry %s", data, want)
		}
	}
}

func TestParticipantResult(t *testing.T) {
	for code, want := range map[int]struct {
		status int
		failed bool
	}{0: {200, false}, 200: {200, false}, 403: {403, true}, 999: {999, true}} {
		result, err := newParticipantResult(t.Context(), testDevice(), types.GroupParticipant{JID: adaPN, Error: code})
		if err != nil {
			t.Fatal(err)
		}
		if result.StatusCode != want.status || (result.Error != nil) != want.failed || *result.LID != adaLID.String() {
			t.Errorf("code %d: %+v", code, result)
		}
	}
}

func TestInviteCode(t *testing.T) {
	const code = "AbCdEfGhIjKlMnOpQrStUv"
	for _, good := range []string{
		code, " " + code + " ", "https://chat.whatsapp.com/" + code, "https://chat.whatsapp.com/" + code + "?mode=x",
		"http://CHAT.whatsapp.com/invite/" + code, "https://chat.whatsapp.com/" + code + "/",
	} {
		if got, err := parseInvite(good); err != nil || got != code {
			t.Errorf("inviteCode(%q) = %q, %v", good, got, err)
		}
	}
	for _, bad := range []string{
		"", " ", "https://chat.whatsapp.com/", "https://example.com/" + code, "a b", "code\"", strings.Repeat("a", 65),
		"https://chat.whatsapp.com.example.com/" + code, "chat.whatsapp.com/" + code, "://",
	} {
		if got, err := parseInvite(bad); wa.ReasonOf(err) != wa.ReasonBadParam {
			t.Errorf("inviteCode(%q) = %q, %v", bad, got, err)
		}
	}
}

// TestParticipantsWithoutAPhoneNumber checks an answer that pairs a LID with an address that is not a phone number.
func TestParticipantsWithoutAPhoneNumber(t *testing.T) {
	device := &store.Device{LIDs: people.NewLIDs(openDB(t)).Of("s")}
	lid := types.NewJID("1", types.HiddenUserServer)
	for _, server := range []string{types.HostedServer, types.BotServer} {
		member := types.GroupParticipant{JID: lid, LID: lid, PhoneNumber: types.NewJID("2", server)}
		if _, err := personOfParticipant(t.Context(), device, member); err != nil {
			t.Errorf("participant with a number of %q: %v", server, err)
		}
	}
}
