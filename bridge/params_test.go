package bridge

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge/wa"
)

func TestParseJID(t *testing.T) {
	for in, want := range map[string]string{
		"4915112345678":                   "4915112345678@s.whatsapp.net",
		"+4915112345678":                  "4915112345678@s.whatsapp.net",
		"4915112345678@c.us":              "4915112345678@s.whatsapp.net",
		"4915112345678@s.whatsapp.net":    "4915112345678@s.whatsapp.net",
		"4915112345678:12@s.whatsapp.net": "4915112345678@s.whatsapp.net",
		"123456789012:3@lid":              "123456789012@lid",
		"120363000000000001@g.us":         "120363000000000001@g.us",
		"4915112345678-1400000000@g.us":   "4915112345678-1400000000@g.us",
		"status@broadcast":                "status@broadcast",
		"120363000000000001@newsletter":   "120363000000000001@newsletter",
	} {
		got, err := wa.ParseJID("to", in)
		if err != nil || got.String() != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{
		"", "0151123456", "12", "+", "++4915112345678", "49 151", "abc", "@s.whatsapp.net", "abc@s.whatsapp.net", "x@g.us",
		"123@example.com", "4915112345678@", strings.Repeat("1", 200), strings.Repeat("1", 16), "1@2@3", "123-@g.us", "x@broadcast",
		"123@lid\x00", "१२३४५६७८",
	} {
		_, err := wa.ParseJID("to", in)
		var e *wa.Error
		if !errors.As(err, &e) || e.Reason != wa.ReasonBadParam || e.Field != "to" {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// A bad sender is refused even when nothing is unread and nobody would ask for it.
func TestMarkReadRefusesABadSenderFirst(t *testing.T) {
	for _, sender := range []string{"x@g.us", "1@example.com"} {
		_, err := (&Session{}).toRead(t.Context(), adaPN, &MarkRead{Sender: sender})
		var e *wa.Error
		if !errors.As(err, &e) || e.Reason != wa.ReasonBadParam || e.Field != "sender" {
			t.Errorf("%s: %v", sender, err)
		}
	}
}

func FuzzParseJID(f *testing.F) {
	for _, seed := range []string{"4915112345678", "1:2@lid", "status@broadcast", "1.0:1@s.whatsapp.net", "@", "1-2@g.us"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		jid, err := wa.ParseJID("to", in)
		if err != nil {
			return
		}
		again, err := wa.ParseJID("to", jid.String())
		if err != nil || again != jid {
			t.Errorf("%q became %v, and that %v (%v)", in, jid, again, err)
		}
	})
}

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
