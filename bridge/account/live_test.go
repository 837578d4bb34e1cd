package account

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/statesync"
	"github.com/waystation/waystation/bridge/wa"
)

// liveConn is a connected session. It records what is fetched and sent.
type liveConn struct {
	*conntest.LiveConn
	business    string
	unavailable bool
	fetched     []appstate.WAPatchName
	options     statesync.FetchOptions // of the last read
	fetchErr    error
	recovered   []string // collections and request ids
	recoveryErr error
	texts       []string
	textErr     error
}

func (c *liveConn) Identity() Identity {
	return Identity{JID: conntest.Own, LID: c.OwnPhone.LID(), PushName: "Own", BusinessName: c.business}
}

func (c *liveConn) SettingAvailability(*whatsmeow.Client) {}
func (c *liveConn) StaysUnavailable() bool                { return c.unavailable }

func (c *liveConn) FetchAppState(_ context.Context, _ *whatsmeow.Client, name appstate.WAPatchName, opts statesync.FetchOptions) error {
	c.fetched, c.options = append(c.fetched, name), opts
	return c.fetchErr
}

func (c *liveConn) RequestRecovery(_ context.Context, _ *whatsmeow.Client, name appstate.WAPatchName, requestID string) error {
	c.recovered = append(c.recovered, string(name)+" "+requestID)
	return c.recoveryErr
}

func (c *liveConn) SendText(_ context.Context, to, text, messageID string) (string, error) {
	c.texts = append(c.texts, to+" "+text)
	return messageID + "!", c.textErr
}

func newLiveService(t *testing.T) (*Service, *liveConn) {
	t.Helper()
	conn := &liveConn{LiveConn: conntest.Connect(t)}
	return NewService(conn), conn
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestProfileIsReadAfterChanges(t *testing.T) {
	t.Parallel()
	s, conn := newLiveService(t)
	ctx := conn.Deadline()
	must(t, s.SetAbout(ctx, "busy"))
	var picture bytes.Buffer
	must(t, jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8)), nil))
	id, err := s.SetProfilePicture(ctx, picture.Bytes())
	if err != nil || id == "" {
		t.Fatalf("picture %q, %v", id, err)
	}
	profile, err := s.GetProfile(ctx)
	must(t, err)
	if profile.JID != conntest.Own.String() || *profile.LID != conn.OwnPhone.LID().String() || *profile.PushName != "Own" || *profile.About != "busy" || profile.PictureURL == nil || profile.BusinessName != nil {
		t.Errorf("%+v", profile)
	}
	if _, err = s.SetProfilePicture(ctx, nil); err != nil {
		t.Errorf("removed picture: %v", err)
	}
	conn.business = "Shop"
	if profile, err = s.GetProfile(ctx); err != nil || profile.PictureURL != nil || profile.BusinessName == nil || *profile.BusinessName != "Shop" {
		t.Errorf("without a picture: %+v, %v", profile, err)
	}
	if _, err = s.SetProfilePicture(ctx, []byte("no picture")); wa.ReasonOf(err) == "" {
		t.Errorf("a text as picture: %v", err)
	}
}

// TestNameIsAnnounced checks that a new name is written, and shown to others without making the account available against its settings.
func TestNameIsAnnounced(t *testing.T) {
	t.Parallel()
	s, conn := newLiveService(t)
	must(t, s.SetPushName(conn.Deadline(), "New"))
	if len(conn.Patches) != 1 || conn.Patches[0].Mutations[0].Value.GetPushNameSetting().GetName() != "New" {
		t.Errorf("%+v", conn.Patches)
	}
	conn.unavailable = true
	must(t, s.SetPushName(conn.Deadline(), "Newer"))
	conn.StateErr = wa.NewError(wa.ReasonConflict, "another device changed it")
	if err := s.SetPushName(conn.Deadline(), "Newest"); wa.ReasonOf(err) != wa.ReasonConflict {
		t.Errorf("a name that was not written: %v", err)
	}
}

func TestContactLinkIsRevoked(t *testing.T) {
	t.Parallel()
	s, conn := newLiveService(t)
	first, err := s.GetContactLink(conn.Deadline(), false)
	must(t, err)
	same, err := s.GetContactLink(conn.Deadline(), false)
	must(t, err)
	other, err := s.GetContactLink(conn.Deadline(), true)
	must(t, err)
	if first != same || first == other || contactLink(other) != other {
		t.Errorf("links %s, %s, and %s after it was revoked", first, same, other)
	}
}

func TestPrivacyIsReadAfterChanges(t *testing.T) {
	t.Parallel()
	s, conn := newLiveService(t)
	ctx := conn.Deadline()
	none, known := "none", "known"
	changed, err := s.UpdatePrivacy(ctx, PrivacySettings{LastSeen: &none, CallAdd: &known})
	must(t, err)
	read, err := s.GetPrivacy(ctx, true)
	must(t, err)
	for name, got := range map[string]*PrivacySettings{"answer of the change": changed, "read again": read} {
		if got.LastSeen == nil || *got.LastSeen != none || got.CallAdd == nil || *got.CallAdd != known || got.Profile == nil || *got.Profile == none {
			t.Errorf("%s: %+v", name, got)
		}
	}
	end := conn.RefuseRequests(403)
	_, err = s.UpdatePrivacy(ctx, PrivacySettings{Online: &none, Profile: &none})
	var e *wa.Error
	if !errors.As(err, &e) || e.Reason != wa.ReasonBadParam || e.Field != "online" {
		t.Errorf("a value of another setting: %v", err)
	}
	if _, err = s.UpdatePrivacy(ctx, PrivacySettings{Profile: &none}); !errors.As(err, &e) || e.Reason != wa.ReasonForbidden || e.Field != "profile" || e.WACode != 403 {
		t.Errorf("a refused change: %v", err)
	}
	end()
	audience, err := s.GetStatusPrivacy(ctx)
	if err != nil || audience.Type != string(types.StatusPrivacyTypeContacts) || len(audience.Lists) == 0 || audience.Contacts == nil {
		t.Errorf("audience of status posts: %+v, %v", audience, err)
	}
}

func TestDefaultTimerIsStored(t *testing.T) {
	t.Parallel()
	s, conn := newLiveService(t)
	before := time.Now().Truncate(time.Second)
	must(t, s.SetDefaultDisappearingTimer(conn.Deadline(), 86400))
	if conn.Timer != 24*time.Hour || conn.TimerAt.Before(before) {
		t.Errorf("stored %v at %v", conn.Timer, conn.TimerAt)
	}
	end := conn.RefuseRequests(500)
	defer end()
	if err := s.SetDefaultDisappearingTimer(conn.Deadline(), 0); wa.ReasonOf(err) != wa.ReasonWhatsApp || conn.Timer != 24*time.Hour {
		t.Errorf("a refused timer: %v, stored %v", err, conn.Timer)
	}
}

func TestPresenceIsSeenByOthers(t *testing.T) {
	t.Parallel()
	s, conn := newLiveService(t)
	ctx := conn.Deadline()
	must(t, s.SetAvailability(ctx, true))
	must(t, s.SetAvailability(ctx, false))
	for state, want := range map[string]string{ChatStateComposing: "composing ", ChatStateRecording: "composing audio", ChatStatePaused: "paused "} {
		must(t, s.SetChatState(ctx, conntest.Ada.String(), state))
		if _, err := conn.AdaPhone.AwaitStanza(ctx, func(n waBinary.Node) bool {
			if n.Tag != "chatstate" || len(n.GetChildren()) != 1 {
				return false
			}
			shown := n.GetChildren()[0]
			media, _ := shown.Attrs["media"].(string)
			return shown.Tag+" "+media == want
		}); err != nil {
			t.Errorf("%s: %v", state, err)
		}
	}
	for name, c := range map[string]struct {
		field string
		call  func() error
	}{
		"state": {"state", func() error { return s.SetChatState(ctx, conntest.Ada.String(), "dancing") }},
		"chat":  {"chat", func() error { return s.SetChatState(ctx, "", ChatStatePaused) }},
		"group": {"contacts/1", func() error {
			_, err := s.SubscribePresence(ctx, []string{conntest.Ada.String(), "120363000000000001@g.us"})
			return err
		}},
		"too many": {"contacts", func() error { _, err := s.SubscribePresence(ctx, make([]string, 101)); return err }},
	} {
		var e *wa.Error
		if err := c.call(); !errors.As(err, &e) || e.Reason != wa.ReasonBadParam || e.Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	if people, err := s.SubscribePresence(ctx, []string{"15550000002", conntest.Bob.String()}); err != nil || len(people) != 2 || people[0] != conntest.Ada.String() {
		t.Errorf("subscribed to %v, %v", people, err)
	}
}

func TestRejectedCallWithText(t *testing.T) {
	t.Parallel()
	s, conn := newLiveService(t)
	ctx, ada := conn.Deadline(), conntest.Ada.String()
	call, err := conn.AdaPhone.Call(conntest.Own, false)
	if err != nil {
		t.Fatal(err)
	}
	rejected, err := s.RejectCall(ctx, call, ada, "", "")
	if err != nil || rejected.From != ada || rejected.MessageID != nil || len(conn.texts) != 0 {
		t.Errorf("%+v, %v, texts %v", rejected, err, conn.texts)
	}
	if _, err = conn.AdaPhone.AwaitStanza(ctx, func(n waBinary.Node) bool {
		reject, found := n.GetOptionalChildByTag("reject")
		return n.Tag == "call" && found && reject.Attrs["call-id"] == call
	}); err != nil {
		t.Errorf("Ada's phone rings on: %v", err)
	}
	rejected, err = s.RejectCall(ctx, "C2", "15550000002", "later", "T1")
	if err != nil || rejected.MessageID == nil || *rejected.MessageID != "T1!" || len(conn.texts) != 1 || conn.texts[0] != ada+" later" {
		t.Errorf("%+v, %v, texts %v", rejected, err, conn.texts)
	}
	conn.textErr = wa.NewError(wa.ReasonRateLimited, "too many messages")
	var e *wa.Error
	if _, err = s.RejectCall(ctx, "C3", ada, "later", ""); !errors.As(err, &e) || e.Reason != wa.ReasonRateLimited || e.Message != "the call was rejected, the text was not sent: too many messages" {
		t.Errorf("a text that was refused: %v", err)
	}
	conn.textErr = errors.New("other")
	if _, err = s.RejectCall(ctx, "C4", ada, "later", ""); !errors.Is(err, conn.textErr) {
		t.Errorf("a text that failed: %v", err)
	}
}

func TestRefreshReportsItsParts(t *testing.T) {
	t.Parallel()
	s, conn := newLiveService(t)
	ctx := conn.Deadline()
	if got, err := s.Refresh(ctx, RefreshOptions{}); err != nil || got.AppState != nil || got.PreKeys != nil || got.Privacy != nil {
		t.Errorf("nothing: %+v, %v", got, err)
	}
	got, err := s.Refresh(ctx, RefreshOptions{AppState: true, PreKeys: true, Privacy: true})
	must(t, err)
	if len(got.AppState) != len(appstate.AllPatchNames) || len(conn.fetched) != len(appstate.AllPatchNames) || got.PreKeys.Err != nil || got.PreKeys.ServerCount == 0 || got.Privacy.Err != nil {
		t.Errorf("%+v of %v", got, conn.fetched)
	}
	for i, report := range got.AppState {
		if report.Name != string(appstate.AllPatchNames[i]) || report.Err != nil || report.RecoveryRequested {
			t.Errorf("%+v", report)
		}
	}
	conn.fetchErr = errors.New("cannot be decoded")
	if got, err = s.Refresh(ctx, RefreshOptions{AppState: true}); err != nil || !errors.Is(got.AppState[0].Err, conn.fetchErr) || got.AppState[0].RecoveryRequested {
		t.Errorf("a collection that fails: %+v, %v", got, err)
	}
	if got, err = s.Refresh(ctx, RefreshOptions{AppState: true, RequestRecovery: true}); err != nil || !got.AppState[0].RecoveryRequested || len(got.AppState) != len(appstate.AllPatchNames) {
		t.Errorf("with a request to the phone: %+v, %v", got, err)
	}
	end := conn.RefuseRequests(500)
	defer end()
	if got, err = s.Refresh(ctx, RefreshOptions{PreKeys: true, Privacy: true}); err != nil || got.PreKeys.Err == nil || got.PreKeys.Uploaded || got.Privacy.Err == nil {
		t.Errorf("refused parts: %+v, %v", got, err)
	}
}

func TestAppStateIsFetchedByName(t *testing.T) {
	t.Parallel()
	s, conn := newLiveService(t)
	ctx := conn.Deadline()
	id, reports, err := s.FetchAppState(ctx, AppStateOptions{Names: []string{"regular", "critical_block", "regular"}, Incremental: true})
	must(t, err)
	if want := []appstate.WAPatchName{appstate.WAPatchCriticalBlock, appstate.WAPatchRegular}; !slices.Equal(conn.fetched, want) || len(reports) != 2 || reports[1].Name != "regular" {
		t.Errorf("fetched %v, reports %+v", conn.fetched, reports)
	}
	if len(id) != 32 || conn.options != (statesync.FetchOptions{RequestID: id}) {
		t.Errorf("request %q, options %+v", id, conn.options)
	}
	conn.fetchErr = errors.New("cannot be decoded")
	other, reports, err := s.FetchAppState(ctx, AppStateOptions{RequestRecovery: true})
	must(t, err)
	if len(reports) != len(appstate.AllPatchNames) || other == id || !conn.options.Full || len(conn.recovered) != len(reports) || conn.recovered[0] != reports[0].Name+" "+other || !reports[0].RecoveryRequested {
		t.Errorf("a full read that fails: %+v, options %+v, recovered %v", reports, conn.options, conn.recovered)
	}
	conn.recoveryErr = errors.New("not sent")
	if _, reports, err = s.FetchAppState(ctx, AppStateOptions{Names: []string{"regular"}, RequestRecovery: true}); err != nil || reports[0].RecoveryRequested {
		t.Errorf("a request that is not sent: %+v, %v", reports, err)
	}
	fetched := len(conn.fetched)
	var e *wa.Error
	if _, _, err = s.FetchAppState(ctx, AppStateOptions{Names: []string{"regular", "other"}}); !errors.As(err, &e) || e.Field != "names" || len(conn.fetched) != fetched {
		t.Errorf("an unknown collection: %v", err)
	}
}

func TestRefusedAccountOperations(t *testing.T) {
	t.Parallel()
	s, conn := newLiveService(t)
	ctx, all := conn.Deadline(), "all"
	end := conn.RefuseRequests(405)
	defer end()
	for name, call := range map[string]func() error{
		"profile":        func() error { _, err := s.GetProfile(ctx); return err },
		"about":          func() error { return s.SetAbout(ctx, "x") },
		"picture":        func() error { _, err := s.SetProfilePicture(ctx, nil); return err },
		"link":           func() error { _, err := s.GetContactLink(ctx, false); return err },
		"privacy":        func() error { _, err := s.GetPrivacy(ctx, true); return err },
		"update":         func() error { _, err := s.UpdatePrivacy(ctx, PrivacySettings{LastSeen: &all}); return err },
		"status privacy": func() error { _, err := s.GetStatusPrivacy(ctx); return err },
	} {
		var e *wa.Error
		if err := call(); !errors.As(err, &e) || e.Reason != wa.ReasonForbidden || e.WACode != 405 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPrivacySettingsAreAlikeEverywhere compares the settings that are written with the documented fields and values.
func TestPrivacySettingsAreAlikeEverywhere(t *testing.T) {
	t.Parallel()
	documented := reflect.TypeFor[PrivacySettings]()
	if documented.NumField() != len(privacyFields) {
		t.Fatalf("%d of %d settings are written", len(privacyFields), documented.NumField())
	}
	for i, field := range privacyFields {
		name, values := documented.Field(i).Tag.Get("json"), strings.TrimPrefix(documented.Field(i).Tag.Get("rpc"), "enum=")
		if field.field != name || strings.Join(field.allowed, "|") != values {
			t.Errorf("%s with %v is written, %s with %s is documented", field.field, field.allowed, name, values)
		}
		var change PrivacySettings
		value := "x"
		reflect.ValueOf(&change).Elem().Field(i).Set(reflect.ValueOf(&value))
		if field.value(&change) != &value {
			t.Errorf("%s is written with the value of another setting", name)
		}
	}
}
