package contacts

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/directory"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
)

// live are the contact operations of a connected session, whose network has a business besides Ada and Bob.
type live struct {
	*Service
	conn *conntest.LiveConn
	shop *sandbox.Phone
	ctx  context.Context
}

const unknownNumber = "15550000099"

func connect(t *testing.T) *live {
	t.Helper()
	conn := conntest.Connect(t)
	shop, err := conn.Net.AddAccount(sandbox.AccountOptions{Number: "15550000004", PushName: "Shop", BusinessName: "The Shop"})
	must(t, err)
	return &live{NewService(conn, conntest.Owner, conn.Pairs, conn.DB, nil, conntest.NewLog), conn, shop, conn.Deadline()}
}

func picture(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	must(t, jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, 8, 8)), nil))
	return out.Bytes()
}

func TestNumbersAreChecked(t *testing.T) {
	t.Parallel()
	s := connect(t)
	results, err := s.CheckRegistered(s.ctx, []string{"+" + conntest.Ada.User, "no number", unknownNumber, conntest.Ada.String(), s.shop.JID().User, "120363000000000001@g.us"})
	must(t, err)
	for i, c := range []struct {
		number     string // "" = none
		registered bool
		failed     bool
		lid        types.JID
		verified   string
	}{
		{conntest.Ada.User, true, false, s.conn.AdaPhone.LID(), ""},
		{"", false, true, types.EmptyJID, ""},
		{unknownNumber, false, false, types.EmptyJID, ""},
		{conntest.Ada.User, true, false, s.conn.AdaPhone.LID(), ""},
		{s.shop.JID().User, true, false, s.shop.LID(), "The Shop"},
		{"", false, true, types.EmptyJID, ""},
	} {
		got := results[i]
		if got.Registered != c.registered || (got.Error != nil) != c.failed || (got.PhoneNumber == nil) != (c.number == "") || got.PhoneNumber != nil && *got.PhoneNumber != c.number ||
			(got.Contact != nil) != c.registered || got.Contact != nil && *got.Contact != c.number+"@s.whatsapp.net" || got.LID != nil && *got.LID != c.lid.String() ||
			(got.VerifiedName != nil) != (c.verified != "") || got.VerifiedName != nil && *got.VerifiedName != c.verified {
			t.Errorf("%s: %+v", got.Number, got)
		}
	}
	end := s.conn.RefuseRequests(429)
	if results, err = s.CheckRegistered(s.ctx, []string{"no number"}); err != nil || results[0].Error == nil {
		t.Errorf("without a number nothing is asked: %+v, %v", results, err)
	}
	if _, err = s.CheckRegistered(s.ctx, []string{conntest.Ada.User}); wa.ReasonOf(err) != wa.ReasonRateLimited {
		t.Errorf("refused: %v", err)
	}
	end()
	for range maxNumbersPerHour {
		if err = s.allowChecks(1, time.Now()); err != nil {
			break
		}
	}
	if _, err = s.CheckRegistered(s.ctx, []string{conntest.Ada.User}); wa.ReasonOf(err) != wa.ReasonRateLimited {
		t.Errorf("beyond the hour's number: %v", err)
	}
}

func TestPeopleAreRead(t *testing.T) {
	t.Parallel()
	s := connect(t)
	must(t, s.conn.AdaPhone.SetAbout("busy"))
	must(t, s.shop.SetBusinessProfile(sandbox.BusinessProfile{
		Address: "Road 1", Email: "shop@example.com", Timezone: "Europe/Berlin", Categories: []sandbox.BusinessCategory{{ID: "1", Name: "Tea"}},
		Hours: []sandbox.BusinessHours{{Day: "mon", Mode: "specific_hours", Open: "540", Close: "1020"}, {Day: "sun", Mode: "open_24h"}}, Options: map[string]string{"cart_enabled": "true"},
	}))
	infos, err := s.GetUserInfo(s.ctx, []string{conntest.Ada.User, s.shop.JID().String(), unknownNumber})
	must(t, err)
	if len(infos) < 2 {
		t.Fatalf("%+v", infos)
	}
	ada, shop := infos[0], infos[1]
	if ada.Contact != conntest.Ada.String() || *ada.LID != s.conn.AdaPhone.LID().String() || *ada.About != "busy" || ada.IsBusiness || len(ada.Devices) == 0 {
		t.Errorf("Ada: %+v", ada)
	}
	if shop.Contact != s.shop.JID().String() || !shop.IsBusiness || *shop.VerifiedName != "The Shop" || shop.VerifiedNameDetails == nil || shop.VerifiedNameDetails.VerifiedName != "The Shop" || len(shop.VerifiedNameDetails.Signature) == 0 {
		t.Errorf("shop: %+v", shop)
	}
	details, err := s.Get(s.ctx, s.shop.JID().User, contactParts)
	must(t, err)
	if details.InputType != "number" || !**details.Registered || !*details.Contact.IsRegistered || *details.UserInfo == nil || !(*details.UserInfo).IsBusiness || len(*details.Devices) == 0 || *details.Picture == nil || (*details.Picture).URL != nil {
		t.Errorf("shop: %+v", details)
	}
	profile := *details.BusinessProfile
	if profile == nil || *profile.Address != "Road 1" || *profile.Email != "shop@example.com" || profile.Categories[0].Name != "Tea" || profile.ProfileOptions["cart_enabled"] != "true" || len(profile.BusinessHours) != 2 ||
		*profile.BusinessHours[0].OpenTime != "540" || profile.BusinessHours[1].OpenTime != nil || *profile.BusinessHoursTimezone != "Europe/Berlin" {
		t.Errorf("profile: %+v", profile)
	}
	end := s.conn.RefuseRequests(500)
	defer end()
	if details, err = s.Get(s.ctx, conntest.Ada.String(), contactParts); err != nil || *details.Registered != nil || *details.UserInfo != nil || *details.Picture != nil || *details.BusinessProfile != nil || *details.Devices == nil {
		t.Errorf("parts that fail are null: %+v, %v", details, err)
	}
	if _, err = s.GetUserInfo(s.ctx, []string{conntest.Ada.User}); wa.ReasonOf(err) != wa.ReasonWhatsApp {
		t.Errorf("refused: %v", err)
	}
	if _, err = s.ResolveLID(s.ctx, unknownNumber); wa.ReasonOf(err) != wa.ReasonWhatsApp {
		t.Errorf("a LID that could not be asked for: %v", err)
	}
}

func TestPictures(t *testing.T) {
	t.Parallel()
	s := connect(t)
	id, err := s.conn.AdaPhone.SetPicture(picture(t))
	must(t, err)
	for name, preview := range map[string]bool{"image": false, "preview": true} {
		got, err := s.GetPicture(s.ctx, PictureQuery{Contact: conntest.Ada.User, Preview: preview})
		if err != nil || got.URL == nil || *got.PictureID != id || *got.Type != name || got.DirectPath == nil || got.Hash == nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, query := range map[string]PictureQuery{"known": {Contact: conntest.Ada.User, KnownID: id}, "none": {Contact: conntest.Bob.User}} {
		if got, err := s.GetPicture(s.ctx, query); err != nil || *got != (ProfilePicture{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	must(t, s.conn.AdaPhone.SetPrivacy(types.PrivacySettingTypeProfile, types.PrivacySettingNone))
	if got, err := s.GetPicture(s.ctx, PictureQuery{Contact: conntest.Ada.User}); err != nil || *got != (ProfilePicture{}) {
		t.Errorf("hidden: %+v, %v", got, err)
	}
	channel, err := s.conn.BobPhone.CreateNewsletter("News", "")
	must(t, err)
	if got, err := s.GetPicture(s.ctx, PictureQuery{Contact: channel.ID.String()}); err != nil || got.URL != nil {
		t.Errorf("a newsletter without a picture: %+v, %v", got, err)
	}
	var e *wa.Error
	for field, query := range map[string]PictureQuery{"contact": {Contact: "x"}, "common_group": {Contact: conntest.Ada.User, CommonGroup: conntest.Bob.User}} {
		if _, err := s.GetPicture(s.ctx, query); !errors.As(err, &e) || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	end := s.conn.RefuseRequests(500)
	defer end()
	for _, contact := range []string{conntest.Ada.User, channel.ID.String()} {
		if _, err := s.GetPicture(s.ctx, PictureQuery{Contact: contact}); wa.ReasonOf(err) == "" {
			t.Errorf("refused picture of %s: %v", contact, err)
		}
	}
}

func TestDevicesAreListed(t *testing.T) {
	t.Parallel()
	s := connect(t)
	s.conn.Browser = "Firefox"
	people, err := s.ListDevices(s.ctx, []string{conntest.Ada.User, conntest.Own.User, unknownNumber}, 10*time.Second)
	must(t, err)
	devices := map[string]int{}
	for _, person := range people {
		devices[person.Contact] = len(person.Devices)
		if person.LID == nil || person.Devices[0].DeviceID != 0 || *person.Devices[0].Platform != PlatformPhone {
			t.Errorf("%+v", person)
		}
	}
	if devices[conntest.Ada.String()] != 1 || devices[conntest.Own.String()] != 2 || len(devices) != 2 {
		t.Errorf("%v", devices)
	}
	own, err := s.ListLinkedDevices(s.ctx)
	must(t, err)
	if len(own) != 2 || own[0].DeviceID != 0 || own[0].IsThis || *own[0].Platform != "android" || !*own[0].Connected || !own[1].IsThis || *own[1].Platform != "firefox" || own[1].JID != s.conn.Device().String() {
		t.Errorf("%+v", own)
	}
	for id, want := range map[int]string{0: PlatformPhone, own[1].DeviceID: "firefox", 99: PlatformUnknown} {
		if got, err := s.DevicePlatform(id); err != nil || got != want {
			t.Errorf("device %d: %s, %v", id, got, err)
		}
	}
	if _, err = s.ListDevices(s.ctx, []string{s.shop.JID().User}, time.Nanosecond); wa.ReasonOf(err) != wa.ReasonTimeout {
		t.Errorf("a list in a nanosecond: %v", err)
	}
	end := s.conn.RefuseRequests(500)
	defer end()
	if _, err = s.ListDevices(s.ctx, []string{s.shop.JID().User}, 10*time.Second); wa.ReasonOf(err) != wa.ReasonWhatsApp {
		t.Errorf("refused: %v", err)
	}
}

func TestAddressBookIsWritten(t *testing.T) {
	t.Parallel()
	s := connect(t)
	must(t, s.conn.Keys.Contacts.PutContactName(s.ctx, conntest.Ada, "Ada", "Ada Lovelace"))
	contact, err := s.Save(s.ctx, ContactSave{Contact: conntest.Ada.User, FullName: "  Ada Lovelace ", SaveOnPhone: true})
	if err != nil || contact.Contact != conntest.Ada.String() || contact.Name != "Ada Lovelace" {
		t.Errorf("%+v, %v", contact, err)
	}
	if len(s.conn.Patches) != 1 {
		t.Fatalf("%+v", s.conn.Patches)
	}
	entry := s.conn.Patches[0].Mutations[0]
	action := entry.Value.GetContactAction()
	if s.conn.Patches[0].Type != appstate.WAPatchCriticalUnblockLow || !slices.Equal(entry.Index, []string{"contact", conntest.Ada.String()}) || action.GetFullName() != "Ada Lovelace" || action.GetFirstName() != "Ada" || !action.GetSaveOnPrimaryAddressbook() || action.GetPnJID() != conntest.Ada.String() {
		t.Errorf("%v %v", entry.Index, action)
	}
	if removed, err := s.Remove(s.ctx, conntest.Ada.User); removed || wa.ReasonOf(err) != wa.ReasonNotSupported {
		t.Errorf("an entry under an earlier key: %v, %v", removed, err)
	}
	s.conn.Found = true
	if removed, err := s.Remove(s.ctx, conntest.Ada.User); !removed || err != nil {
		t.Errorf("removed %v, %v", removed, err)
	}
	if contact, err := ReadStored(s.ctx, s.conn.Keys, conntest.Ada); err != nil || contact.IsSaved {
		t.Errorf("the name remains: %+v, %v", contact, err)
	}
	s.conn.Found = false
	if removed, err := s.Remove(s.ctx, conntest.Ada.User); removed || err != nil {
		t.Errorf("removed again: %v, %v", removed, err)
	}
	s.conn.StateErr = wa.NewError(wa.ReasonConflict, "another device changed it")
	if _, err := s.Save(s.ctx, ContactSave{Contact: conntest.Ada.User, FullName: "Ada"}); wa.ReasonOf(err) != wa.ReasonConflict {
		t.Errorf("an entry that was not written: %v", err)
	}
	if removed, err := s.Remove(s.ctx, conntest.Ada.User); removed || wa.ReasonOf(err) != wa.ReasonConflict {
		t.Errorf("an entry that was not removed: %v, %v", removed, err)
	}
	for field, save := range map[string]ContactSave{
		"contact": {Contact: "120363000000000001@g.us", FullName: "x"}, "full_name": {Contact: conntest.Ada.User, FullName: " "},
		"first_name": {Contact: conntest.Ada.User, FullName: "x", FirstName: strings.Repeat("x", maxContactName+1)},
	} {
		var e *wa.Error
		if _, err := s.Save(s.ctx, save); !errors.As(err, &e) || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestBlockList(t *testing.T) {
	t.Parallel()
	s := connect(t)
	changed, err := s.SetBlocked(s.ctx, []string{conntest.Ada.User, conntest.Bob.String()}, true)
	if err != nil || !slices.Equal(changed, []string{conntest.Ada.String(), conntest.Bob.String()}) {
		t.Fatalf("%v, %v", changed, err)
	}
	blocked := func() (list []string) {
		contacts, err := s.ListBlocked(s.ctx)
		must(t, err)
		for _, contact := range contacts {
			if !*contact.IsBlocked {
				t.Errorf("%+v", contact)
			}
			list = append(list, contact.Contact)
		}
		slices.Sort(list)
		return list
	}
	if got := blocked(); !slices.Equal(got, changed) {
		t.Errorf("blocked %v", got)
	}
	_, err = s.SetBlocked(s.ctx, []string{conntest.Ada.User}, false)
	must(t, err)
	if got := blocked(); !slices.Equal(got, changed[1:]) {
		t.Errorf("after Ada was unblocked: %v", got)
	}
	var e *wa.Error
	if _, err = s.SetBlocked(s.ctx, []string{conntest.Ada.User, unknownNumber}, true); !errors.As(err, &e) || e.Reason != wa.ReasonNotFound || e.Field != "contacts/1" {
		t.Errorf("a number that is not on WhatsApp: %v", err)
	}
	if got := blocked(); !slices.Equal(got, changed) {
		t.Errorf("the change before the refused one was lost: %v", got)
	}
	end := s.conn.RefuseRequests(403)
	defer end()
	if _, err = s.SetBlocked(s.ctx, []string{conntest.Ada.User}, false); !errors.As(err, &e) || e.Reason != wa.ReasonForbidden || e.Field != "contacts/0" {
		t.Errorf("refused: %v", err)
	}
	if _, err = s.ListBlocked(s.ctx); wa.ReasonOf(err) != wa.ReasonForbidden {
		t.Errorf("refused list: %v", err)
	}
}

func TestLIDIsAskedFor(t *testing.T) {
	t.Parallel()
	s := connect(t)
	mapping, err := s.ResolveLID(s.ctx, s.shop.JID().User)
	if err != nil || *mapping.Contact != s.shop.JID().String() || mapping.LID == nil || *mapping.LID != s.shop.LID().String() || mapping.CreatedAt == nil {
		t.Fatalf("%+v, %v", mapping, err)
	}
	back, err := s.ResolveLID(s.ctx, s.shop.LID().String())
	if err != nil || *back.Contact != s.shop.JID().String() || !back.CreatedAt.Equal(*mapping.CreatedAt) {
		t.Errorf("%+v, %v", back, err)
	}
	if unknown, err := s.ResolveLID(s.ctx, unknownNumber); err != nil || unknown.LID != nil || unknown.CreatedAt != nil {
		t.Errorf("a number that is not on WhatsApp: %+v, %v", unknown, err)
	}
	list, total, err := s.ListLIDMappings(s.ctx, 10, 0)
	if err != nil || total == 0 || !slices.ContainsFunc(list, func(m StoredMapping) bool { return m.LID == s.shop.LID().String() && m.UsageCount >= 2 }) {
		t.Errorf("%+v of %d, %v", list, total, err)
	}
	s.SeePairs(s.ctx, directory.Pair{PN: conntest.Bob.String(), LID: s.conn.BobPhone.LID().String()})
	if _, after, err := s.ListLIDMappings(s.ctx, 10, 0); err != nil || after < total {
		t.Errorf("%d pairs, %v", after, err)
	}
}

func TestPrivacyTokensAreIssued(t *testing.T) {
	t.Parallel()
	s := connect(t)
	must(t, s.conn.Keys.PrivacyTokens.PutPrivacyTokens(s.ctx, store.PrivacyToken{User: tokenUser(t, s, conntest.Ada), Token: []byte("t"), Timestamp: time.Unix(1_700_000_000, 0)}))
	before := time.Now().Truncate(time.Second)
	issued, err := s.IssuePrivacyTokens(s.ctx, []string{conntest.Ada.User, conntest.Bob.User})
	if err != nil || len(issued) != 2 || issued[0].Contact != conntest.Ada.String() || issued[0].IssuedAt.Before(before) {
		t.Fatalf("%+v, %v", issued, err)
	}
	token, err := s.GetPrivacyToken(s.ctx, conntest.Ada.User)
	if err != nil || !token.Found || token.IssuedAt == nil || token.IssuedAt.Before(before) || token.ReceivedAt.Unix() != 1_700_000_000 {
		t.Errorf("Ada's: %+v, %v", token, err)
	}
	if list, err := s.ListPrivacyTokens(s.ctx); err != nil || !slices.Contains(list, conntest.Ada.String()) {
		t.Errorf("%v, %v", list, err)
	}
	end := s.conn.RefuseRequests(429)
	defer end()
	if _, err = s.IssuePrivacyTokens(s.ctx, []string{conntest.Bob.User}); wa.ReasonOf(err) != wa.ReasonRateLimited {
		t.Errorf("refused: %v", err)
	}
}

// tokenUser returns the address that the token of a person is stored under.
func tokenUser(t *testing.T, s *live, jid types.JID) types.JID {
	t.Helper()
	who, err := wa.PersonOf(s.ctx, s.conn.Keys, jid)
	must(t, err)
	return tokenOwner(who)
}
