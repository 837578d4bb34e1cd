package digigo

import (
	"slices"

	"github.com/waystation/waystation/server/rest"
)

// settings is the part of session.getSettings and session.updateSettings that the toggles use.
type settings struct {
	Settings map[string]any
	Server   struct {
		SkipMedia bool `json:"skip_media"`
	}
}

func (s *settings) on(name string) bool {
	on, _ := s.Settings[name].(bool)
	return on
}

func getSettings(x *rest.Exchange) (s settings, err error) {
	return s, x.Call("session.getSettings", nil, &s)
}

func updateSettings(x *rest.Exchange, change rest.Params) (s settings, err error) {
	return s, x.Call("session.updateSettings", change, &s)
}

// toggle is a setting that is on or off, with a path of its own.
type toggle struct {
	path, setting string
	// key names it in the answer to a change, shown in the answer to a question.
	key, shown string
	name       string // in texts
	options    []rest.Option
}

var toggles = []toggle{
	{"/session/skipmedia/config", "skip_media", "SkipMediaDownload", "UserSkipMediaDownload", "Skip media download", nil},
	{"/session/skipgroups/config", "skip_groups", "SkipGroups", "UserSkipGroups", "Skip groups", nil},
	{"/session/skipnewsletters/config", "skip_newsletters", "SkipNewsletters", "SkipNewsletters", "Skip newsletters", nil},
	{"/session/skipbroadcasts/config", "skip_broadcasts", "SkipBroadcasts", "SkipBroadcasts", "Skip broadcasts", nil},
	{"/session/skipownmessages/config", "skip_own_messages", "SkipOwnMessages", "SkipOwnMessages", "Skip own messages", nil},
	{"/session/presence/config", "unavailable_after_connect", "AutoPresenceUnavailable", "AutoPresenceUnavailable", "Auto presence unavailable", nil},
	{"/session/echo/api", "echo_api_messages", "EchoAPIMessages", "EchoAPIMessages", "Echo API messages", []rest.Option{rest.Family(familyEcho)}},
}

func settingRoutes() []rest.Route {
	routes := []rest.Route{
		rest.Row("POST", "/session/skipcalls/config", "session.updateSettings session.getSettings", setSkipCalls, rest.NeedsBody(), rest.Says("Skip calls configuration updated successfully"),
			rest.Reads[skipCallsAnswer]("session.updateSettings"), rest.Reads[rejection]("session.getSettings")),
		rest.Pass[rest.None, skipCallsAnswer]("GET", "/session/skipcalls/config", "session.getSettings", rest.Says("Skip calls configuration retrieved successfully")),
		rest.Pass[globalTransports, globalTransportsAnswer]("POST", "/session/globaltransports/config", "session.updateSettings", rest.NeedsBody(),
			rest.Says("Global transport skip configuration updated successfully"), rest.FailText("failed to update transport configuration")),
		rest.Pass[rest.None, globalTransportsAnswer]("GET", "/session/globaltransports/config", "session.getSettings",
			rest.Says("Global transport skip configuration retrieved successfully"), rest.FailText("failed to load user configuration")),
	}
	for _, t := range toggles {
		routes = append(routes, t.routes()...)
	}
	return routes
}

type toggleRequest struct {
	Enabled bool `rest:"enabled,required"`
}

func (t toggle) routes() []rest.Route {
	set := func(x *rest.Exchange, in *toggleRequest) (map[string]any, error) {
		s, err := updateSettings(x, rest.Params{t.setting: in.Enabled})
		return map[string]any{"Details": t.name + " configuration updated successfully", t.key: s.on(t.setting)}, err
	}
	get := func(x *rest.Exchange, _ *rest.None) (map[string]any, error) {
		s, err := getSettings(x)
		answer := map[string]any{"Details": t.name + " configuration retrieved successfully", t.shown: s.on(t.setting)}
		switch t.setting {
		case "skip_media":
			answer["GlobalSkipMediaDownload"] = s.Server.SkipMedia
		case "echo_api_messages":
			answer["Details"] = t.name + " configuration updated successfully" // also in answers to GET, as documented
		}
		return answer, err
	}
	text := func(verb string) []rest.Option {
		if t.setting != "echo_api_messages" {
			return t.options
		}
		return append(slices.Clone(t.options), rest.FailText("failed to "+verb+" echo api messages configuration"))
	}
	return []rest.Route{
		rest.Row("POST", t.path, "session.updateSettings", set, append(text("update"), rest.NeedsBody())...),
		rest.Row("GET", t.path, "session.getSettings", get, text("get")...),
	}
}

type skipCallsRequest struct {
	Enabled bool    `rest:"enabled,required,param=/reject_calls"`
	Message *string `rest:"reject_message,param=/call_reject_message" doc:"sent to the caller; empty = nothing is sent"`
	Reason  *string `rest:"reject_type,param=/call_reject_reason" bad:"invalid reject_type, must be: busy, declined, or unavailable" enum:"busy|declined|unavailable"`
}

type skipCallsAnswer struct {
	Details   string `from:"="`
	SkipCalls bool   `from:"/settings/reject_calls"`
	rejection
}

type rejection struct {
	RejectMessage string `from:"/settings/call_reject_message"`
	RejectType    string `from:"/settings/call_reject_reason"`
}

// defaultRejection is sent to callers if no text was ever set.
const defaultRejection = "Sorry, I cannot take calls at the moment."

func setSkipCalls(x *rest.Exchange, in *skipCallsRequest) (*skipCallsAnswer, error) {
	change, err := x.Params()
	if err != nil {
		return nil, err
	}
	if in.Message == nil && in.Enabled {
		var now rejection
		if err := x.Read("session.getSettings", nil, &now); err != nil {
			return nil, err
		}
		if now.RejectMessage == "" {
			change["call_reject_message"] = defaultRejection
		}
	}
	answer := &skipCallsAnswer{}
	return answer, x.Read("session.updateSettings", change, answer)
}

// globalTransports are the global transports that a session does not use; absent ones stay as they are.
type globalTransports struct {
	Webhook   *bool `rest:"skipGlobalWebhook,param=/skip_global_flags/webhook"`
	RabbitMQ  *bool `rest:"skipGlobalRabbitMQ,param=/skip_global_flags/amqp"`
	SQS       *bool `rest:"skipGlobalSQS,param=/skip_global_flags/sqs"`
	Redis     *bool `rest:"skipGlobalRedis,param=/skip_global_flags/redis"`
	WebSocket *bool `rest:"skipGlobalWebSocket,param=/skip_global_flags/websocket"`
	S3        *bool `rest:"skipGlobalS3,param=/skip_global_flags/media_storage"`
}

// CompleteParams implements rest.Completer.
func (*globalTransports) CompleteParams(p rest.Params) error {
	if len(p) == 0 {
		return rest.Missing("skipGlobalWebhook", "no fields provided")
	}
	return nil
}

type globalTransportsAnswer struct {
	skippedTransports `from:"/settings"`
	Details           string `json:"details" from:"="`
}

// skippedTransports are the global transports that a session does not use.
type skippedTransports struct {
	Webhook   bool `json:"skipGlobalWebhook" from:"/skip_global,has=webhook"`
	RabbitMQ  bool `json:"skipGlobalRabbitMQ" from:"/skip_global,has=amqp"`
	SQS       bool `json:"skipGlobalSQS" from:"/skip_global,has=sqs"`
	Redis     bool `json:"skipGlobalRedis" from:"/skip_global,has=redis"`
	WebSocket bool `json:"skipGlobalWebSocket" from:"/skip_global,has=websocket"`
	S3        bool `json:"skipGlobalS3" from:"/skip_global,has=media_storage"`
}
