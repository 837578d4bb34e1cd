package waakg

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func webhookRoutes() []rest.Route {
	of := func(says, fails string, more ...rest.Option) []rest.Option {
		return append([]rest.Option{rest.Family(familyWebhook), rest.Says(says), rest.FailText(fails)}, more...)
	}
	const failedDeletion = "Failed to delete webhook"
	return []rest.Route{
		rest.Pass[sessionRequest, webhookList]("GET", "/webhooks/{sessionId}", "webhook.list", of("Webhooks retrieved successfully", "Failed to fetch webhooks")...),
		rest.Pass[createWebhookRequest, enveloped[webhookRow]]("POST", "/webhooks/{sessionId}", "webhook.create",
			of("Webhook created successfully", "Failed to create webhook", rest.Family(familyCreate), rest.From("/webhook"), rest.With(rest.Params{"format": "waakg"}))...),
		rest.Pass[updateWebhookRequest, updatedWebhook]("PUT", "/webhooks/{sessionId}/{id}", "webhook.update", of("", "Failed to update webhook")...),
		rest.Pass[webhookRequest, outcome]("DELETE", "/webhooks/{sessionId}/{id}", "webhook.delete", of("Operation successful", failedDeletion, rest.IgnoresBody())...),
		rest.Row("DELETE", "/webhooks/{id}", "session.list webhook.delete", deleteWebhook, rest.Family(familyHook), rest.IgnoresBody(), rest.FailText(failedDeletion)),
	}
}

// webhookRow is a webhook as the server's database has it.
type webhookRow struct {
	ID        string     `json:"id" from:"/webhook_id"`
	UserID    *string    `json:"userId" from:"/account_id"`
	Session   string     `json:"sessionId" from:"/session_id"`
	Name      string     `json:"name" from:"/name"`
	URL       string     `json:"url" from:"/url"`
	Secret    *string    `json:"secret" from:"/secret" doc:"masked"`
	Events    eventNames `json:"events" from:"/events"`
	Active    bool       `json:"isActive" from:"/active"`
	CreatedAt *time.Time `json:"createdAt" from:"/created_at"`
	UpdatedAt *time.Time `json:"updatedAt" from:"/updated_at"`
}

type webhookList struct {
	outcome
	Data []webhookRow `json:"data" from:"/webhooks"`
}

// eventsOf are the events of methods by those of the document.
var eventsOf = map[string][]string{
	"message.received": {"Message"}, "message.sent": {"Message"}, "message.edited": {"Message"}, "message.deleted": {"Message"},
	"message.status": {"MessageStatus", "Receipt", "ReadReceipt"}, "contact.update": {"Contact", "PushName"}, "group.update": {"GroupInfo", "JoinedGroup"}, "group.participant": {"GroupInfo"},
	"connection.update": {"QR", "Connected", "Disconnected", "LoggedOut", "StreamReplaced", "TemporaryBan", "ClientOutdated", "SessionState"},
}

// subscribed are events of a webhook in a request, in the words of the document or of methods.
type subscribed []string

// ToParam implements rest.Converter.
func (list subscribed) ToParam(string) (any, error) {
	native := []string{}
	for _, name := range list {
		if known := eventsOf[name]; known != nil {
			native = append(native, known...)
		} else {
			native = append(native, name)
		}
	}
	return unique(native), nil
}

// eventNames are events of a webhook in an answer: each word of the document whose events the webhook gets, and the names of the others.
type eventNames []string

// UnmarshalJSON implements json.Unmarshaler.
func (names *eventNames) UnmarshalJSON(raw []byte) error {
	var native []string
	if err := json.Unmarshal(raw, &native); err != nil {
		return fmt.Errorf("waakg: events: %w", err)
	}
	*names = eventNames{}
	words := map[string][]string{}
	for word, events := range eventsOf {
		for _, event := range events {
			words[event] = append(words[event], word)
		}
	}
	for _, event := range native {
		if words[event] == nil {
			words[event] = []string{event}
		}
		*names = append(*names, words[event]...)
	}
	*names = unique(*names)
	return nil
}

func unique(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

type createWebhookRequest struct {
	sessionRequest
	Name   string     `rest:"name,required,param=/name" missing:"Name, URL, and at least one event are required" doc:"at most 255 characters"`
	URL    string     `rest:"url,required,param=/url" missing:"Name, URL, and at least one event are required" doc:"http(s) address"`
	Secret string     `rest:"secret,param=/secret" doc:"16 to 256 bytes"`
	Events subscribed `rest:"events,required,param=/events" missing:"Name, URL, and at least one event are required" doc:"names of events, or * for all"`
}

type webhookRequest struct {
	sessionRequest
	ID string `rest:"id,path,param=/webhook_id" doc:"id of the webhook"`
}

type updateWebhookRequest struct {
	webhookRequest
	Name   string     `rest:"name,param=/name" doc:"at most 255 characters"`
	URL    *string    `rest:"url,param=/url" max:"2048" doc:"http(s) address"`
	Secret *string    `rest:"secret,param=/secret" max:"256" doc:"16 to 256 bytes; empty removes it"`
	Events subscribed `rest:"events,param=/events" doc:"names of events, or * for all"`
	Active *bool      `rest:"isActive,param=/active" doc:"delivers"`
}

// updatedWebhook is the webhook without an envelope.
type updatedWebhook struct {
	outcome
	webhookRow `from:"/webhook"`
}

type anyWebhookRequest struct {
	ID string `rest:"id,path" doc:"id of the webhook"`
}

// deleteWebhook deletes a webhook of one of the sessions that the caller may use. The id default, which each session has, is that of the session's token.
func deleteWebhook(x *rest.Exchange, in *anyWebhookRequest) (*outcome, error) {
	deleted := &outcome{Status: true, Success: true}
	if x.Session != "" {
		return deleted, x.Call("webhook.delete", rest.Params{"webhook_id": in.ID}, nil)
	}
	if in.ID == "default" {
		return nil, rest.Bad("id", "", "is that of a webhook of each session: use the token of the session")
	}
	for offset := 0; ; {
		var page struct {
			Sessions []struct {
				ID       string `json:"session_id"`
				Webhooks []struct {
					ID string `json:"webhook_id"`
				}
			}
			Next *int `json:"next_offset"`
		}
		if err := x.Call("session.list", rest.Params{"full": true, "limit": 200, "offset": offset}, &page); err != nil {
			return nil, err
		}
		for _, s := range page.Sessions {
			for _, w := range s.Webhooks {
				if w.ID == in.ID {
					return deleted, x.Call("webhook.delete", rest.Params{"session": s.ID, "webhook_id": in.ID}, nil)
				}
			}
		}
		if page.Next == nil || *page.Next <= offset {
			return nil, rpc.NotFound("there is no such webhook")
		}
		offset = *page.Next
	}
}
