package account

import (
	"errors"
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge/wa"
)

// Parameters are checked before a connection is asked for, so these calls need no session.
func TestOperationsNameTheBadParameter(t *testing.T) {
	const ada = "15550001001@s.whatsapp.net"
	s := &Service{}
	ctx, bad := t.Context(), "sometimes"
	for name, tc := range map[string]struct {
		field string
		call  func() error
	}{
		"own name":      {"name", func() error { return s.SetPushName(ctx, strings.Repeat("x", 26)) }},
		"about":         {"about", func() error { return s.SetAbout(ctx, strings.Repeat("x", 140)) }},
		"privacy":       {"last_seen", func() error { _, err := s.UpdatePrivacy(ctx, PrivacySettings{LastSeen: &bad}); return err }},
		"no privacy":    {"", func() error { _, err := s.UpdatePrivacy(ctx, PrivacySettings{}); return err }},
		"default timer": {"disappearing_seconds", func() error { return s.SetDefaultDisappearingTimer(ctx, 10) }},
		"call":          {"call_id", func() error { _, err := s.RejectCall(ctx, "", ada, "", ""); return err }},
		"caller":        {"from", func() error { _, err := s.RejectCall(ctx, "1", "status@broadcast", "", ""); return err }},
	} {
		err := tc.call()
		var named *wa.Error
		if !errors.As(err, &named) || named.Reason != wa.ReasonBadParam || named.Field != tc.field {
			t.Errorf("%s: %v, want a bad %q", name, err, tc.field)
		}
	}
}
