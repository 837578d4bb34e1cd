package bridge

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/groups"
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
		"name of a new group": {"name", func() error { _, err := s.Groups().Create(ctx, groups.GroupCreate{Name: " "}); return err }},
		"long name":           {"name", func() error { return s.Groups().SetName(ctx, group, long) }},
		"third participant": {"participants/2", func() error {
			_, err := s.Groups().Create(ctx, groups.GroupCreate{Name: "x", Participants: []string{"4915112345678", adaLID.String(), group}})
			return err
		}},
		"community": {"community", func() error {
			_, err := s.Groups().Create(ctx, groups.GroupCreate{Name: "x", Community: adaPN.String()})
			return err
		}},
		"timer of a new group": {"disappearing_seconds", func() error {
			_, err := s.Groups().Create(ctx, groups.GroupCreate{Name: "x", GroupSettings: groups.GroupSettings{DisappearingSeconds: &ten}})
			return err
		}},
		"group that is a person": {"group", func() error { return s.Groups().Leave(ctx, adaPN.String()) }},
		"description":            {"description", func() error { return s.Groups().SetDescription(ctx, group, strings.Repeat("x", 2049)) }},
		"member_add_mode": {"member_add_mode", func() error {
			_, err := s.Groups().UpdateSettings(ctx, group, groups.GroupSettings{MemberAddMode: &bad})
			return err
		}},
		"no setting":              {"", func() error { _, err := s.Groups().UpdateSettings(ctx, group, groups.GroupSettings{}); return err }},
		"action":                  {"action", func() error { _, err := s.Groups().UpdateParticipants(ctx, group, "kick", nil); return err }},
		"nobody":                  {"participants", func() error { _, err := s.Groups().UpdateParticipants(ctx, group, "add", nil); return err }},
		"decision":                {"action", func() error { _, err := s.Groups().UpdateJoinRequests(ctx, group, "add", nil); return err }},
		"invite":                  {"invite", func() error { _, _, err := s.Groups().Join(ctx, "https://example.com/x"); return err }},
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
