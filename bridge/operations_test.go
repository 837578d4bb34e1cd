package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

var (
	adaPN  = types.NewJID("4915112345678", types.DefaultUserServer)
	adaLID = types.NewJID("123456789012", types.HiddenUserServer)
	bobLID = types.NewJID("999999999999", types.HiddenUserServer)
	teamID = types.NewJID("120363000000000001", types.GroupServer)
)

// onePair knows ada under both addresses and nobody else.
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
	group, err := newGroup(t.Context(), testDevice(), info)
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
	if group.place(wa.Person{PN: adaPN}) != 0 || group.place(wa.Person{LID: bobLID}) != 1 || group.place(wa.Person{PN: types.NewJID("1", types.DefaultUserServer)}) != -1 {
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
		if got, err := inviteCode(good); err != nil || got != code {
			t.Errorf("inviteCode(%q) = %q, %v", good, got, err)
		}
	}
	for _, bad := range []string{
		"", " ", "https://chat.whatsapp.com/", "https://example.com/" + code, "a b", "code\"", strings.Repeat("a", 65),
		"https://chat.whatsapp.com.example.com/" + code, "chat.whatsapp.com/" + code, "://",
	} {
		if got, err := inviteCode(bad); wa.ReasonOf(err) != wa.ReasonBadParam {
			t.Errorf("inviteCode(%q) = %q, %v", bad, got, err)
		}
	}
}

func TestContactMergesBothEntries(t *testing.T) {
	device := testDevice()
	own := adaPN
	device.ID = &own
	people, err := mergePeople(t.Context(), device, map[types.JID]types.ContactInfo{
		adaPN:  {FullName: "Ada Lovelace"},
		adaLID: {FullName: "older", PushName: "ada", BusinessName: "Engines"},
		bobLID: {RedactedPhone: "+49∙∙∙12"},
		teamID: {PushName: "not a person"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(people) != 2 {
		t.Fatalf("%d people, want 2", len(people))
	}
	for p, infos := range people {
		contact := newContact(device, p, infos...)
		switch contact.Contact {
		case adaPN.String():
			if contact.Name != "Ada Lovelace" || *contact.PushName != "ada" || !contact.IsSaved || !contact.IsSelf ||
				contact.IsBusiness == nil || *contact.LID != adaLID.String() || contact.IsBlocked != nil {
				t.Errorf("ada: %+v", contact)
			}
		case bobLID.String():
			if contact.Name != "+49∙∙∙12" || contact.IsSaved || contact.IsSelf || contact.PhoneNumber != nil || contact.IsBusiness != nil {
				t.Errorf("bob: %+v", contact)
			}
		default:
			t.Errorf("unexpected %+v", contact)
		}
	}
}

func TestRegistrationTakesTheCorrectedNumber(t *testing.T) {
	corrected := types.NewJID("551188887777", types.DefaultUserServer)
	var result Registration
	fillRegistration(&result, "5511988887777", types.IsOnWhatsAppResponse{IsIn: true, JID: adaLID, PhoneNumber: corrected})
	if !result.Registered || *result.Contact != corrected.String() || *result.LID != adaLID.String() {
		t.Errorf("%+v", result)
	}
	result = Registration{}
	fillRegistration(&result, "4915112345678", types.IsOnWhatsAppResponse{IsIn: true, JID: adaLID})
	if *result.Contact != adaPN.String() {
		t.Errorf("without a number in the answer: %+v", result)
	}
	result = Registration{}
	fillRegistration(&result, "4915112345678", types.IsOnWhatsAppResponse{JID: adaPN})
	if result.Registered || result.Contact != nil {
		t.Errorf("not registered: %+v", result)
	}
}

func TestNumberChecksAreLimited(t *testing.T) {
	var ops operations
	now := time.Unix(1_800_000_000, 0)
	for range maxNumbersPerHour / maxNumbersPerCheck {
		if err := ops.mayCheck(maxNumbersPerCheck, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := ops.mayCheck(1, now); wa.ReasonOf(err) != wa.ReasonRateLimited {
		t.Errorf("over the allowance: %v", err)
	}
	if err := ops.mayCheck(1, now.Add(numberCheckInterval)); err != nil {
		t.Errorf("the allowance must come back: %v", err)
	}
}

func TestTokenCutoffIsAWeekBoundary(t *testing.T) {
	const week = 7 * 24 * 3600
	now := time.Unix(100*week+5, 0)
	if got := tokenCutoff(now); got.Unix() != 97*week {
		t.Errorf("cutoff %d, want %d", got.Unix(), 97*week)
	}
}

func TestAppStateQueueGivesUpWithItsCaller(t *testing.T) {
	var queue appStateQueue
	if err := queue.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := queue.enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a second writer: %v, want the caller's own end", err)
	}
	queue.leave()
	if err := queue.enter(t.Context()); err != nil {
		t.Errorf("after the first left: %v", err)
	}
}

// Params are checked before a connection is asked for, so that these need no session behind them.
func TestOperationsNameTheBadParam(t *testing.T) {
	s := &Session{}
	ctx := t.Context()
	bad, ten := "sometimes", 10
	group, long := teamID.String(), strings.Repeat("ä", 101)
	for what, tc := range map[string]struct {
		field string
		call  func() error
	}{
		"name of a new group": {"name", func() error { _, err := s.Groups().CreateGroup(ctx, GroupCreate{Name: " "}); return err }},
		"long name":           {"name", func() error { return s.Groups().SetGroupName(ctx, group, long) }},
		"third participant": {"participants/2", func() error {
			_, err := s.Groups().CreateGroup(ctx, GroupCreate{Name: "x", Participants: []string{"4915112345678", adaLID.String(), group}})
			return err
		}},
		"community": {"community", func() error {
			_, err := s.Groups().CreateGroup(ctx, GroupCreate{Name: "x", Community: adaPN.String()})
			return err
		}},
		"timer of a new group": {"disappearing_seconds", func() error {
			_, err := s.Groups().CreateGroup(ctx, GroupCreate{Name: "x", GroupSettings: GroupSettings{DisappearingSeconds: &ten}})
			return err
		}},
		"group that is a person": {"group", func() error { return s.Groups().LeaveGroup(ctx, adaPN.String()) }},
		"description":            {"description", func() error { return s.Groups().SetGroupDescription(ctx, group, strings.Repeat("x", 2049)) }},
		"member_add_mode": {"member_add_mode", func() error {
			_, err := s.Groups().UpdateGroupSettings(ctx, group, GroupSettings{MemberAddMode: &bad})
			return err
		}},
		"no setting":              {"", func() error { _, err := s.Groups().UpdateGroupSettings(ctx, group, GroupSettings{}); return err }},
		"action":                  {"action", func() error { _, err := s.Groups().UpdateParticipants(ctx, group, "kick", nil); return err }},
		"nobody":                  {"participants", func() error { _, err := s.Groups().UpdateParticipants(ctx, group, "add", nil); return err }},
		"decision":                {"action", func() error { _, err := s.Groups().UpdateJoinRequests(ctx, group, "add", nil); return err }},
		"invite":                  {"invite", func() error { _, _, err := s.Groups().JoinGroup(ctx, "https://example.com/x"); return err }},
		"contact that is a group": {"contact", func() error { _, err := s.SaveContact(ctx, ContactSave{Contact: group, FullName: "x"}); return err }},
		"full name": {"full_name", func() error {
			_, err := s.SaveContact(ctx, ContactSave{Contact: adaPN.String(), FullName: "\t"})
			return err
		}},
		"blocked group":    {"contacts/0", func() error { _, err := s.SetBlocked(ctx, []string{group}, true); return err }},
		"too many people":  {"contacts", func() error { _, err := s.UserInfo(ctx, make([]string, maxPeoplePerQuery+1)); return err }},
		"too many numbers": {"numbers", func() error { _, err := s.CheckRegistered(ctx, make([]string, maxNumbersPerCheck+1)); return err }},
		"part":             {"include/1", func() error { _, err := s.Contact(ctx, adaPN.String(), []string{PartDevices, "shoe_size"}); return err }},
		"common group": {"common_group", func() error {
			_, err := s.ProfilePicture(ctx, PictureQuery{Contact: adaPN.String(), CommonGroup: adaPN.String()})
			return err
		}},
		"own name":      {"name", func() error { return s.SetPushName(ctx, strings.Repeat("x", 26)) }},
		"about":         {"about", func() error { return s.SetAbout(ctx, strings.Repeat("x", 140)) }},
		"privacy":       {"last_seen", func() error { _, err := s.UpdatePrivacySettings(ctx, PrivacySettings{LastSeen: &bad}); return err }},
		"no privacy":    {"", func() error { _, err := s.UpdatePrivacySettings(ctx, PrivacySettings{}); return err }},
		"default timer": {"disappearing_seconds", func() error { return s.SetDefaultDisappearingTimer(ctx, 10) }},
		"device":        {"device_id", func() error { _, err := s.DevicePlatform(-1); return err }},
		"call":          {"call_id", func() error { _, err := s.RejectCall(ctx, "", adaPN.String(), "", ""); return err }},
		"caller":        {"from", func() error { _, err := s.RejectCall(ctx, "1", "status@broadcast", "", ""); return err }},
	} {
		err := tc.call()
		var named *wa.Error
		if !errors.As(err, &named) || named.Reason != wa.ReasonBadParam || named.Field != tc.field {
			t.Errorf("%s: %v, want a bad %q", what, err, tc.field)
		}
	}
}
