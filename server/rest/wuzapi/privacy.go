package wuzapi

import (
	"slices"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/shared"
)

func privacyRoutes() []rest.Route {
	block := func(path string, blocked bool, says string) rest.Route {
		return rest.Row("POST", path, "contact.setBlocked contact.listBlocked", setBlocked, rest.NeedsBody(), rest.Says(says),
			rest.With(rest.Params{"blocked": blocked}), rest.Reads[blockSet]("contact.listBlocked"), rest.FailText("Failed to update blocklist: %s"))
	}
	return []rest.Route{
		rest.Pass[availabilityRequest, details]("POST", "/user/presence", "presence.setAvailability", rest.NeedsBody(),
			rest.Says("Presence set successfuly"), rest.FailText("Failure sending presence to Whatsapp servers")), //nolint:misspell // callers compare the server's own spelling
		rest.Pass[subscribeRequest, details]("POST", "/user/presence/subscribe", "presence.subscribe", rest.NeedsBody(), rest.Says("Subscribed to presence"), rest.FailText("Failed to subscribe to presence: %s")),
		rest.Pass[lidRequest, lidFound]("GET", "/user/lid/{jid}", "contact.resolveLid", rest.Family(familyLookup)),
		rest.Pass[rest.None, privacyShown]("GET", "/user/privacy", "privacy.getSettings", rest.With(rest.Params{"refresh": true}), rest.From("/settings"), rest.FailText("Failed to get privacy settings: %s")),
		rest.Pass[privacyRequest, privacyShown]("POST", "/user/privacy", "privacy.updateSettings", rest.NeedsBody(), rest.From("/settings"), rest.FailText("Failed to set privacy setting: %s")),
		block("/user/block", true, "User blocked"),
		block("/user/unblock", false, "User unblocked"),
		rest.Pass[rest.None, blocklist]("GET", "/user/blocklist", "contact.listBlocked", rest.FailText("Failed to get blocklist: %s")),
		rest.Pass[rest.None, shared.NewsletterList]("GET", "/newsletter/list", "newsletter.list", rest.FailText("Failed to get newsletter list: %s")),
	}
}

type availabilityRequest struct {
	Type shared.Availability `rest:"type,required,param=/available" enum:"available|unavailable"`
}

type subscribeRequest struct {
	Phone rest.Strings `rest:",required,param=/contacts" also:"JID" bad:"Could not parse Phone" doc:"number or JID"`
}

// familyLookup has the operations whose errors have the status 404.
const familyLookup = "lookup"

type lidRequest struct {
	JID string `rest:"jid,path,param=/contact" bad:"Invalid jid format" doc:"number or JID"`
}

// lidFound has the keys of the server and of its npm client.
type lidFound struct {
	JID   string `json:"jid" from:"/contact"`
	LID   string `json:"lid" from:"/lid"`
	Phone string `from:"/contact"`
	Twin  string `json:"LID" from:"/lid"`
}

// FinishAnswer implements rest.Finisher.
func (l *lidFound) FinishAnswer() error {
	if l.JID == "" || l.LID == "" {
		return &rest.Failure{Err: rpc.NotFound("no LID is known"), Text: "LID not found for this number"}
	}
	return nil
}

type privacyShown struct {
	GroupAdd     string `from:"/group_add"`
	LastSeen     string `from:"/last_seen"`
	Status       string `from:"/status"`
	Profile      string `from:"/profile"`
	ReadReceipts string `from:"/read_receipts"`
	CallAdd      string `from:"/call_add"`
	Online       string `from:"/online"`
	Messages     string `from:"/messages"`
	Defense      string `from:"/defense"`
	Stickers     string `from:"/stickers"`
}

// privacyRequest changes one setting.
type privacyRequest struct {
	Name  string `rest:",required" enum:"groupadd|last|status|profile|readreceipts|online|calladd"`
	Value string `rest:",required" enum:"all|contacts|contact_blacklist|none|match_last_seen|known" doc:"which of them depends on the setting"`
}

// privacyChoices are the settings by their names in requests.
var privacyChoices = map[string]struct{ param, values string }{
	"groupadd": {"group_add", audiences}, "last": {"last_seen", audiences}, "status": {"status", audiences}, "profile": {"profile", audiences},
	"readreceipts": {"read_receipts", "all none"}, "online": {"online", "all match_last_seen"}, "calladd": {"call_add", "all known"},
}

const audiences = "all contacts contact_blacklist none"

// CompleteParams implements rest.Completer.
func (in *privacyRequest) CompleteParams(p rest.Params) error {
	const text = "Invalid privacy setting name or value"
	choice, ok := privacyChoices[in.Name]
	switch {
	case !ok:
		return rest.Bad("Name", text, "is no privacy setting")
	case !slices.Contains(strings.Fields(choice.values), in.Value):
		return rest.Bad("Value", text, "must be one of "+strings.ReplaceAll(choice.values, " ", ", "))
	}
	p[choice.param] = in.Value
	return nil
}

type blockRequest struct {
	Phone rest.Strings `rest:",required,param=/contacts" also:"JID" bad:"Could not parse Phone" doc:"number or JID"`
}

// blocklist has no hash: WhatsApp's is not kept.
type blocklist struct {
	Blocklist []shared.ContactJID `from:"/contacts"`
	DHash     string              `doc:"always empty"`
}

type blockSet struct {
	Details string `from:"="`
	JID     string
	blocklist
}

func setBlocked(x *rest.Exchange, _ *blockRequest) (*blockSet, error) {
	params, err := x.Params()
	if err != nil {
		return nil, err
	}
	var set struct{ Contacts []string }
	if err := x.Call("contact.setBlocked", params, &set); err != nil {
		return nil, err
	}
	answer := &blockSet{}
	err = x.Read("contact.listBlocked", nil, answer)
	answer.JID = strings.Join(set.Contacts, ",")
	return answer, err
}
