package digigo

import (
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/shared"
)

type userCreation struct {
	Name       string                 `rest:"name,required,param=/name"`
	Token      string                 `rest:"token,required,param=/token" doc:"at least 8 characters"`
	Webhook    string                 `rest:"webhook,param=/webhook/url" also:"webhookurl"`
	Events     *eventNames            `rest:"events,param=/webhook/events" doc:"names of events between commas, or All; they count only with a webhook"`
	Echo       *bool                  `rest:"echoApiMessages,param=/settings/echo_api_messages"`
	SkipMedia  *bool                  `rest:"skipMedia,param=/settings/skip_media" also:"skipMediaDownload"`
	Groups     *bool                  `rest:"skipGroups,param=/settings/skip_groups"`
	News       *bool                  `rest:"skipNewsletters,param=/settings/skip_newsletters"`
	Broadcasts *bool                  `rest:"skipBroadcasts,param=/settings/skip_broadcasts"`
	Own        *bool                  `rest:"skipOwnMessages,param=/settings/skip_own_messages"`
	Calls      *bool                  `rest:"skipCalls,param=/settings/reject_calls"`
	CallText   *string                `rest:"callRejectMessage,param=/settings/call_reject_message" doc:"sent to the caller; empty = nothing is sent"`
	CallReason rest.Word[callWords]   `rest:"callRejectType,param=/settings/call_reject_reason" enum:"busy|decline|unavailable" doc:"default busy"`
	Skips      *globalTransports      `rest:"globalTransportSkips,below=/settings"`
	Proxy      *proxyCreation         `rest:"proxyConfig,below=/proxy"`
	Storage    *shared.StorageRequest `rest:"s3Config,below=/storage"`
	RabbitMQ   *rabbitRequest         `rest:"rabbitmqConfig,below=/transports/amqp"`
	Profile    *profileRequest        `rest:"whatsappConfig,below=/client_profile"`
}

type proxyCreation struct {
	Enabled *bool   `rest:"enabled,param=/enabled"`
	URL     *string `rest:"proxyURL,param=/url"`
}

type profileRequest struct {
	Version        *string `rest:"waVersion,param=/version"`
	Platform       *string `rest:"waPlatform,param=/platform" enum:"WEB|ANDROID|IOS"`
	ReleaseChannel *string `rest:"waReleaseChannel,param=/release_channel" enum:"RELEASE|BETA"`
	WebSubPlatform *string `rest:"waWebSubPlatform,param=/web_sub_platform" enum:"WEB_BROWSER|DARWIN"`
	OSName         *string `rest:"waOSName,param=/os_name"`
	OSVersion      *string `rest:"waOSVersion,param=/os_version"`
	DeviceName     *string `rest:"waDeviceName,param=/device_name"`
	Manufacturer   *string `rest:"waManufacturer,param=/manufacturer"`
	DeviceBoard    *string `rest:"waDeviceBoard,param=/device_board"`
	Locale         *string `rest:"waLocaleLanguage,param=/locale"`
	Country        *string `rest:"waLocaleCountry,param=/country"`
	MCC            *string `rest:"waMCC,param=/mcc"`
	MNC            *string `rest:"waMNC,param=/mnc"`
	ConnectType    *string `rest:"waConnectType,param=/connect_type" enum:"WIFI_UNKNOWN|CELLULAR_LTE|CELLULAR_3G|CELLULAR_2G"`
	PlatformType   *string `rest:"waPlatformType,param=/browser" enum:"DESKTOP|CHROME|FIREFOX|SAFARI|EDGE"`
}

// CompleteParams implements rest.Completer.
func (in *userCreation) CompleteParams(p rest.Params) error {
	if in.Webhook == "" {
		delete(p, "webhook")
	}
	if in.RabbitMQ != nil && in.RabbitMQ.onlySwitchesOff() {
		delete(p, "transports") // which need an address, even if they are off
	}
	settings, given := p["settings"].(rest.Params)
	if !given {
		settings = rest.Params{}
		p["settings"] = settings
	}
	if in.Echo == nil {
		settings["echo_api_messages"] = false
	}
	if in.CallText == nil {
		settings["call_reject_message"] = defaultRejection
	}
	if in.CallReason == "" {
		settings["call_reject_reason"] = "busy"
	}
	return nil
}

type userCreated struct {
	ID         string                   `json:"id" from:"/session/session_id"`
	Name       string                   `json:"name" from:"/session/name"`
	Token      string                   `json:"token" from:"/token"`
	Echo       bool                     `json:"echoApiMessages" from:"/session/settings/echo_api_messages"`
	SkipMedia  bool                     `json:"skipMediaDownload" from:"/session/settings/skip_media"`
	Groups     bool                     `json:"skipGroups" from:"/session/settings/skip_groups"`
	News       bool                     `json:"skipNewsletters" from:"/session/settings/skip_newsletters"`
	Broadcasts bool                     `json:"skipBroadcasts" from:"/session/settings/skip_broadcasts"`
	Own        bool                     `json:"skipOwnMessages" from:"/session/settings/skip_own_messages"`
	Skips      skippedTransports        `json:"globalTransportSkips" from:"/session/settings"`
	FromAPI    bool                     `json:"isFromAPI" doc:"always false"`
	Calls      bool                     `json:"skipCalls" from:"/session/settings/reject_calls"`
	CallText   string                   `json:"callRejectMessage" from:"/session/settings/call_reject_message"`
	CallReason rest.Word[callWords]     `json:"callRejectType" from:"/session/settings/call_reject_reason"`
	Webhook    string                   `json:"webhook" from:"/session/webhooks/0/url"`
	Events     joinedList               `json:"events" from:"/session/webhooks/0/events"`
	Proxy      createdProxy             `json:"proxyConfig" from:"/session/proxy"`
	Storage    shared.MaskedStorage     `json:"s3Config" from:"/session/storage"`
	RabbitMQ   shownRabbit[tableObject] `json:"rabbitmqConfig" from:"/session/transports/amqp"`
	Profile    createdProfile           `json:"whatsappConfig" from:"/session/client_profile"`
}

type createdProxy struct {
	Enabled bool   `json:"enabled" from:"/enabled"`
	URL     string `json:"proxyURL" from:"/url"`
}

type createdProfile struct {
	Version        string `json:"waVersion" from:"/version"`
	Platform       string `json:"waPlatform" from:"/platform"`
	ReleaseChannel string `json:"waReleaseChannel" from:"/release_channel"`
	WebSubPlatform string `json:"waWebSubPlatform" from:"/web_sub_platform"`
	OSName         string `json:"waOsName" from:"/os_name"`
	OSVersion      string `json:"waOsVersion" from:"/os_version"`
	DeviceName     string `json:"waDeviceName" from:"/device_name"`
	Manufacturer   string `json:"waManufacturer" from:"/manufacturer"`
	DeviceBoard    string `json:"waDeviceBoard" from:"/device_board"`
	Locale         string `json:"waLocaleLanguage" from:"/locale"`
	Country        string `json:"waLocaleCountry" from:"/country"`
	MCC            string `json:"waMcc" from:"/mcc"`
	MNC            string `json:"waMnc" from:"/mnc"`
	ConnectType    string `json:"waConnectType" from:"/connect_type"`
	PlatformType   string `json:"waPlatformType" from:"/browser"`
}

// ToReply implements rest.Replier.
func (u *userCreated) ToReply() (*rest.Reply, error) { return answeredCreated(u) }
