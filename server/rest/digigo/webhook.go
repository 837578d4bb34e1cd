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
		rest.Pass[webhookRequest, webhookSet]("POST", "/webhook", "webhook.update", rest.From("/webhook"), rest.NeedsBody()),
		rest.Row("PUT", "/webhook", "webhook.update webhook.get", updateWebhook, rest.NeedsBody(), rest.Reads[webhookChanged]("webhook.update")),
		rest.Pass[rest.None, done]("DELETE", "/webhook", "webhook.delete", rest.Says("Webhook and events deleted successfully")),
	}
}

// Everything: the document's word, and that of the methods. All other events have the same names.
const (
	allEvents    = "All"
	nativeEvents = "*"
)

func nativeNames(events []string) []string {
	if slices.Contains(events, allEvents) || slices.Contains(events, nativeEvents) {
		return []string{nativeEvents}
	}
	return events
}

func documentedNames(events []string) []string {
	if slices.Contains(events, nativeEvents) {
		return []string{allEvents}
	}
	return append([]string{}, events...) // a list, also when there is none
}

// eventList are names of events in a request.
type eventList []string

// ToParam implements rest.Converter.
func (events eventList) ToParam(string) (any, error) { return nativeNames(events), nil }

// subscribed are the document's names of events.
type subscribed []string

// UnmarshalJSON reads the names of the methods.
func (s *subscribed) UnmarshalJSON(raw []byte) error {
	if err := json.Unmarshal(raw, (*[]string)(s)); err != nil {
		return fmt.Errorf("events: %w", err)
	}
	*s = documentedNames(*s)
	return nil
}

type webhookShown struct {
	Subscribe subscribed `json:"subscribe" from:"/events"`
	Webhook   string     `json:"webhook" from:"/url"`
}

type webhookRequest struct {
	Events eventList `rest:"events,required,param=/events" doc:"names of events, or All"`
	URL    *string   `rest:"webhookurl,required,param=/url" also:"webhook" doc:"address; empty switches the webhook off"`
}

// CompleteParams implements rest.Completer.
func (in *webhookRequest) CompleteParams(p rest.Params) error {
	p["active"] = *in.URL != ""
	return nil
}

type webhookSet struct {
	WebhookURL string     `from:"/url"`
	Events     subscribed `from:"/events"`
}

type webhookChange struct {
	URL    *string    `rest:"webhookurl,param=/url" also:"webhook" doc:"address; empty switches the webhook off"`
	Events *eventList `rest:"events,param=/events" doc:"names of events, or All"`
	Active *bool      `rest:"Active,param=/active"`
}

type webhookChanged struct {
	Webhook string     `from:"/webhook/url"`
	Events  subscribed `from:"/webhook/events"`
	Active  bool       `json:"active" from:"/webhook/active"`
}

func updateWebhook(x *rest.Exchange, _ *webhookChange) (*webhookChanged, error) {
	change, err := x.Params()
	if err != nil {
		return nil, err
	}
	method := "webhook.update"
	if len(change) == 0 {
		method = "webhook.get"
	}
	answer := &webhookChanged{}
	return answer, x.Read(method, change, answer)
}

type done struct {
	Details string `from:"="`
}
