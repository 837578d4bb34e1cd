package digigo

import (
	"slices"

	"github.com/waystation/waystation/server/rest"
)

// settings is what the dialect reads of session.getSettings and session.updateSettings.
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

func (s *settings) text(name string) string {
	text, _ := s.Settings[name].(string)
	return text
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
		rest.Row("POST", "/session/skipcalls/config", "session.updateSettings session.getSettings", setSkipCalls, rest.NeedsBody()),
		rest.Row("GET", "/session/skipcalls/config", "session.getSettings", getSkipCalls),
		rest.Row("POST", "/session/globaltransports/config", "session.updateSettings", setGlobalTransports, rest.NeedsBody(),
			rest.FailText("failed to update transport configuration")),
		rest.Row("GET", "/session/globaltransports/config", "session.getSettings", getGlobalTransports, rest.FailText("failed to load user configuration")),
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
			answer["Details"] = t.name + " configuration updated successfully" // also when asked, as documented
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
	Enabled bool    `rest:"enabled,required"`
	Message *string `rest:"reject_message,param=/call_reject_message" doc:"sent to the caller; empty = nothing is sent"`
	Reason  *string `rest:"reject_type,param=/call_reject_reason" bad:"invalid reject_type, must be: busy, declined, or unavailable" enum:"busy|declined|unavailable"`
}

type skipCallsAnswer struct {
	Details       string
	SkipCalls     bool
	RejectMessage string
	RejectType    string
}

func skipCallsOf(s *settings, verb string) *skipCallsAnswer {
	return &skipCallsAnswer{
		Details: "Skip calls configuration " + verb + " successfully", SkipCalls: s.on("reject_calls"),
		RejectMessage: s.text("call_reject_message"), RejectType: s.text("call_reject_reason"),
	}
}

// defaultRejection is sent to callers when nobody has said what to send.
const defaultRejection = "Sorry, I cannot take calls at the moment."

func setSkipCalls(x *rest.Exchange, in *skipCallsRequest) (*skipCallsAnswer, error) {
	change := rest.Params{"reject_calls": in.Enabled}
	switch {
	case in.Message != nil:
		change["call_reject_message"] = *in.Message
	case in.Enabled:
		now, err := getSettings(x)
		if err != nil {
			return nil, err
		}
		if now.text("call_reject_message") == "" {
			change["call_reject_message"] = defaultRejection
		}
	}
	if in.Reason != nil {
		change["call_reject_reason"] = *in.Reason
	}
	s, err := updateSettings(x, change)
	return skipCallsOf(&s, "updated"), err
}

func getSkipCalls(x *rest.Exchange, _ *rest.None) (*skipCallsAnswer, error) {
	s, err := getSettings(x)
	return skipCallsOf(&s, "retrieved"), err
}

// globalTransports are the operator's shared outlets that a session stays out of; absent ones of a request stay as they
// are.
type globalTransports struct {
	Webhook   *bool `rest:"skipGlobalWebhook" json:"skipGlobalWebhook"`
	RabbitMQ  *bool `rest:"skipGlobalRabbitMQ" json:"skipGlobalRabbitMQ"`
	SQS       *bool `rest:"skipGlobalSQS" json:"skipGlobalSQS"`
	Redis     *bool `rest:"skipGlobalRedis" json:"skipGlobalRedis"`
	WebSocket *bool `rest:"skipGlobalWebSocket" json:"skipGlobalWebSocket"`
	S3        *bool `rest:"skipGlobalS3" json:"skipGlobalS3"`
}

// outlets are the flags by the names that methods have for them.
func (g *globalTransports) outlets() map[string]**bool {
	return map[string]**bool{
		"webhook": &g.Webhook, "amqp": &g.RabbitMQ, "sqs": &g.SQS, "redis": &g.Redis, "websocket": &g.WebSocket, "media_storage": &g.S3,
	}
}

type globalTransportsAnswer struct {
	globalTransports
	Details string `json:"details"`
}

func skipped(s *settings) []string {
	var names []string
	list, _ := s.Settings["skip_global"].([]any)
	for _, item := range list {
		if name, ok := item.(string); ok {
			names = append(names, name)
		}
	}
	return names
}

func globalTransportsOf(s *settings, verb string) *globalTransportsAnswer {
	answer := &globalTransportsAnswer{Details: "Global transport skip configuration " + verb + " successfully"}
	names := skipped(s)
	for name, flag := range answer.outlets() {
		on := slices.Contains(names, name)
		*flag = &on
	}
	return answer
}

func setGlobalTransports(x *rest.Exchange, in *globalTransports) (*globalTransportsAnswer, error) {
	flags := map[string]bool{}
	for name, flag := range in.outlets() {
		if *flag != nil {
			flags[name] = **flag
		}
	}
	if len(flags) == 0 {
		return nil, rest.Missing("skipGlobalWebhook", "no fields provided")
	}
	s, err := updateSettings(x, rest.Params{"skip_global_flags": flags})
	return globalTransportsOf(&s, "updated"), err
}

func getGlobalTransports(x *rest.Exchange, _ *rest.None) (*globalTransportsAnswer, error) {
	s, err := getSettings(x)
	return globalTransportsOf(&s, "retrieved"), err
}
