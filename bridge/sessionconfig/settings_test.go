package sessionconfig

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge/wa"
)

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

func TestSettingsAreStored(t *testing.T) {
	got, err := DecodeSettings(`{"skip_groups":true,"auto_reconnect":false}`)
	want := DefaultSettings()
	want.SkipGroups, want.AutoReconnect = true, false
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err = DecodeSettings("{"); err == nil {
		t.Error("damaged settings are read")
	}
}

// TestEchoOfWuzapi checks that a session that requests the echo gets it in wuzapi's formats too, unless it says otherwise.
func TestEchoOfWuzapi(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		patch SettingsPatch
		want  bool
	}{{SettingsPatch{}, false}, {SettingsPatch{EchoAPIMessages: &yes}, true}, {SettingsPatch{EchoAPIMessages: &yes, EchoToWuzapi: &no}, false}} {
		if got, err := DefaultSettings().Apply(c.patch); err != nil || got.EchoToWuzapi != c.want {
			t.Errorf("%+v, %v", got, err)
		}
	}
}
