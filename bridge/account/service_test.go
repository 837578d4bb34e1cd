package account

import (
	"context"
	"errors"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/statesync"
	"github.com/waystation/waystation/bridge/wa"
)

// fakeConn is a session without a connection.
type fakeConn struct{ *conntest.Conn }

func (fakeConn) Identity() Identity { return Identity{JID: conntest.Own} }

func (fakeConn) SettingAvailability(*whatsmeow.Client) {}
func (fakeConn) StaysUnavailable() bool                { return false }

func (fakeConn) FetchAppState(context.Context, *whatsmeow.Client, appstate.WAPatchName, statesync.FetchOptions) error {
	return nil
}

func (fakeConn) RequestRecovery(context.Context, *whatsmeow.Client, appstate.WAPatchName, string) error {
	return nil
}

func (fakeConn) SendText(context.Context, string, string, string) (string, error) { return "id", nil }

func TestOperationsNeedAConnection(t *testing.T) {
	conn := conntest.NewConn(t)
	s := NewService(fakeConn{conn})
	ctx, ada, all := t.Context(), conntest.Ada.String(), "all"
	for name, call := range map[string]func() error{
		"profile":        func() error { _, err := s.GetProfile(ctx); return err },
		"about":          func() error { return s.SetAbout(ctx, "x") },
		"picture":        func() error { _, err := s.SetProfilePicture(ctx, nil); return err },
		"link":           func() error { _, err := s.GetContactLink(ctx, false); return err },
		"privacy":        func() error { _, err := s.GetPrivacy(ctx, true); return err },
		"update":         func() error { _, err := s.UpdatePrivacy(ctx, PrivacySettings{LastSeen: &all}); return err },
		"status privacy": func() error { _, err := s.GetStatusPrivacy(ctx); return err },
		"timer":          func() error { return s.SetDefaultDisappearingTimer(ctx, 86400) },
		"presence":       func() error { return s.SetAvailability(ctx, true) },
		"chat state":     func() error { return s.SetChatState(ctx, ada, ChatStateComposing) },
		"subscribe":      func() error { _, err := s.SubscribePresence(ctx, []string{ada}); return err },
		"call":           func() error { _, err := s.RejectCall(ctx, "1", ada, "", ""); return err },
		"refresh":        func() error { _, err := s.Refresh(ctx, RefreshOptions{Privacy: true}); return err },
		"name":           func() error { return s.SetPushName(ctx, "x") },
	} {
		if err := call(); wa.ReasonOf(err) != wa.ReasonNotConnected {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(conn.Operation) != 1 || conn.Operation[0] != "change the name" {
		t.Errorf("changes of the synchronised settings: %v", conn.Operation)
	}
	if conn.Timer != 0 {
		t.Errorf("the timer %v was stored without a connection", conn.Timer)
	}
}

func TestUpdatePrivacyChecksEachSetting(t *testing.T) {
	s := NewService(fakeConn{conntest.NewConn(t)})
	bad := "sometimes"
	seen := map[string]bool{}
	for _, field := range privacyFields {
		change := PrivacySettings{}
		for _, target := range []**string{
			&change.GroupAdd, &change.LastSeen, &change.Status, &change.Profile, &change.ReadReceipts, &change.Online, &change.CallAdd,
			&change.Messages, &change.Defense, &change.Stickers,
		} {
			*target = &bad
			if field.value(&change) != nil {
				break
			}
			*target = nil
		}
		_, err := s.UpdatePrivacy(t.Context(), change)
		var named *wa.Error
		if !errors.As(err, &named) || named.Reason != wa.ReasonBadParam || named.Field != field.field {
			t.Errorf("%s: %v", field.field, err)
		}
		seen[field.field] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d settings, want 10", len(seen))
	}
}

func TestPrivacySettingsHaveNullsForUnknownValues(t *testing.T) {
	got := newPrivacySettings(&types.PrivacySettings{LastSeen: types.PrivacySettingContacts, Online: types.PrivacySettingMatchLastSeen})
	if *got.LastSeen != "contacts" || *got.Online != "match_last_seen" || got.GroupAdd != nil || got.Stickers != nil {
		t.Errorf("%+v", got)
	}
}
