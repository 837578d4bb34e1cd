package bridge

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge/wa"
)

func TestProxy(t *testing.T) {
	stored := Proxy{Enabled: true, URL: "socks5://me:geheim@proxy.example:1080"}
	masked := stored.Masked()
	if strings.Contains(masked.URL, "geheim") || !strings.Contains(masked.URL, "me:***@proxy.example:1080") {
		t.Errorf("masked: %s", masked.URL)
	}
	for name, c := range map[string]struct {
		change Proxy
		want   string
		bad    bool
	}{
		"off keeps the address":  {Proxy{}, stored.URL, false},
		"masked means unchanged": {Proxy{true, masked.URL}, stored.URL, false},
		"new address":            {Proxy{true, "http://other.example:3128"}, "http://other.example:3128", false},
		"foreign mask":           {Proxy{true, "http://me:***@other.example"}, "", true},
		"scheme":                 {Proxy{true, "ftp://other.example"}, "", true},
		"no host":                {Proxy{true, "http://"}, "", true},
		"nonsense":               {Proxy{true, "::"}, "", true},
		"too long":               {Proxy{true, "http://" + strings.Repeat("a", 3000)}, "", true},
	} {
		got, err := stored.merge(c.change)
		if (err != nil) != c.bad || err == nil && got.URL != c.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: the error tells the password", name)
		}
	}
	if _, err := (Proxy{}).merge(Proxy{Enabled: true}); wa.ReasonOf(err) != wa.ReasonBadParam {
		t.Errorf("on without an address: %v", err)
	}
}

func TestSettingsApply(t *testing.T) {
	yes, decline, wrong := true, "decline", "never"
	got, err := DefaultSettings().Apply(SettingsPatch{SkipGroups: &yes, CallRejectReason: &decline, SkipGlobal: &[]string{"sqs", "redis", "sqs"}})
	if err != nil || !got.SkipGroups || !got.AutoReconnect || got.CallRejectReason != "declined" || strings.Join(got.SkipGlobal, " ") != "redis sqs" || got.Dialect != "digigo" {
		t.Errorf("%+v, %v", got, err)
	}
	no := false
	before := slices.Clone(got.SkipGlobal)
	flags := SettingsPatch{SkipGlobalFlags: map[string]*bool{"webhook": &yes, "amqp": &yes, "sqs": &no, "media_storage": nil, "redis": &yes, "websocket": &no}}
	changed, err := got.Apply(flags)
	if err != nil || strings.Join(changed.SkipGlobal, " ") != "amqp redis webhook" || !slices.Equal(got.SkipGlobal, before) {
		t.Errorf("%+v of %v, %v", changed, got.SkipGlobal, err)
	}
	flags.SkipGlobal = &[]string{"websocket", "media_storage"}
	if changed, err = got.Apply(flags); err != nil || strings.Join(changed.SkipGlobal, " ") != "amqp media_storage redis webhook" {
		t.Errorf("beside a list: %+v, %v", changed, err)
	}
	for field, patch := range map[string]SettingsPatch{
		"skip_global_flags/pigeon": {SkipGlobalFlags: map[string]*bool{"pigeon": &no}}, "call_reject_reason": {CallRejectReason: &wrong}, "skip_global": {SkipGlobal: &[]string{"pigeon"}}, "dialect": {Dialect: &wrong},
	} {
		var e *wa.Error
		if _, err = DefaultSettings().Apply(patch); !errors.As(err, &e) || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestNewRowNamesTheBadField(t *testing.T) {
	wrong := "never"
	for field, p := range map[string]CreateParams{
		"session_id":                  {ID: "a/b"},
		"name":                        {Name: strings.Repeat("n", 256)},
		"settings/call_reject_reason": {Settings: SettingsPatch{CallRejectReason: &wrong}},
		"proxy/url":                   {Proxy: Proxy{Enabled: true, URL: "gopher://x"}},
		"client_profile/version":      {Profile: &ClientProfile{Version: "one"}},
		"client_profile/browser":      {Profile: &ClientProfile{Browser: "LYNX"}},
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
