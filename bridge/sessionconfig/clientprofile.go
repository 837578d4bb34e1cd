package sessionconfig

import (
	"strings"

	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/store"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/wa"
)

// ClientProfile is the device identity that a session presents to WhatsApp. An empty field keeps the default. The
// profile matters most while pairing: the phone stores the name and browser it receives then.
type ClientProfile struct {
	Version        string `json:"version,omitempty"`          // WhatsApp Web version, three numbers
	Platform       string `json:"platform,omitempty"`         // a ClientPayload platform, e.g. WEB, MACOS
	WebSubPlatform string `json:"web_sub_platform,omitempty"` // a ClientPayload sub-platform, e.g. WEB_BROWSER, DARWIN
	ReleaseChannel string `json:"release_channel,omitempty"`  // RELEASE, BETA, ALPHA or DEBUG
	OSName         string `json:"os_name,omitempty"`
	OSVersion      string `json:"os_version,omitempty"`
	DeviceName     string `json:"device_name,omitempty"`
	Manufacturer   string `json:"manufacturer,omitempty"`
	DeviceBoard    string `json:"device_board,omitempty"`
	Locale         string `json:"locale,omitempty"`  // ISO 639-1
	Country        string `json:"country,omitempty"` // ISO 3166-1 alpha-2
	MCC            string `json:"mcc,omitempty"`     // mobile country code
	MNC            string `json:"mnc,omitempty"`     // mobile network code
	ConnectType    string `json:"connect_type,omitempty"`
	Browser        string `json:"browser,omitempty"` // a companion platform, e.g. CHROME, SAFARI
}

const maxProfileField = 64 // characters

// Check rejects values that a login payload cannot carry.
func (p *ClientProfile) Check() error {
	for field, value := range map[string]string{
		"version": p.Version, "platform": p.Platform, "web_sub_platform": p.WebSubPlatform, "device_board": p.DeviceBoard, "release_channel": p.ReleaseChannel, "os_name": p.OSName,
		"os_version": p.OSVersion, "device_name": p.DeviceName, "manufacturer": p.Manufacturer, "locale": p.Locale,
		"country": p.Country, "mcc": p.MCC, "mnc": p.MNC, "connect_type": p.ConnectType, "browser": p.Browser,
	} {
		if len(value) > maxProfileField {
			return wa.BadParam("client_profile/"+field, "is longer than %d characters", maxProfileField)
		}
	}
	if p.Version != "" {
		if _, err := store.ParseVersion(p.Version); err != nil {
			return wa.BadParam("client_profile/version", "is not three numbers with dots")
		}
	}
	for _, e := range []struct {
		field, value string
		known        map[string]int32
	}{
		{"platform", p.Platform, waWa6.ClientPayload_UserAgent_Platform_value},
		{"web_sub_platform", p.WebSubPlatform, waWa6.ClientPayload_WebInfo_WebSubPlatform_value},
		{"release_channel", p.ReleaseChannel, waWa6.ClientPayload_UserAgent_ReleaseChannel_value},
		{"connect_type", p.ConnectType, waWa6.ClientPayload_ConnectType_value},
		{"browser", p.Browser, waCompanionReg.DeviceProps_PlatformType_value},
	} {
		if e.value == "" {
			continue
		}
		if _, ok := e.known[strings.ToUpper(e.value)]; !ok {
			return wa.BadParam("client_profile/"+e.field, "%q is not known", e.value)
		}
	}
	return nil
}

// Apply writes the profile into a login or registration payload. The phone shows name if the profile has no operating
// system.
func (p *ClientProfile) Apply(payload *waWa6.ClientPayload, name string) {
	if p == nil {
		p = &ClientProfile{}
	}
	agent := payload.GetUserAgent()
	if version, err := store.ParseVersion(p.Version); err == nil {
		agent.AppVersion = version.ProtoAppVersion()
		if data := payload.GetDevicePairingData(); data != nil {
			hash := version.Hash()
			data.BuildHash = hash[:]
		}
	}
	if v, ok := waWa6.ClientPayload_UserAgent_Platform_value[strings.ToUpper(p.Platform)]; ok {
		agent.Platform = waWa6.ClientPayload_UserAgent_Platform(v).Enum()
	}
	if v, ok := waWa6.ClientPayload_UserAgent_ReleaseChannel_value[strings.ToUpper(p.ReleaseChannel)]; ok {
		agent.ReleaseChannel = waWa6.ClientPayload_UserAgent_ReleaseChannel(v).Enum()
	}
	if v, ok := waWa6.ClientPayload_ConnectType_value[strings.ToUpper(p.ConnectType)]; ok {
		payload.ConnectType = waWa6.ClientPayload_ConnectType(v).Enum()
	}
	if v, ok := waWa6.ClientPayload_WebInfo_WebSubPlatform_value[strings.ToUpper(p.WebSubPlatform)]; ok && payload.WebInfo != nil {
		payload.WebInfo.WebSubPlatform = waWa6.ClientPayload_WebInfo_WebSubPlatform(v).Enum()
	}
	setString(&agent.OsVersion, p.OSVersion)
	setString(&agent.OsBuildNumber, p.OSVersion)
	setString(&agent.Device, p.DeviceName)
	setString(&agent.Manufacturer, p.Manufacturer)
	setString(&agent.DeviceBoard, p.DeviceBoard)
	setString(&agent.LocaleLanguageIso6391, p.Locale)
	setString(&agent.LocaleCountryIso31661Alpha2, p.Country)
	setString(&agent.Mcc, p.MCC)
	setString(&agent.Mnc, p.MNC)
	if data := payload.GetDevicePairingData(); data != nil {
		data.DeviceProps = p.deviceProps(name)
	}
}

func (p *ClientProfile) deviceProps(name string) []byte {
	props := proto.Clone(store.DeviceProps).(*waCompanionReg.DeviceProps)
	props.Os = proto.String(name)
	setString(&props.Os, p.OSName)
	if v, ok := waCompanionReg.DeviceProps_PlatformType_value[strings.ToUpper(p.Browser)]; ok {
		props.PlatformType = waCompanionReg.DeviceProps_PlatformType(v).Enum()
	}
	encoded, err := proto.Marshal(props)
	if err != nil {
		encoded, _ = proto.Marshal(store.DeviceProps)
	}
	return encoded
}

func setString(field **string, value string) {
	if value != "" {
		*field = proto.String(value)
	}
}
