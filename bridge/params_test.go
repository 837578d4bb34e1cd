package bridge

import (
	"errors"
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge/proxy"
	"github.com/waystation/waystation/bridge/sessionconfig"
	"github.com/waystation/waystation/bridge/wa"
)

func TestNewRowNamesTheBadField(t *testing.T) {
	wrong := "never"
	for field, p := range map[string]CreateParams{
		"session_id":                  {ID: "a/b"},
		"name":                        {Name: strings.Repeat("n", 256)},
		"settings/call_reject_reason": {Settings: sessionconfig.SettingsPatch{CallRejectReason: &wrong}},
		"proxy/url":                   {Proxy: proxy.Proxy{Enabled: true, URL: "gopher://x"}},
		"client_profile/version":      {Profile: &sessionconfig.ClientProfile{Version: "one"}},
		"client_profile/browser":      {Profile: &sessionconfig.ClientProfile{Browser: "LYNX"}},
	} {
		var e *wa.Error
		if _, err := newRow(p); !errors.As(err, &e) || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	row, err := newRow(CreateParams{})
	if err != nil || len(row.ID) != 26 || row.Name != row.ID {
		t.Errorf("generated: %+v, %v", row, err)
	}
}
