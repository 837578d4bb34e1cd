package wuzapi

import (
	"slices"

	"github.com/waystation/waystation/server/rest"
)

func webhookRoutes() []rest.Route {
	return []rest.Route{
		rest.Row("POST", "/webhook", "webhook.get webhook.update", setWebhook, rest.NeedsBody(),
			rest.BodyText("Could not set webhook: %s"), rest.FailText("Could not set webhook: %s"), rest.With(rest.Params{"format": Name}), rest.Reads[webhookSet]("webhook.update")),
		rest.Pass[rest.None, webhookAnswer]("GET", "/webhook", "webhook.get", rest.From("/webhook"), rest.FailText("Could not get webhook: %s")),
	}
}

// subscriptions maps the document's names of events onto the events of the journal, in the order in which they are shown.
var subscriptions = []subscription{
	{"Message", []string{"Message"}},
	{"ReadReceipt", []string{"ReadReceipt", "Receipt"}},
	{"HistorySync", []string{"HistorySync"}},
	{"ChatPresence", []string{"ChatPresence"}},
	{"Presence", []string{"Presence"}},
}

type subscription struct {
	name   string
	events []string
}

const all = "All"

// known drops names that the document does not have. An empty list means all events.
func known(names []string) []string {
	var out []string
	for _, name := range names {
		if name == all {
			return []string{all}
		}
		if !slices.Contains(out, name) && slices.ContainsFunc(subscriptions, func(s subscription) bool { return s.name == name }) {
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
	return events
}

// documented returns the document's names of a webhook's events.
func documented(events []string) []string {
	if slices.Contains(events, "*") {
		return []string{all}
	}
	names := []string{}
	for _, s := range subscriptions {
		if slices.Contains(events, s.events[0]) {
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
