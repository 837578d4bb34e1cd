package contacts

import (
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/directory"
	"github.com/waystation/waystation/bridge/wa"
)

func newTestService(t *testing.T) (*Service, *conntest.Conn) {
	t.Helper()
	conn := conntest.NewConn(t)
	return NewService(conn, conntest.Owner, conn.Pairs, conn.DB, nil, conntest.NewLog), conn
}

func TestListMergesAddressesAndFiltersSaved(t *testing.T) {
	s, conn := newTestService(t)
	ctx := t.Context()
	must(t, conn.Keys.Contacts.PutContactName(ctx, conntest.Ada, "Ada", "Ada Lovelace"))
	_, _, err := conn.Keys.Contacts.PutPushName(ctx, conntest.AdaLID, "ada")
	must(t, err)
	_, _, err = conn.Keys.Contacts.PutPushName(ctx, conntest.Bob, "bob")
	must(t, err)
	all, err := s.List(ctx, false)
	must(t, err)
	if len(all) != 2 || all[0].Contact != conntest.Ada.String() || all[1].Contact != conntest.Bob.String() {
		t.Fatalf("contacts: %+v", all)
	}
	ada := all[0]
	if ada.Name != "Ada Lovelace" || *ada.PushName != "ada" || *ada.LID != conntest.AdaLID.String() || !ada.IsSaved {
		t.Errorf("ada: %+v", ada)
	}
	saved, err := s.List(ctx, true)
	must(t, err)
	if len(saved) != 1 || saved[0].Contact != ada.Contact {
		t.Errorf("saved contacts: %+v", saved)
	}
}

func TestGetReadsTheStoreWithoutConnection(t *testing.T) {
	s, conn := newTestService(t)
	ctx := t.Context()
	must(t, conn.Keys.Contacts.PutContactName(ctx, conntest.Ada, "Ada", "Ada Lovelace"))
	for given, kind := range map[string]string{
		conntest.Ada.String(): "jid", conntest.Ada.User: "number", conntest.AdaLID.String(): "lid",
	} {
		details, err := s.Get(ctx, given, nil)
		must(t, err)
		if details.InputType != kind || details.Contact.Contact != conntest.Ada.String() || details.Contact.Name != "Ada Lovelace" {
			t.Errorf("%s: %+v", given, details)
		}
		if details.Registered != nil || details.Picture != nil || details.Devices != nil {
			t.Errorf("%s: parts were not requested: %+v", given, details)
		}
	}
	if _, err := s.Get(ctx, conntest.Ada.String(), []string{PartPicture}); wa.ReasonOf(err) != wa.ReasonNotConnected {
		t.Errorf("a live part without a connection: %v", err)
	}
}

func TestUnpairedSessionHasNoContacts(t *testing.T) {
	s, conn := newTestService(t)
	conn.Keys = nil
	ctx, ada := t.Context(), conntest.Ada.String()
	for name, call := range map[string]func() error{
		"list":     func() error { _, err := s.List(ctx, false); return err },
		"get":      func() error { _, err := s.Get(ctx, ada, nil); return err },
		"lid":      func() error { _, err := s.ResolveLID(ctx, ada); return err },
		"mappings": func() error { _, _, err := s.ListLIDMappings(ctx, 10, 0); return err },
		"token":    func() error { _, err := s.GetPrivacyToken(ctx, ada); return err },
		"tokens":   func() error { _, err := s.ListPrivacyTokens(ctx); return err },
		"expired":  func() error { _, err := s.DeleteExpiredPrivacyTokens(ctx); return err },
		"platform": func() error { _, err := s.DevicePlatform(0); return err },
	} {
		if err := call(); wa.ReasonOf(err) != wa.ReasonNotConnected {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOperationsNeedAConnection(t *testing.T) {
	s, _ := newTestService(t)
	ctx, ada := t.Context(), conntest.Ada.String()
	for name, call := range map[string]func() error{
		"save":     func() error { _, err := s.Save(ctx, ContactSave{Contact: ada, FullName: "Ada"}); return err },
		"remove":   func() error { _, err := s.Remove(ctx, ada); return err },
		"block":    func() error { _, err := s.SetBlocked(ctx, []string{ada}, true); return err },
		"blocked":  func() error { _, err := s.ListBlocked(ctx); return err },
		"info":     func() error { _, err := s.GetUserInfo(ctx, []string{ada}); return err },
		"check":    func() error { _, err := s.CheckRegistered(ctx, []string{"+15550000002"}); return err },
		"picture":  func() error { _, err := s.GetPicture(ctx, PictureQuery{Contact: ada}); return err },
		"devices":  func() error { _, err := s.ListDevices(ctx, []string{ada}, time.Second); return err },
		"linked":   func() error { _, err := s.ListLinkedDevices(ctx); return err },
		"issue":    func() error { _, err := s.IssuePrivacyTokens(ctx, []string{ada}); return err },
		"whole":    func() error { _, err := s.CheckRegistered(ctx, []string{"no number"}); return err },
		"a length": func() error { _, err := s.ListDevices(ctx, []string{ada, ada}, 0); return err },
	} {
		if err := call(); wa.ReasonOf(err) != wa.ReasonNotConnected {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestResolveLIDStoresThePair(t *testing.T) {
	s, _ := newTestService(t)
	ctx := t.Context()
	for _, given := range []string{conntest.Ada.String(), conntest.AdaLID.String()} {
		mapping, err := s.ResolveLID(ctx, given)
		must(t, err)
		if *mapping.Contact != conntest.Ada.String() || *mapping.LID != conntest.AdaLID.String() || mapping.CreatedAt == nil {
			t.Errorf("%s: %+v", given, mapping)
		}
	}
	mapping, err := s.ResolveLID(ctx, conntest.Bob.String())
	must(t, err)
	if mapping.LID != nil || mapping.CreatedAt != nil {
		t.Errorf("bob has no pair: %+v", mapping)
	}
	stored, total, err := s.ListLIDMappings(ctx, 10, 0)
	must(t, err)
	if total != 1 || len(stored) != 1 || stored[0].Contact != conntest.Ada.String() || stored[0].UsageCount != 2 {
		t.Errorf("stored pairs: %d, %+v", total, stored)
	}
}

func TestFirstPageImportsPairsOfContacts(t *testing.T) {
	s, conn := newTestService(t)
	ctx := t.Context()
	must(t, conn.Keys.Contacts.PutContactName(ctx, conntest.Ada, "Ada", "Ada Lovelace"))
	if _, total, err := s.ListLIDMappings(ctx, 10, 1); err != nil || total != 0 {
		t.Errorf("a later page: %d, %v", total, err)
	}
	stored, total, err := s.ListLIDMappings(ctx, 10, 0)
	must(t, err)
	if total != 1 || stored[0].LID != conntest.AdaLID.String() {
		t.Errorf("the first page: %d, %+v", total, stored)
	}
}

func TestFormatNumber(t *testing.T) {
	s, _ := newTestService(t)
	ctx := t.Context()
	for _, given := range []string{"15550000002", conntest.AdaLID.String()} {
		number, err := s.FormatNumber(ctx, given)
		must(t, err)
		if number.FormattedNumber == nil || *number.CountryCode != "1" {
			t.Errorf("%s: %+v", given, number)
		}
	}
	number, err := s.FormatNumber(ctx, "100000000000009@lid")
	must(t, err)
	if *number != (FormattedNumber{}) {
		t.Errorf("a LID without a number: %+v", number)
	}
}

func TestDevicePlatform(t *testing.T) {
	s, conn := newTestService(t)
	for id, want := range map[int]string{0: PlatformPhone, 7: "web", 3: PlatformUnknown} {
		if got, err := s.DevicePlatform(id); err != nil || got != want {
			t.Errorf("device %d: %q, %v", id, got, err)
		}
	}
	conn.Browser = "Firefox"
	if got, err := s.DevicePlatform(7); err != nil || got != "firefox" {
		t.Errorf("a browser in the profile: %q, %v", got, err)
	}
}

func TestPrivacyTokensOfTheStore(t *testing.T) {
	s, conn := newTestService(t)
	ctx, now := t.Context(), time.Now().Truncate(time.Second)
	must(t, conn.Keys.PrivacyTokens.PutPrivacyTokens(ctx,
		store.PrivacyToken{User: conntest.AdaLID, Token: []byte{1}, Timestamp: now},
		store.PrivacyToken{User: conntest.Bob, Token: []byte{2}, Timestamp: now.Add(-5 * tokenBucket)}))
	token, err := s.GetPrivacyToken(ctx, conntest.Ada.String())
	must(t, err)
	if !token.Found || token.ReceivedAt == nil || token.IssuedAt != nil || token.Contact != conntest.Ada.String() {
		t.Errorf("ada: %+v", token)
	}
	ada := wa.Person{PN: conntest.Ada, LID: conntest.AdaLID}
	must(t, noteIssued(ctx, conn.Keys, ada, now))
	if token, err = s.GetPrivacyToken(ctx, conntest.AdaLID.String()); err != nil || token.IssuedAt == nil {
		t.Errorf("after an issue: %+v, %v", token, err)
	}
	none := wa.Person{PN: types.NewJID("15550000009", types.DefaultUserServer)}
	must(t, noteIssued(ctx, conn.Keys, none, now)) // without a token there is no row
	owners, err := s.ListPrivacyTokens(ctx)
	must(t, err)
	if !slices.Equal(owners, []string{conntest.Ada.String(), conntest.Bob.String()}) {
		t.Errorf("owners of tokens: %v", owners)
	}
	if deleted, err := s.DeleteExpiredPrivacyTokens(ctx); err != nil || deleted != 1 {
		t.Errorf("deleted %d, %v", deleted, err)
	}
	if token, err = s.GetPrivacyToken(ctx, conntest.Bob.String()); err != nil || token.Found {
		t.Errorf("the expired token: %+v, %v", token, err)
	}
}

func TestForgetNameClearsBothAddresses(t *testing.T) {
	s, conn := newTestService(t)
	ctx := t.Context()
	must(t, conn.Keys.Contacts.PutContactName(ctx, conntest.Ada, "Ada", "Ada Lovelace"))
	must(t, conn.Keys.Contacts.PutContactName(ctx, conntest.AdaLID, "Ada", "Ada L."))
	must(t, forgetName(ctx, conn.Keys, wa.Person{PN: conntest.Ada, LID: conntest.AdaLID}))
	if details, err := s.Get(ctx, conntest.Ada.String(), nil); err != nil || details.Contact.IsSaved {
		t.Errorf("after the removal: %+v, %v", details, err)
	}
}

func TestSeePairsLogsFailures(t *testing.T) {
	s, conn := newTestService(t)
	_ = conn.DB.Close()
	s.SeePairs(t.Context(), directory.Pair{PN: conntest.Bob.String(), LID: "100000000000003@lid"}) // does not panic or return
}

func TestPictureWithAPathAlone(t *testing.T) {
	picture := newPicture(&types.ProfilePictureInfo{DirectPath: "/v/t61", ID: "9"})
	if *picture.URL != pictureHost+"/v/t61" || *picture.Type != "image" || *picture.PictureID != "9" {
		t.Errorf("%+v", picture)
	}
	for _, none := range []*types.ProfilePictureInfo{nil, {ID: "9"}} {
		if got := newPicture(none); *got != (ProfilePicture{}) {
			t.Errorf("without an address: %+v", got)
		}
	}
}

func TestPhoneIsTheOnlyKnownPlatform(t *testing.T) {
	phone := newUserDevice(types.JID{User: "15550000002", Server: types.DefaultUserServer})
	if phone.DeviceID != 0 || phone.Platform == nil || *phone.Platform != PlatformPhone {
		t.Errorf("phone: %+v", phone)
	}
	other := newUserDevice(types.JID{User: "15550000002", Server: types.DefaultUserServer, Device: 3})
	if other.DeviceID != 3 || other.Platform != nil {
		t.Errorf("linked device: %+v", other)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
