package groups

import (
	"errors"
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge/wa"
)

// TestOperationsNameTheBadParameter calls operations without a session: parameters are checked before a connection is
// requested.
func TestOperationsNameTheBadParameter(t *testing.T) {
	s := &Service{}
	ctx := t.Context()
	bad, ten := "sometimes", 10
	group, long := teamID.String(), strings.Repeat("ä", 101)
	for name, tc := range map[string]struct {
		field string
		call  func() error
	}{
		"name of a new group": {"name", func() error { _, err := s.Create(ctx, GroupCreate{Name: " "}); return err }},
		"long name":           {"name", func() error { return s.SetName(ctx, group, long) }},
		"third participant": {"participants/2", func() error {
			_, err := s.Create(ctx, GroupCreate{Name: "x", Participants: []string{"15550001001", adaLID.String(), group}})
			return err
		}},
		"community": {"community", func() error {
			_, err := s.Create(ctx, GroupCreate{Name: "x", Community: adaPN.String()})
			return err
		}},
		"timer of a new group": {"disappearing_seconds", func() error {
			_, err := s.Create(ctx, GroupCreate{Name: "x", GroupSettings: GroupSettings{DisappearingSeconds: &ten}})
			return err
		}},
		"group that is a person": {"group", func() error { return s.Leave(ctx, adaPN.String()) }},
		"description":            {"description", func() error { return s.SetDescription(ctx, group, strings.Repeat("x", 2049)) }},
		"member_add_mode": {"member_add_mode", func() error {
			_, err := s.UpdateSettings(ctx, group, GroupSettings{MemberAddMode: &bad})
			return err
		}},
		"no setting":     {"", func() error { _, err := s.UpdateSettings(ctx, group, GroupSettings{}); return err }},
		"action":         {"action", func() error { _, err := s.UpdateParticipants(ctx, group, "kick", nil); return err }},
		"no participant": {"participants", func() error { _, err := s.UpdateParticipants(ctx, group, "add", nil); return err }},
		"decision":       {"action", func() error { _, err := s.UpdateJoinRequests(ctx, group, "add", nil); return err }},
		"invite":         {"invite", func() error { _, _, err := s.Join(ctx, "https://example.com/x"); return err }},
	} {
		err := tc.call()
		var named *wa.Error
		if !errors.As(err, &named) || named.Reason != wa.ReasonBadParam || named.Field != tc.field {
			t.Errorf("%s: %v, want a bad %q", name, err, tc.field)
		}
	}
}
