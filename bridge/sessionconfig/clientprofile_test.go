package sessionconfig

import (
	"errors"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/store"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/wa"
)

func TestProfileNamesTheBadField(t *testing.T) {
	for field, p := range map[string]ClientProfile{
		"version": {Version: "2.3000"}, "platform": {Platform: "TOASTER"}, "web_sub_platform": {WebSubPlatform: "FRIDGE"}, "device_board": {DeviceBoard: strings.Repeat("x", 65)}, "release_channel": {ReleaseChannel: "NIGHTLY"}, "connect_type": {ConnectType: "PIGEON"},
		"browser": {Browser: "LYNX"}, "os_name": {OSName: strings.Repeat("x", 65)}, "mnc": {MNC: strings.Repeat("1", 65)},
	} {
		var e *wa.Error
		if err := p.Check(); !errors.As(err, &e) || e.Field != "client_profile/"+field {
			t.Errorf("%s: %v", field, err)
		}
	}
	full := ClientProfile{Version: "2.3000.1", Platform: "macos", ReleaseChannel: "beta", ConnectType: "wifi_unknown", Browser: "safari", OSName: "Linux"}
	if err := full.Check(); err != nil {
		t.Error(err)
	}
}

// payload returns a registration payload like whatsmeow's.
func payload() *waWa6.ClientPayload {
	return &waWa6.ClientPayload{
		UserAgent:         &waWa6.ClientPayload_UserAgent{Platform: waWa6.ClientPayload_UserAgent_WEB.Enum(), OsVersion: proto.String("0.1"), Mcc: proto.String("000")},
		WebInfo:           &waWa6.ClientPayload_WebInfo{WebSubPlatform: waWa6.ClientPayload_WebInfo_WEB_BROWSER.Enum()},
		DevicePairingData: &waWa6.ClientPayload_DevicePairingRegistrationData{BuildHash: []byte("old")},
	}
}

func props(t *testing.T, p *waWa6.ClientPayload) *waCompanionReg.DeviceProps {
	t.Helper()
	var out waCompanionReg.DeviceProps
	if err := proto.Unmarshal(p.GetDevicePairingData().GetDeviceProps(), &out); err != nil {
		t.Fatal(err)
	}
	return &out
}

func TestProfileChangesThePayload(t *testing.T) {
	p := payload()
	profile := &ClientProfile{
		Version: "2.3000.7", Platform: "macos", ReleaseChannel: "beta", OSName: "Plan 9", OSVersion: "4", DeviceName: "Desk", Manufacturer: "Acme", WebSubPlatform: "darwin", DeviceBoard: "B-1",
		Locale: "de", Country: "AT", MCC: "232", MNC: "01", ConnectType: "wifi_unknown", Browser: "safari",
	}
	profile.Apply(p, "Waystation")
	agent := p.GetUserAgent()
	if agent.GetAppVersion().GetTertiary() != 7 || agent.GetPlatform() != waWa6.ClientPayload_UserAgent_MACOS || agent.GetReleaseChannel() != waWa6.ClientPayload_UserAgent_BETA ||
		agent.GetOsVersion() != "4" || agent.GetOsBuildNumber() != "4" || agent.GetDevice() != "Desk" || agent.GetManufacturer() != "Acme" ||
		agent.GetLocaleLanguageIso6391() != "de" || agent.GetLocaleCountryIso31661Alpha2() != "AT" || agent.GetMcc() != "232" || agent.GetMnc() != "01" ||
		agent.GetDeviceBoard() != "B-1" || p.GetWebInfo().GetWebSubPlatform() != waWa6.ClientPayload_WebInfo_DARWIN ||
		p.GetConnectType() != waWa6.ClientPayload_WIFI_UNKNOWN || string(p.GetDevicePairingData().GetBuildHash()) == "old" {
		t.Errorf("payload %v", p)
	}
	if got := props(t, p); got.GetOs() != "Plan 9" || got.GetPlatformType() != waCompanionReg.DeviceProps_SAFARI {
		t.Errorf("device %v", got)
	}
	login := &waWa6.ClientPayload{UserAgent: &waWa6.ClientPayload_UserAgent{}} // as one without web information
	profile.Apply(login, "Waystation")
	if login.DevicePairingData != nil {
		t.Error("a login became a registration")
	}
}

func TestNoProfileKeepsTheDefaults(t *testing.T) {
	before, p := payload(), payload()
	(*ClientProfile)(nil).Apply(p, "Waystation")
	if !proto.Equal(before.UserAgent, p.UserAgent) || !proto.Equal(before.WebInfo, p.WebInfo) || string(p.GetDevicePairingData().GetBuildHash()) != "old" {
		t.Errorf("payload %v", p)
	}
	if got := props(t, p); got.GetOs() != "Waystation" || got.GetPlatformType() != store.DeviceProps.GetPlatformType() {
		t.Errorf("device %v", got)
	}
}
