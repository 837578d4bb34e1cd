package digigo

import "github.com/waystation/waystation/server/rest"

func monitoringRoutes() []rest.Route {
	monitoring, payloads := rest.Family(familyMonitoring), rest.With(rest.Params{"include_payload": true})
	return []rest.Route{
		rest.Row("GET", "/admin/events/stream", "delivery.watch", streamEvents, monitoring, payloads, rest.Reads[deliveryUpdate]("")),
		rest.Pass[watchFilter, history]("GET", "/admin/events/history", "delivery.list", monitoring, payloads, rest.Adjust(limitToToken)),
		rest.Pass[rest.None, statsAnswer]("GET", "/admin/events/stats", "delivery.getStats", monitoring),
		rest.Pass[pruneRequest, pruneEventsAnswer]("POST", "/admin/events/prune", "delivery.prune", monitoring, rest.BodyText("Invalid body")),
		rest.Row("POST", "/admin/events/session", "delivery.createWatchToken", makeWatchToken, monitoring, rest.Reads[watchTokenAnswer]("delivery.createWatchToken")),
	}
}

// watchFilter selects deliveries, which the document calls events.
type watchFilter struct {
	User       sessionID `rest:"user_id,query,param=/session_ids" doc:"id of a session"`
	Event      string    `rest:"event_type,query,param=/event"`
	Status     string    `rest:"status,query,param=/status" enum:"pending|processing|delivered|failed"`
	SinceID    *int64    `rest:"since_id,query,param=/since_id" doc:"after this id"`
	SinceTime  string    `rest:"since_time,query,param=/since"`
	Limit      *int      `rest:"limit,query,param=/limit" doc:"1 to 1000, default 50"`
	FailedOnly *bool     `rest:"only_failed,query,param=/failed_only" doc:"only failed ones unless a status is given"`
}

// monitored is a delivery as the document shows it.
type monitored struct {
	ID      int64  `json:"id" from:"/delivery_id" doc:"0 while it has not ended"`
	User    string `json:"user_id" from:"/session_id"`
	Event   string `json:"event_type" from:"/event"`
	Payload struct {
		Raw jsonText `json:"raw" from:"/payload" doc:"JSON; empty when it is no longer kept"`
	} `json:"payload"`
	Status   string `json:"status" from:"/status"`
	Attempts int    `json:"attempts" from:"/attempts"`
	Created  string `json:"created_at" from:"/created_at|/updated_at"`
	Updated  string `json:"updated_at" from:"/updated_at"`
}

type history struct {
	Events  []monitored `json:"events" from:"/deliveries"`
	HasMore bool        `json:"has_more" from:"/has_more"`
	NextID  int64       `json:"next_id" from:"/next_id"`
	Count   int         `json:"count" from:"#/deliveries"`
}
