package digigo

import (
	"fmt"
	"time"

	"github.com/waystation/waystation/server/rest"
)

func syncRoutes() []rest.Route {
	return []rest.Route{
		rest.Pass[appStateSync, appStateSynced]("POST", "/sync/app-state", "sync.fetchAppState", rest.NeedsBody(), rest.Family(familySyncNow), rest.FailText("failed to synchronize app state")),
		rest.Pass[historyRequest, historyRequested]("POST", "/sync/history-request", "sync.requestChatHistory", rest.NeedsBody(), rest.Family(familySyncNow), rest.FailText("failed to request history")),
		rest.Pass[fullHistory, fullHistoryRequested]("POST", "/sync/full-history", "sync.requestFullHistory", rest.Family(familySyncNow), rest.FailText("failed to request full history")),
	}
}

type appStateSync struct {
	Full     *bool `rest:"full_sync,param=/full" doc:"read collections from the beginning; default true"`
	Recovery *bool `rest:"auto_recovery,param=/request_recovery" doc:"ask the phone for a snapshot of a collection that fails; default true"`
}

type appStateSynced struct {
	Success  bool             `json:"success"`
	Message  string           `json:"message"`
	Recovery *bool            `json:"auto_recovery_enabled" from:"<auto_recovery"`
	Results  []collectionSync `json:"results" from:"/results"`
}

type collectionSync struct {
	Name      string  `json:"name" from:"/name"`
	Success   bool    `json:"success" from:"/ok"`
	Error     *string `json:"error,omitempty" from:"/error"`
	Duration  string  `json:"duration"`
	Recovery  bool    `json:"recovery_requested" from:"/recovery_requested"`
	InSeconds float64 `json:"-" from:"/duration_seconds"`
}

// FinishAnswer implements rest.Finisher.
func (c *collectionSync) FinishAnswer() error {
	c.Duration = time.Duration(c.InSeconds * float64(time.Second)).Round(time.Millisecond).String()
	return nil
}

// FinishAnswer implements rest.Finisher.
func (a *appStateSynced) FinishAnswer() error {
	failed := 0
	for i := range a.Results {
		if !a.Results[i].Success {
			failed++
		}
	}
	if a.Success = failed == 0; a.Recovery == nil {
		on := true
		a.Recovery = &on
	}
	a.Message = fmt.Sprintf("App state synchronized successfully. All %d patch types updated.", len(a.Results))
	if failed > 0 {
		a.Message = fmt.Sprintf("App state synchronized with errors: %d of %d patch types failed.", failed, len(a.Results))
	}
	return nil
}

type historyRequest struct {
	Phone     string     `rest:"phone,required,param=/chat" doc:"number, or JID of a person or group"`
	ID        string     `rest:"oldest_message_id,required,param=/oldest_message_id" doc:"oldest known message of the chat"`
	Timestamp unixMillis `rest:"oldest_message_timestamp,required,param=/oldest_timestamp" doc:"its time in Unix milliseconds"`
	FromMe    bool       `rest:"oldest_from_me,param=/oldest_from_me" doc:"it is an own message"`
	Count     *int       `rest:"count,param=/limit" doc:"number of messages, up to 500; default 50"`
}

type historyRequested struct {
	Success   bool   `json:"success" from:"=true"`
	Message   string `json:"message" from:"=History sync request sent successfully. History will arrive asynchronously via HistorySync events (webhook/websocket)."`
	RequestID string `json:"request_id" from:"<oldest_message_id" doc:"the oldest known message"`
	Chat      string `json:"chat" from:"/chat"`
	Count     int    `json:"count" from:"/limit"`
}

type fullHistory struct {
	Days   *int  `rest:"days_limit,param=/days" doc:"age of the oldest messages in days; default 30"`
	Size   *int  `rest:"size_mb_limit,param=/size_megabytes" doc:"size of the history in MB; default 1000"`
	Groups *bool `rest:"include_groups,param=/include_groups" doc:"with groups; default true"`
	Calls  *bool `rest:"include_calls,param=/include_calls" doc:"with the log of calls; default false"`
}

type fullHistoryRequested struct {
	Success   bool   `json:"success" from:"=true"`
	Message   string `json:"message" from:"=Full history sync requested successfully. History will arrive asynchronously via HistorySync events (webhook/websocket). This works exactly like the initial connection sync."`
	RequestID string `json:"request_id" from:"/request_id"`
	Config    struct {
		Days   int  `json:"days_limit" from:"/config/days"`
		Size   int  `json:"size_mb_limit" from:"/config/size_megabytes"`
		Groups bool `json:"include_groups" from:"/config/include_groups"`
		Calls  bool `json:"include_calls" from:"/config/include_calls"`
	} `json:"config"`
}
