package digigo

import (
	"encoding/json"

	"github.com/waystation/waystation/server/rest"
)

func monitoringRoutes() []rest.Route {
	return []rest.Route{
		rest.Row("GET", "/admin/events/stream", "delivery.watch", streamEvents, rest.Family(familyMonitoring)),
		rest.Row("GET", "/admin/events/history", "delivery.list", listEvents, rest.Family(familyMonitoring)),
		rest.Row("GET", "/admin/events/stats", "delivery.getStats", eventStats, rest.Family(familyMonitoring)),
		rest.Pass[pruneRequest, pruneEventsAnswer]("POST", "/admin/events/prune", "delivery.prune", rest.Family(familyMonitoring), rest.BodyText("Invalid body")),
		rest.Row("POST", "/admin/events/session", "delivery.createWatchToken", makeWatchToken, rest.Family(familyMonitoring)),
	}
}

// watchFilter selects deliveries, which the document calls events.
type watchFilter struct {
	User       *string `rest:"user_id,query,param=/session_ids" doc:"id of a session"`
	Event      *string `rest:"event_type,query,param=/event"`
	Status     *string `rest:"status,query,param=/status" enum:"pending|processing|delivered|failed"`
	SinceID    *int64  `rest:"since_id,query,param=/since_id" doc:"after this id"`
	SinceTime  *string `rest:"since_time,query,param=/since"`
	Limit      *int    `rest:"limit,query,param=/limit" doc:"1 to 1000, default 50"`
	FailedOnly *bool   `rest:"only_failed,query,param=/failed_only" doc:"only failed ones unless a status is given"`
}

// params are those of delivery.list and delivery.watch.
func (f *watchFilter) params() rest.Params {
	p := rest.Params{"include_payload": true}
	put(p, "event", rest.Deref(f.Event))
	put(p, "status", rest.Deref(f.Status))
	put(p, "since", rest.Deref(f.SinceTime))
	if rest.Deref(f.User) != "" {
		p["session_ids"] = []string{*f.User}
	}
	if f.SinceID != nil {
		p["since_id"] = *f.SinceID
	}
	if f.Limit != nil {
		p["limit"] = *f.Limit
	}
	if f.FailedOnly != nil {
		p["failed_only"] = *f.FailedOnly
	}
	return p
}

// delivery is what the dialect reads of a delivery.
type delivery struct {
	ID       *int64 `json:"delivery_id"`
	Session  string `json:"session_id"`
	Event    string
	Status   string
	Attempts int
	Payload  json.RawMessage
	Created  *string `json:"created_at"`
	Updated  *string `json:"updated_at"`
}

// monitored is a delivery as the document shows it.
type monitored struct {
	ID       int64   `json:"id" doc:"0 while it has not ended"`
	User     string  `json:"user_id"`
	Event    string  `json:"event_type"`
	Payload  payload `json:"payload"`
	Status   string  `json:"status"`
	Attempts int     `json:"attempts"`
	Created  string  `json:"created_at"`
	Updated  string  `json:"updated_at"`
}

type payload struct {
	Raw string `json:"raw" doc:"JSON; empty when it is no longer kept"`
}

func (d *delivery) monitored() monitored {
	created, updated := rest.Deref(d.Created), rest.Deref(d.Updated)
	if created == "" {
		created = updated
	}
	return monitored{
		ID: rest.Deref(d.ID), User: d.Session, Event: d.Event, Payload: payload{text(d.Payload)}, Status: d.Status, Attempts: d.Attempts, Created: created, Updated: updated,
	}
}

type history struct {
	Events  []monitored `json:"events"`
	HasMore bool        `json:"has_more"`
	NextID  int64       `json:"next_id"`
	Count   int         `json:"count"`
}

func listEvents(x *rest.Exchange, in *watchFilter) (*history, error) {
	var page struct {
		Deliveries []delivery
		HasMore    bool  `json:"has_more"`
		NextID     int64 `json:"next_id"`
	}
	params := in.params()
	if err := limited(x, params); err != nil {
		return nil, err
	}
	err := x.Call("delivery.list", params, &page)
	out := &history{HasMore: page.HasMore, NextID: page.NextID, Count: len(page.Deliveries), Events: make([]monitored, len(page.Deliveries))}
	for i := range page.Deliveries {
		out.Events[i] = page.Deliveries[i].monitored()
	}
	return out, err
}
