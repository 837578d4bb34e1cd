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

// limited puts what a watch token is limited to into params, which may say the same or nothing about it.
func limited(x *rest.Exchange, params rest.Params) error {
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

func streamEvents(x *rest.Exchange, in *watchFilter) (*rest.Reply, error) {
	params := in.params()
	if err := limited(x, params); err != nil {
		return nil, err
	}
	if last := x.Request.Header.Get("Last-Event-ID"); last != "" {
		id, err := strconv.ParseInt(last, 10, 64)
		if err != nil {
			return nil, rest.Bad("since_id", "", "the header Last-Event-ID must be a whole number")
		}
		params["since_id"] = id
		delete(params, "since") // of the first request; what came since then is not to be left out by limit
		delete(params, "limit")
	}
	return x.Watch("delivery.watch", params, frame)
}

// frame is a notification of delivery.watch as the document shows it.
func frame(note rest.Note) (rest.Frame, bool) {
	switch note.Method {
	case "delivery.update":
		var update struct{ Delivery delivery }
		if json.Unmarshal(note.Params, &update) != nil {
			return rest.Frame{}, false
		}
		shown := update.Delivery.monitored()
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
		User       *string `rest:"user_id,param=/filter/session_ids" doc:"id of a session; the token reaches this one alone"`
		Event      *string `rest:"event_type,param=/filter/event"`
		Status     *string `rest:"status,param=/filter/status" enum:"|pending|processing|delivered|failed"`
		SinceID    *int64  `rest:"since_id,param=/filter/since_id"`
		SinceTime  *string `rest:"since_time,param=/filter/since"`
		Limit      *int    `rest:"limit,param=/filter/limit"`
		FailedOnly *bool   `rest:"only_failed,param=/filter/failed_only"`
	} `rest:"filters"`
}

type watchTokenAnswer struct {
	Token   string `json:"session_token"`
	Expires string `json:"expires_at"`
	URL     string `json:"stream_url"`
	TTL     int    `json:"ttl_seconds"`
}

func makeWatchToken(x *rest.Exchange, in *watchTokenRequest) (*watchTokenAnswer, error) {
	params, query := rest.Params{}, url.Values{}
	if x.Ticket {
		params["renew_token"] = x.Request.URL.Query().Get("session")
	}
	if f := in.Filters; f != nil {
		which := watchFilter{f.User, f.Event, f.Status, f.SinceID, f.SinceTime, f.Limit, f.FailedOnly}
		filter := which.params()
		delete(filter, "include_payload")
		params["filter"] = filter
		for name, value := range map[string]string{"user_id": rest.Deref(f.User), "event_type": rest.Deref(f.Event), "status": rest.Deref(f.Status)} {
			if value != "" {
				query.Set(name, value)
			}
		}
	}
	var made struct {
		Token   string
		Expires string `json:"expires_at"`
		TTL     int    `json:"ttl_seconds"`
	}
	if err := x.Call("delivery.createWatchToken", params, &made); err != nil {
		return nil, err
	}
	query.Set("session", made.Token)
	mount, _, _ := strings.Cut(x.Request.RequestURI, "/admin/")
	return &watchTokenAnswer{made.Token, made.Expires, mount + "/admin/events/stream?" + query.Encode(), made.TTL}, nil
}
