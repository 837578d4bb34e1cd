package digigo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// limitToToken adds the filter of a watch token to params, which must not contradict it.
func limitToToken(x *rest.Exchange, params rest.Params) error {
	if len(x.Filter) == 0 {
		return nil
	}
	var built map[string]json.RawMessage
	if err := json.Unmarshal(x.Filter, &built); err != nil {
		return fmt.Errorf("filter of a watch token: %w", err)
	}
	for name, value := range built {
		if asked, given := params[name]; given && name != "include_payload" {
			if raw, err := json.Marshal(asked); err != nil || !bytes.Equal(raw, value) {
				return rpc.Forbidden("the token has another " + name + " built in")
			}
		}
		params[name] = value
	}
	params["include_payload"] = true
	return nil
}

func streamEvents(x *rest.Exchange, _ *watchFilter) (*rest.Reply, error) {
	params, err := x.Params()
	if err == nil {
		err = limitToToken(x, params)
	}
	if err != nil {
		return nil, err
	}
	if last := x.Request.Header.Get("Last-Event-ID"); last != "" {
		id, err := strconv.ParseInt(last, 10, 64)
		if err != nil {
			return nil, rest.Bad("since_id", "", "the header Last-Event-ID must be a whole number")
		}
		params["since_id"] = id
		delete(params, "since") // of the first request; limit must not leave out later events
		delete(params, "limit")
	}
	return x.Watch("delivery.watch", params, func(note rest.Note) (rest.Frame, bool) { return frameOf(x, note) })
}

// deliveryUpdate is a notification of a delivery.
type deliveryUpdate struct {
	Delivery monitored `from:"/delivery"`
}

// frameOf is a notification of delivery.watch as the document shows it.
func frameOf(x *rest.Exchange, note rest.Note) (rest.Frame, bool) {
	switch note.Method {
	case "delivery.update":
		var update deliveryUpdate
		if x.Fill(note.Params, &update) != nil {
			return rest.Frame{}, false
		}
		shown := update.Delivery
		out := rest.Frame{Event: shown.Event, Data: shown}
		if shown.ID > 0 {
			out.ID = strconv.FormatInt(shown.ID, 10)
		}
		return out, true
	case "delivery.gap":
		var gap struct {
			From int64 `json:"from_id"`
			To   int64 `json:"to_id"`
		}
		err := json.Unmarshal(note.Params, &gap)
		return rest.Frame{Comment: fmt.Sprintf("events from %d to %d may be missing", gap.From, gap.To)}, err == nil
	}
	return rest.Frame{}, false
}

type pruneRequest struct {
	Hours *int `rest:"retention_hours,param=/older_than_hours" bad:"Invalid body" doc:"at least 1; absent = the regular retention"`
}

type pruneEventsAnswer struct {
	Deleted   int    `json:"deleted" from:"/archive_deleted_count"`
	Hours     int    `json:"retention_h" from:"/older_than_hours"`
	Threshold string `json:"threshold" from:"/threshold"`
}

type prunerAnswer struct {
	Success bool        `json:"success" from:"=true"`
	Message string      `json:"message" from:"=prune triggered successfully"`
	Stats   prunerStats `json:"pruner_stats"`
}

type prunerStats struct {
	Total         int    `json:"total_pruned" from:"/total_deleted_count"`
	TotalArchived int    `json:"total_archive_pruned" from:"/total_archive_deleted_count"`
	Last          string `json:"last_prune_time" from:"/last_run_at"`
	Next          string `json:"next_prune_time" from:"/next_run_at"`
}

type watchTokenRequest struct {
	Filters *struct {
		User       sessionID `rest:"user_id,param=/filter/session_ids" doc:"id of a session; the token reaches this one alone"`
		Event      string    `rest:"event_type,param=/filter/event"`
		Status     string    `rest:"status,param=/filter/status" enum:"|pending|processing|delivered|failed"`
		SinceID    *int64    `rest:"since_id,param=/filter/since_id"`
		SinceTime  string    `rest:"since_time,param=/filter/since"`
		Limit      *int      `rest:"limit,param=/filter/limit"`
		FailedOnly *bool     `rest:"only_failed,param=/filter/failed_only"`
	} `rest:"filters"`
}

type watchTokenAnswer struct {
	Token   string `json:"session_token" from:"/token"`
	Expires string `json:"expires_at" from:"/expires_at"`
	URL     string `json:"stream_url"`
	TTL     int    `json:"ttl_seconds" from:"/ttl_seconds"`
}

func makeWatchToken(x *rest.Exchange, in *watchTokenRequest) (*watchTokenAnswer, error) {
	params, err := x.Params()
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	if x.Ticket {
		params["renew_token"] = x.Request.URL.Query().Get("session")
	}
	if f := in.Filters; f != nil {
		for name, value := range map[string]string{"user_id": string(f.User), "event_type": f.Event, "status": f.Status} {
			if value != "" {
				query.Set(name, value)
			}
		}
	}
	made := &watchTokenAnswer{}
	if err := x.Read("delivery.createWatchToken", params, made); err != nil {
		return nil, err
	}
	query.Set("session", made.Token)
	mount, _, _ := strings.Cut(x.Request.RequestURI, "/admin/")
	made.URL = mount + "/admin/events/stream?" + query.Encode()
	return made, nil
}
