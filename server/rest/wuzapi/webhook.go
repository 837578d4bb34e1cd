package wuzapi

import (
	"slices"

	"github.com/waystation/waystation/server/rest"
)

func webhookRoutes() []rest.Route {
	return []rest.Route{
		rest.Row("POST", "/webhook", "webhook.get webhook.update", setWebhook, rest.NeedsBody(),
			rest.BodyText("Could not set webhook: %s"), rest.FailText("Could not set webhook: %s")),
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

// known leaves out names the document does not have; none at all means everything.
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

// native gives the journal's names of what is subscribed to.
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

// documented gives the document's names of a webhook's events.
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

// webhook is what the dialect reads of a webhook.
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
	URL    *string  `rest:"webhookURL,param=/url" also:"webhook" doc:"address; empty switches the webhook off"`
	Events []string `rest:"events" doc:"replaces the subscription"`
	// BodyToken is ours: the server keeps no session token that it could repeat.
	BodyToken *string `rest:"bodyToken,param=/body_token" doc:"sent as the form field token with each event; empty removes it"`
	// Files is an extension: the setting files of webhook.update.
	Files *string `rest:"files,param=/files" doc:"how the files of messages are sent: none, inline or multipart; absent = unchanged"`
}

type webhookSet struct {
	Webhook string `json:"webhook"`
}

func setWebhook(x *rest.Exchange, in *webhookRequest) (*webhookSet, error) {
	if in.URL == nil {
		return nil, rest.Missing("webhookURL", "")
	}
	change := rest.Params{"url": *in.URL, "active": *in.URL != ""}
	if in.BodyToken != nil {
		change["body_token"] = *in.BodyToken
	}
	if in.Files != nil {
		change["files"] = *in.Files
	}
	if in.Events != nil {
		change["events"] = native(known(in.Events))
	} else if now, err := defaultWebhook(x); err != nil {
		return nil, err
	} else if len(now.Events) == 0 {
		change["events"] = native([]string{all}) // nobody has subscribed yet
	}
	hook, err := updateWebhook(x, change)
	return &webhookSet{hook.URL}, err
}

func defaultWebhook(x *rest.Exchange) (webhook, error) {
	var result struct{ Webhook webhook }
	err := x.Call("webhook.get", nil, &result)
	return result.Webhook, err
}

type webhookAnswer struct {
	Subscribe []string `json:"subscribe" from:"/events"`
	Webhook   string   `json:"webhook" from:"/url"`
}

// Finish implements rest.Finisher.
func (a *webhookAnswer) Finish() error {
	a.Subscribe = documented(a.Subscribe)
	return nil
}
