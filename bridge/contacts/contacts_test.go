package contacts

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

var (
	adaPN  = types.NewJID("15550001001", types.DefaultUserServer)
	adaLID = types.NewJID("123456789012", types.HiddenUserServer)
	bobLID = types.NewJID("999999999999", types.HiddenUserServer)
	teamID = types.NewJID("120363000000000001", types.GroupServer)
)

// onePair knows ada under both addresses and no other person.
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
		bobLID: {RedactedPhone: "+1∙∙∙12"},
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
			if contact.Name != "+1∙∙∙12" || contact.IsSaved || contact.IsSelf || contact.PhoneNumber != nil || contact.IsBusiness != nil {
				t.Errorf("bob: %+v", contact)
			}
		default:
			t.Errorf("unexpected %+v", contact)
		}
	}
}

func TestRegistrationTakesTheCorrectedNumber(t *testing.T) {
	corrected := types.NewJID("15550008888", types.DefaultUserServer)
	var result Registration
	fillRegistration(&result, "155500198888", types.IsOnWhatsAppResponse{IsIn: true, JID: adaLID, PhoneNumber: corrected})
	if !result.Registered || *result.Contact != corrected.String() || *result.LID != adaLID.String() {
		t.Errorf("%+v", result)
	}
	result = Registration{}
	fillRegistration(&result, "15550001001", types.IsOnWhatsAppResponse{IsIn: true, JID: adaLID})
	if *result.Contact != adaPN.String() {
		t.Errorf("without a number in the answer: %+v", result)
	}
	result = Registration{}
	fillRegistration(&result, "15550001001", types.IsOnWhatsAppResponse{JID: adaPN})
	if result.Registered || result.Contact != nil {
		t.Errorf("not registered: %+v", result)
	}
}

func TestNumberChecksAreLimited(t *testing.T) {
	var s Service
	now := time.Unix(1_800_000_000, 0)
	for range maxNumbersPerHour / maxNumbersPerCheck {
		if err := s.allowChecks(maxNumbersPerCheck, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.allowChecks(1, now); wa.ReasonOf(err) != wa.ReasonRateLimited {
		t.Errorf("over the allowance: %v", err)
	}
	if err := s.allowChecks(1, now.Add(numberCheckInterval)); err != nil {
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

// Parameters are checked before a connection is asked for, so these calls need no session.
func TestOperationsNameTheBadParameter(t *testing.T) {
	s := &Service{}
	ctx, group := t.Context(), teamID.String()
	for name, tc := range map[string]struct {
		field string
		call  func() error
	}{
		"contact that is a group": {"contact", func() error { _, err := s.Save(ctx, ContactSave{Contact: group, FullName: "x"}); return err }},
		"full name": {"full_name", func() error {
			_, err := s.Save(ctx, ContactSave{Contact: adaPN.String(), FullName: "\t"})
			return err
		}},
		"blocked group":    {"contacts/0", func() error { _, err := s.SetBlocked(ctx, []string{group}, true); return err }},
		"too many people":  {"contacts", func() error { _, err := s.GetUserInfo(ctx, make([]string, maxPeoplePerQuery+1)); return err }},
		"too many numbers": {"numbers", func() error { _, err := s.CheckRegistered(ctx, make([]string, maxNumbersPerCheck+1)); return err }},
		"part":             {"include/1", func() error { _, err := s.Get(ctx, adaPN.String(), []string{PartDevices, "shoe_size"}); return err }},
		"common group": {"common_group", func() error {
			_, err := s.GetPicture(ctx, PictureQuery{Contact: adaPN.String(), CommonGroup: adaPN.String()})
			return err
		}},
		"device":                  {"device_id", func() error { _, err := s.DevicePlatform(-1); return err }},
		"removed group":           {"contact", func() error { _, err := s.Remove(ctx, group); return err }},
		"number of a group":       {"contact", func() error { _, err := s.FormatNumber(ctx, group); return err }},
		"LID of a group":          {"contact", func() error { _, err := s.ResolveLID(ctx, group); return err }},
		"token of a group":        {"contact", func() error { _, err := s.GetPrivacyToken(ctx, group); return err }},
		"tokens without a person": {"contacts", func() error { _, err := s.IssuePrivacyTokens(ctx, nil); return err }},
	} {
		err := tc.call()
		var named *wa.Error
		if !errors.As(err, &named) || named.Reason != wa.ReasonBadParam || named.Field != tc.field {
			t.Errorf("%s: %v, want a bad %q", name, err, tc.field)
		}
	}
}
