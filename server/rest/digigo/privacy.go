package digigo

import (
	"fmt"
	"slices"

	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/shared"
)

func privacyRoutes() []rest.Route {
	privacy := rest.Family(familyLookup)
	return []rest.Route{
		rest.Pass[rest.None, privacySettings]("GET", "/user/privacy/settings", "privacy.getSettings", rest.Family(familyProfile), rest.From("/settings")),
		rest.Pass[rest.None, privacyShown]("GET", "/privacy/settings", "privacy.getSettings", privacy),
		rest.Pass[privacyChange, privacyChanged]("POST", "/privacy/settings", "privacy.updateSettings", privacy, rest.NeedsBody(), rest.FailText("failed to update privacy setting")),
		rest.Pass[timerRequest, timerSet]("POST", "/privacy/disappearing-timer", "privacy.setDefaultDisappearingTimer", privacy, rest.NeedsBody(), rest.FailText("failed to set disappearing timer")),
		rest.Pass[rest.None, blockedContacts]("GET", "/privacy/blocklist", "contact.listBlocked", privacy, rest.FailText("failed to get blocklist")),
		rest.Pass[blockRequest, blocked]("POST", "/privacy/blocklist", "contact.setBlocked", privacy, rest.NeedsBody(), rest.FailText("failed to update blocklist")),
		rest.Pass[rest.None, statusPrivacy]("GET", "/privacy/status", "status.getPrivacy", privacy),
	}
}

type privacySettings struct {
	GroupAdd     string `json:"group_add" from:"/group_add"`
	LastSeen     string `json:"last_seen" from:"/last_seen"`
	Status       string `json:"status" from:"/status"`
	Profile      string `json:"profile" from:"/profile"`
	ReadReceipts string `json:"read_receipts" from:"/read_receipts"`
	Online       string `json:"online" from:"/online"`
	CallAdd      string `json:"call_add" from:"/call_add"`
}

type privacyShown struct {
	Success  bool            `json:"success" from:"=true"`
	Settings privacySettings `json:"privacy_settings" from:"/settings"`
}

// privacyChange sets one setting. users is accepted and has no effect, as documented.
type privacyChange struct {
	Setting string       `rest:"setting,required" bad:"missing setting or value in payload" enum:"group_add|last_seen|status|profile|read_receipts|online|call_add"`
	Value   string       `rest:"value,required" bad:"missing setting or value in payload" enum:"all|contacts|contact_blacklist|none|match_last_seen|known"`
	Users   rest.Strings `rest:"users"`
}

var (
	privacyNames  = []string{"group_add", "last_seen", "status", "profile", "read_receipts", "online", "call_add"}
	privacyValues = []string{"all", "contacts", "contact_blacklist", "none", "match_last_seen", "known"}
)

// CompleteParams implements rest.Completer.
func (in *privacyChange) CompleteParams(p rest.Params) error {
	if !slices.Contains(privacyNames, in.Setting) {
		return rest.Bad("setting", "invalid setting: "+in.Setting, "is no privacy setting")
	}
	if !slices.Contains(privacyValues, in.Value) {
		return rest.Bad("value", "invalid value: "+in.Value, "is no value of a privacy setting")
	}
	p[in.Setting] = in.Value
	return nil
}

type privacyChanged struct {
	Success bool   `json:"success" from:"=true"`
	Message string `json:"message" from:"=Privacy setting {setting} updated to {value}"`
	Setting string `json:"setting" from:"<setting"`
	Value   string `json:"value" from:"<value"`
}

type timerRequest struct {
	Timer shared.Timer `rest:"timer,required,param=/disappearing_seconds" bad:"missing timer in payload" enum:"24h|7d|90d|off"`
}

type timerSet struct {
	Success bool   `json:"success" from:"=true"`
	Message string `json:"message" from:"=Default disappearing timer set to {timer}"`
	Timer   string `json:"timer" from:"<timer"`
}

type blockedContacts struct {
	Success  bool                `json:"success" from:"=true"`
	Contacts []shared.ContactJID `json:"blocked_contacts" from:"/contacts"`
	Count    int                 `json:"count" from:"#/contacts"`
}

type blockRequest struct {
	Action blockAction  `rest:"action,required,param=/blocked" bad:"missing action or users in payload" enum:"block|unblock"`
	Users  rest.Strings `rest:"users,required,param=/contacts" bad:"missing action or users in payload" doc:"numbers or JIDs"`
}

// blockAction is the document's word for the state of contacts.
type blockAction string

// ToParam implements rest.Converter.
func (a blockAction) ToParam(field string) (any, error) {
	if a != "block" && a != "unblock" {
		return nil, rest.Bad(field, "invalid action, must be: block or unblock", "must be block or unblock")
	}
	return a == "block", nil
}

type blocked struct {
	Success bool     `json:"success" from:"=true"`
	Message string   `json:"message"`
	Action  string   `json:"action" from:"<action"`
	Users   []string `json:"users" from:"<users"`
}

// FinishAnswer implements rest.Finisher.
func (b *blocked) FinishAnswer() error {
	b.Message = fmt.Sprintf("Successfully %sed %d contact(s)", b.Action, len(b.Users))
	return nil
}

type audienceWords struct{}

// WordPairs implements rest.Vocabulary.
func (audienceWords) WordPairs() map[string]string {
	return map[string]string{"blacklist": "contact_blacklist"}
}

type statusPrivacy struct {
	Success     bool                     `json:"success" from:"=true"`
	Audience    rest.Word[audienceWords] `json:"status_privacy" from:"/type"`
	Description string                   `json:"description" from:"=Status privacy setting (all, contacts, contact_blacklist, or none)"`
}
