package wuzapi

import (
	"slices"
	"strings"

	"github.com/waystation/waystation/server/rest"
)

func webhookRoutes() []rest.Route {
	return []rest.Route{
		rest.Row("POST", "/webhook", "webhook.get webhook.update", setWebhook, rest.NeedsBody(),
			rest.BodyText("Could not set webhook: %s"), rest.FailText("Could not set webhook: %s"), rest.With(rest.Params{"format": Name}), rest.Reads[webhookSet]("webhook.update")),
		rest.Pass[webhookChange, webhookChanged]("PUT", "/webhook", "webhook.update", rest.NeedsBody(), rest.From("/webhook"), rest.With(rest.Params{"format": Name}),
			rest.BodyText("Could not update webhook: %s"), rest.FailText("Could not update webhook: %s")),
		rest.Pass[rest.None, details]("DELETE", "/webhook", "webhook.delete", rest.Says("Webhook and events deleted successfully"), rest.FailText("Could not delete webhook: %s")),
		rest.Pass[rest.None, webhookAnswer]("GET", "/webhook", "webhook.get", rest.From("/webhook"), rest.FailText("Could not get webhook: %s")),
	}
}

// subscriptions maps the names of events onto the events of the journal, in the order in which they are shown: those of the
// document, then those of later versions, which are the journal's.
var subscriptions = append([]subscription{
	{"Message", []string{"Message"}},
	{readReceipt, []string{readReceipt, receipt}},
	{"HistorySync", []string{"HistorySync"}},
	{"ChatPresence", []string{"ChatPresence"}},
	{"Presence", []string{"Presence"}},
}, laterSubscriptions()...)

const (
	readReceipt = "ReadReceipt"
	receipt     = "Receipt" // in ReadReceipt
)

func laterSubscriptions() (later []subscription) {
	for name := range strings.FieldsSeq(`AppState AppStateSyncComplete Blocklist BlocklistChange CATRefreshError CallAccept CallOffer
		CallOfferNotice CallRelayLatency CallTerminate ClientOutdated ConnectFailure Connected Disconnected FBMessage GroupInfo
		IdentityChange JoinedGroup KeepAliveRestored KeepAliveTimeout LoggedOut MediaRetry NewsletterJoin NewsletterLeave
		NewsletterLiveUpdate NewsletterMuteChange OfflineSyncCompleted OfflineSyncPreview PairError PairSuccess Picture
		PrivacySettings PushNameSetting QR QRScannedWithoutMultidevice Receipt StreamError StreamReplaced TemporaryBan
		UndecryptableMessage UserAbout`) {
		later = append(later, subscription{name, []string{name}})
	}
	return later
}

// isEvent reports whether a name is that of an event, or All.
func isEvent(name string) bool {
	return name == all || slices.ContainsFunc(subscriptions, func(s subscription) bool { return s.name == name })
}

type subscription struct {
	name   string
	events []string
}

const all = "All"

// known drops names that are no events. An empty list means all events.
func known(names []string) []string {
	var out []string
	for _, name := range names {
		if name == all {
			return []string{all}
		}
		if !slices.Contains(out, name) && isEvent(name) {
			out = append(out, name)
		}
	}
	if out == nil {
		return []string{all}
	}
	return out
}

// native returns the journal's names of subscribed events.
func native(subscribed []string) []string {
	if slices.Contains(subscribed, all) {
		return []string{"*"}
	}
	events := []string{}
	for _, s := range subscriptions {
		if slices.Contains(subscribed, s.name) {
			events = append(events, s.events...)
		}
	}
	slices.Sort(events)
	return slices.Compact(events)
}

// documented returns the document's names of a webhook's events.
func documented(events []string) []string {
	if slices.Contains(events, "*") {
		return []string{all}
	}
	names := []string{}
	for _, s := range subscriptions {
		if slices.Contains(events, s.events[0]) && (s.name != receipt || !slices.Contains(events, readReceipt)) {
			names = append(names, s.name)
		}
	}
	return names
}

// webhook is the part of a webhook that the dialect uses.
type webhook struct {
	URL    string   `json:"url"`
	Events []string `json:"events"`
}

// updateWebhook changes the default webhook, which is the only one the document knows, and has it speak the document's
// form from then on.
func updateWebhook(x *rest.Exchange, change rest.Params) (webhook, error) {
	change["format"] = Name
	var result struct{ Webhook webhook }
	err := x.Call("webhook.update", change, &result)
	return result.Webhook, err
}

type webhookRequest struct {
	URL    *string       `rest:"webhookURL,required,param=/url" also:"webhook" doc:"address; empty switches the webhook off"`
	Events *subscribedTo `rest:"events,param=/events" doc:"replaces the subscription"`
	// BodyToken is an extension: the server does not store session tokens and cannot repeat them.
	BodyToken *string `rest:"bodyToken,param=/body_token" doc:"sent as the form field token with each event; empty removes it"`
	// Files is an extension: the setting files of webhook.update.
	Files *string `rest:"files,param=/files" doc:"how the files of messages are sent: none, inline or multipart; absent = unchanged"`
}

// CompleteParams implements rest.Completer.
func (in *webhookRequest) CompleteParams(p rest.Params) error {
	p["active"] = *in.URL != ""
	return nil
}

// subscribedTo are the document's names of events.
type subscribedTo []string

// ToParam implements rest.Converter.
func (names subscribedTo) ToParam(string) (any, error) { return native(known(names)), nil }

type webhookSet struct {
	Webhook string `json:"webhook" from:"/webhook/url"`
}

func setWebhook(x *rest.Exchange, in *webhookRequest) (*webhookSet, error) {
	change, err := x.Params()
	if err != nil {
		return nil, err
	}
	if in.Events == nil {
		var now struct{ Webhook webhook }
		if err := x.Call("webhook.get", nil, &now); err != nil {
			return nil, err
		}
		if len(now.Webhook.Events) == 0 {
			change["events"] = native([]string{all}) // the first subscription
		}
	}
	answer := &webhookSet{}
	return answer, x.Read("webhook.update", change, answer)
}

type webhookAnswer struct {
	Subscribe []string `json:"subscribe" from:"/events"`
	Webhook   string   `json:"webhook" from:"/url"`
}

// FinishAnswer implements rest.Finisher.
func (a *webhookAnswer) FinishAnswer() error {
	a.Subscribe = documented(a.Subscribe)
	return nil
}

type webhookChange struct {
	URL    *string       `rest:"webhook,param=/url" also:"webhookURL" doc:"address; empty switches the webhook off"`
	Events *subscribedTo `rest:"events,param=/events" doc:"replaces the subscription; empty = unchanged"`
	Active *bool         `rest:"active,param=/active" doc:"default: unchanged, or on with a new address"`
}

// CompleteParams implements rest.Completer.
func (in *webhookChange) CompleteParams(p rest.Params) error {
	if in.URL != nil && in.Active == nil {
		p["active"] = *in.URL != ""
	}
	if in.Events != nil && len(*in.Events) == 0 {
		delete(p, "events")
	}
	return nil
}

// webhookChanged has the keys of the server and of its npm client.
type webhookChanged struct {
	Webhook string   `json:"webhook" from:"/url"`
	Events  []string `json:"events" from:"/events"`
	Active  bool     `json:"active" from:"/active"`
	URL     string   `json:"WebhookURL" from:"/url"`
	Names   []string `json:"Events"`
}

// FinishAnswer implements rest.Finisher.
func (c *webhookChanged) FinishAnswer() error {
	c.Events = documented(c.Events)
	c.Names = c.Events
	return nil
}
