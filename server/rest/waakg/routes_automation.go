package waakg

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/waystation/waystation/server/rest"
)

func automationRoutes() []rest.Route {
	of := func(says, fails string, more ...rest.Option) []rest.Option {
		return append(more, rest.Says(says), rest.FailText(fails))
	}
	rule := rest.Family(familyRule)
	return []rest.Route{
		rest.Pass[idRequest, enveloped[botConfig]]("GET", "/sessions/{id}/bot-config", "automation.getSettings",
			of("Bot config fetched successfully", "Internal Server Error", rest.From("/settings"))...),
		rest.Pass[botConfigRequest, lifted[botConfig]]("POST", "/sessions/{id}/bot-config", "automation.updateSettings",
			of("Bot config updated successfully", "Failed to update config", rest.From("/settings"))...),
		rest.Pass[sessionRequest, autoReplyList]("GET", "/autoreplies/{sessionId}", "automation.listAutoReplies",
			of("Auto-replies retrieved successfully", "Internal Server Error", rest.First[oneSessionRow]("session.get", nil, nil))...),
		rest.Pass[createReplyRequest, enveloped[autoReply]]("POST", "/autoreplies/{sessionId}", "automation.createAutoReply",
			of("Auto-reply created successfully", "Internal Server Error", rest.From("/auto_reply"))...),
		rest.Pass[updateReplyRequest, updatedReply]("PUT", "/autoreplies/{sessionId}/{replyId}", "automation.updateAutoReply", of("", "Internal Server Error", rule)...),
		rest.Pass[ruleRequest, outcome]("DELETE", "/autoreplies/{sessionId}/{replyId}", "automation.deleteAutoReply",
			of("Operation successful", "Internal Server Error", rule, rest.IgnoresBody())...),
		rest.Pass[sessionRequest, outcome]("DELETE", "/autoreplies/{sessionId}", "automation.deleteAllAutoReplies",
			of("Autoreplies deleted", "Internal Server Error", rest.IgnoresBody(), rest.With(rest.Params{"confirm": true}))...),
	}
}

// milliseconds are seconds among params.
type milliseconds int

// ToParam implements rest.Converter.
func (ms milliseconds) ToParam(string) (any, error) { return float64(ms) / 1000, nil }

// asMilliseconds are seconds in results.
type asMilliseconds float64

// UnmarshalJSON implements json.Unmarshaler.
func (ms *asMilliseconds) UnmarshalJSON(raw []byte) error {
	var seconds float64
	if err := json.Unmarshal(raw, &seconds); err != nil {
		return fmt.Errorf("waakg: seconds: %w", err)
	}
	*ms = asMilliseconds(math.Round(seconds * 1000))
	return nil
}

// wholeSeconds are seconds among params.
type wholeSeconds int

// ToParam implements rest.Converter.
func (s wholeSeconds) ToParam(string) (any, error) { return float64(s), nil }

// seconds are those of methods without a fraction.
type seconds int

// UnmarshalJSON implements json.Unmarshaler.
func (s *seconds) UnmarshalJSON(raw []byte) error {
	var exact float64
	if err := json.Unmarshal(raw, &exact); err != nil {
		return fmt.Errorf("waakg: seconds: %w", err)
	}
	*s = seconds(math.Round(exact))
	return nil
}

// botConfig are the settings of the assistant. Those that were never set have neither ids nor times.
type botConfig struct {
	ID                   *string        `json:"id,omitempty"`
	Session              *string        `json:"sessionId,omitempty"`
	Enabled              bool           `json:"enabled" from:"/enabled"`
	BotName              string         `json:"botName" from:"/name"`
	BotMode              upperWord      `json:"botMode" from:"/command_access"`
	BotAllowedJids       []string       `json:"botAllowedJids" from:"/command_allowed"`
	BotBlockedJids       []string       `json:"botBlockedJids" from:"/command_blocked"`
	AutoReplyMode        upperWord      `json:"autoReplyMode" from:"/reply_access"`
	AutoReplyAllowedJids []string       `json:"autoReplyAllowedJids" from:"/reply_allowed"`
	AutoReplyBlockedJids []string       `json:"autoReplyBlockedJids" from:"/reply_blocked"`
	EnableSticker        bool           `json:"enableSticker" from:"/sticker_enabled"`
	EnableVideoSticker   bool           `json:"enableVideoSticker" from:"/video_sticker_enabled"`
	MaxStickerDuration   int            `json:"maxStickerDuration" from:"/max_sticker_seconds"`
	EnablePing           bool           `json:"enablePing" from:"/ping_enabled"`
	EnableUptime         bool           `json:"enableUptime" from:"/uptime_enabled"`
	RemoveBgAPIKey       nullText       `json:"removeBgApiKey" from:"/remove_background_api_key" doc:"masked"`
	Prefix               string         `json:"prefix" from:"/command_prefix"`
	AntiSpamEnabled      bool           `json:"antiSpamEnabled" from:"/flood_guard_enabled"`
	SpamLimit            int            `json:"spamLimit" from:"/flood_limit"`
	SpamInterval         seconds        `json:"spamInterval" from:"/flood_interval_seconds"`
	SpamDelayMin         asMilliseconds `json:"spamDelayMin" from:"/flood_delay_min_seconds"`
	SpamDelayMax         asMilliseconds `json:"spamDelayMax" from:"/flood_delay_max_seconds"`
	WelcomeMessage       nullText       `json:"welcomeMessage" from:"/welcome_message"`
	AutoRead             bool           `json:"autoRead" from:"/auto_read"`
	AlwaysOnline         bool           `json:"alwaysOnline" from:"/always_online"`
	CreatedAt            *time.Time     `json:"createdAt,omitempty" from:"/created_at"`
	UpdatedAt            *time.Time     `json:"updatedAt,omitempty" from:"/updated_at"`
}

// FinishAnswerOf implements rest.ExchangeFinisher.
func (c *botConfig) FinishAnswerOf(x *rest.Exchange) error {
	if c.UpdatedAt != nil {
		c.ID, c.Session = &x.Session, &x.Session
	}
	return nil
}

// nullText is a text that is null in the document if it is empty.
type nullText string

// MarshalJSON implements json.Marshaler.
func (t nullText) MarshalJSON() ([]byte, error) {
	if t == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(t)) //nolint:wrapcheck // a text is always JSON
}

type botConfigRequest struct {
	idRequest
	Enabled              *bool         `rest:"enabled,param=/enabled" doc:"assistant on"`
	BotName              *string       `rest:"botName,param=/name" max:"100" doc:"its name"`
	BotMode              *upperWord    `rest:"botMode,param=/command_access" doc:"who may use commands: OWNER, SPECIFIC, BLACKLIST or ALL"`
	BotAllowedJids       *[]string     `rest:"botAllowedJids,param=/command_allowed" doc:"people for SPECIFIC"`
	BotBlockedJids       *[]string     `rest:"botBlockedJids,param=/command_blocked" doc:"people for BLACKLIST"`
	AutoReplyMode        *upperWord    `rest:"autoReplyMode,param=/reply_access" doc:"who is answered: SPECIFIC, BLACKLIST or ALL; OWNER: no one"`
	AutoReplyAllowedJids *[]string     `rest:"autoReplyAllowedJids,param=/reply_allowed" doc:"people for SPECIFIC"`
	AutoReplyBlockedJids *[]string     `rest:"autoReplyBlockedJids,param=/reply_blocked" doc:"people for BLACKLIST"`
	EnableSticker        *bool         `rest:"enableSticker,param=/sticker_enabled" doc:"sticker command"`
	EnableVideoSticker   *bool         `rest:"enableVideoSticker,param=/video_sticker_enabled" doc:"video stickers, too"`
	MaxStickerDuration   *int          `rest:"maxStickerDuration,param=/max_sticker_seconds" doc:"longest video, in seconds"`
	EnablePing           *bool         `rest:"enablePing,param=/ping_enabled" doc:"ping command"`
	EnableUptime         *bool         `rest:"enableUptime,param=/uptime_enabled" doc:"uptime command"`
	RemoveBgAPIKey       *string       `rest:"removeBgApiKey,param=/remove_background_api_key" max:"256" doc:"key of the background service; empty removes it"`
	Prefix               *string       `rest:"prefix,param=/command_prefix" max:"8" doc:"text that commands begin with"`
	AntiSpamEnabled      *bool         `rest:"antiSpamEnabled,param=/flood_guard_enabled" doc:"ignore people who write too often"`
	SpamLimit            *int          `rest:"spamLimit,param=/flood_limit" doc:"answers to a person"`
	SpamInterval         *wholeSeconds `rest:"spamInterval,param=/flood_interval_seconds" doc:"in these seconds"`
	SpamDelayMin         *milliseconds `rest:"spamDelayMin,param=/flood_delay_min_seconds" doc:"shortest pause before an answer, in milliseconds"`
	SpamDelayMax         *milliseconds `rest:"spamDelayMax,param=/flood_delay_max_seconds" doc:"longest pause, in milliseconds"`
	WelcomeMessage       *string       `rest:"welcomeMessage,param=/welcome_message" max:"4096" doc:"text for new members of groups; empty = none"`
	AutoRead             *bool         `rest:"autoRead,param=/auto_read" doc:"mark incoming messages as read"`
	AlwaysOnline         *bool         `rest:"alwaysOnline,param=/always_online" doc:"keep the presence available"`
}

// autoReply is a rule.
type autoReply struct {
	ID          string    `json:"id" from:"/auto_reply_id"`
	Session     string    `json:"sessionId" from:"/session_id"`
	Keyword     string    `json:"keyword" from:"/keyword"`
	MatchType   upperWord `json:"matchType" from:"/match"`
	Response    string    `json:"response" from:"/content/text|/content/caption"`
	IsMedia     bool      `json:"isMedia"`
	MediaURL    *string   `json:"mediaUrl" from:"/content/media/url"`
	Kind        string    `json:"-" from:"/content/type"`
	TriggerType upperWord `json:"triggerType" from:"/chat_type"`
	CreatedAt   time.Time `json:"createdAt" from:"/created_at"`
}

// FinishAnswerOf implements rest.ExchangeFinisher.
func (r *autoReply) FinishAnswerOf(*rest.Exchange) error {
	r.IsMedia = r.Kind != "text"
	return nil
}

type autoReplyList struct {
	outcome
	Data []listedReply `json:"data" from:"/auto_replies"`
}

// listedReply is a rule with its session.
type listedReply struct {
	autoReply `from:"/"`
	Row       any `json:"session" doc:"the session, as sessions are listed"`
}

// FinishAnswerOf implements rest.ExchangeFinisher.
func (r *listedReply) FinishAnswerOf(x *rest.Exchange) error {
	if one, ok := x.Kept().(oneSessionRow); ok {
		r.Row = one.Session
	}
	return r.autoReply.FinishAnswerOf(x)
}

// updatedReply is the rule without an envelope.
type updatedReply struct {
	outcome
	autoReply `from:"/auto_reply"`
}

// replyFields are the fields of a rule that depend on each other.
type replyFields struct {
	Response string
	IsMedia  bool
	MediaURL string
}

// content returns the content of the answer.
func (f *replyFields) content() (any, error) {
	switch {
	case !f.IsMedia:
		return rest.Params{"type": "text", "text": f.Response}, nil
	case f.MediaURL == "":
		return nil, rest.Missing("mediaUrl", "Missing required fields")
	}
	return rest.Params{"type": "file", "media": rest.Params{"url": f.MediaURL}, "caption": f.Response}, nil
}

type createReplyRequest struct {
	sessionRequest
	Keyword     string    `rest:"keyword,required,param=/keyword" missing:"Missing required fields" doc:"text or pattern to match"`
	Response    string    `rest:"response,required" missing:"Missing required fields" max:"65536" doc:"text of the answer, or caption of its file"`
	MatchType   upperWord `rest:"matchType,param=/match" doc:"EXACT, CONTAINS, STARTS_WITH or REGEX (RE2); default EXACT"`
	IsMedia     bool      `rest:"isMedia" doc:"the answer is the file at mediaUrl"`
	MediaURL    string    `rest:"mediaUrl" max:"2048" doc:"address of the file"`
	TriggerType upperWord `rest:"triggerType,param=/chat_type" doc:"ALL, GROUP or PRIVATE; default ALL"`
}

// CompleteParams implements rest.Completer.
func (r *createReplyRequest) CompleteParams(p rest.Params) (err error) {
	p["content"], err = (&replyFields{r.Response, r.IsMedia, r.MediaURL}).content()
	return err
}

type ruleRequest struct {
	sessionRequest
	ID string `rest:"replyId,path,param=/auto_reply_id" doc:"id of the rule"`
}

type updateReplyRequest struct {
	ruleRequest
	Keyword     string    `rest:"keyword,required,param=/keyword" missing:"Keyword and response are required" doc:"text or pattern to match"`
	Response    string    `rest:"response,required" missing:"Keyword and response are required" max:"65536" doc:"text of the answer, or caption of its file"`
	IsMedia     bool      `rest:"isMedia" doc:"the answer is the file at mediaUrl"`
	MediaURL    string    `rest:"mediaUrl" max:"2048" doc:"address of the file"`
	TriggerType upperWord `rest:"triggerType,param=/chat_type" doc:"ALL, GROUP or PRIVATE"`
	MatchType   upperWord `rest:"matchType,param=/match" doc:"EXACT, CONTAINS, STARTS_WITH or REGEX (RE2)"`
}

// CompleteParams implements rest.Completer.
func (r *updateReplyRequest) CompleteParams(p rest.Params) (err error) {
	p["content"], err = (&replyFields{r.Response, r.IsMedia, r.MediaURL}).content()
	return err
}
