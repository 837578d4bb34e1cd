package digigo

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/waystation/waystation/server/rest"
)

func webhookRoutes() []rest.Route {
	return []rest.Route{
		rest.Pass[rest.None, webhookShown]("GET", "/webhook", "webhook.get", rest.From("/webhook")),
		rest.Row("POST", "/webhook", "webhook.update", setWebhook, rest.NeedsBody()),
		rest.Row("PUT", "/webhook", "webhook.update webhook.get", updateWebhook, rest.NeedsBody()),
		rest.Pass[rest.None, done]("DELETE", "/webhook", "webhook.delete", rest.Says("Webhook and events deleted successfully")),
	}
}

// Everything: the document's word, and that of the methods. All other events have the same names.
const (
	allEvents    = "All"
	nativeEvents = "*"
)

func native(events []string) []string {
	if slices.Contains(events, allEvents) || slices.Contains(events, nativeEvents) {
		return []string{nativeEvents}
	}
	return events
}

func documented(events []string) []string {
	if slices.Contains(events, nativeEvents) {
		return []string{allEvents}
	}
	return append([]string{}, events...) // a list, also when there is none
}

// webhook is what the dialect reads of the default webhook, which is the only one the document knows. It leaves its format
// as it is: the document shows none.
type webhook struct {
	URL    string   `json:"url"`
	Events []string `json:"events"`
	Active bool     `json:"active"`
}

func callWebhook(x *rest.Exchange, method string, params rest.Params) (webhook, error) {
	var result struct{ Webhook webhook }
	err := x.Call(method, params, &result)
	return result.Webhook, err
}

// subscribed are the document's names of events.
type subscribed []string

// UnmarshalJSON reads the names of the methods.
func (s *subscribed) UnmarshalJSON(raw []byte) error {
	if err := json.Unmarshal(raw, (*[]string)(s)); err != nil {
		return fmt.Errorf("events: %w", err)
	}
	*s = documented(*s)
	return nil
}

type webhookShown struct {
	Subscribe subscribed `json:"subscribe" from:"/events"`
	Webhook   string     `json:"webhook" from:"/url"`
}

type webhookRequest struct {
	URL    *string  `rest:"webhookurl,param=/url" also:"webhook" doc:"address; empty switches the webhook off"`
	Events []string `rest:"events,required,param=/events" doc:"names of events, or All"`
}

type webhookSet struct {
	WebhookURL string
	Events     []string
}

func setWebhook(x *rest.Exchange, in *webhookRequest) (*webhookSet, error) {
	if in.URL == nil {
		return nil, rest.Missing("webhookurl", "")
	}
	hook, err := callWebhook(x, "webhook.update", rest.Params{"url": *in.URL, "events": native(in.Events), "active": *in.URL != ""})
	return &webhookSet{hook.URL, documented(hook.Events)}, err
}

type webhookChange struct {
	URL    *string  `rest:"webhookurl,param=/url" also:"webhook" doc:"address; empty switches the webhook off"`
	Events []string `rest:"events,param=/events" doc:"names of events, or All"`
	Active *bool    `rest:"Active,param=/active"`
}

type webhookChanged struct {
	Webhook string
	Events  []string
	Active  bool `json:"active"`
}

func updateWebhook(x *rest.Exchange, in *webhookChange) (*webhookChanged, error) {
	change := rest.Params{}
	if in.URL != nil {
		change["url"] = *in.URL
	}
	if in.Events != nil {
		change["events"] = native(in.Events)
	}
	if in.Active != nil {
		change["active"] = *in.Active
	}
	method := "webhook.update"
	if len(change) == 0 {
		method = "webhook.get"
	}
	hook, err := callWebhook(x, method, change)
	return &webhookChanged{hook.URL, documented(hook.Events), hook.Active}, err
}

type done struct {
	Details string `from:"="`
}
