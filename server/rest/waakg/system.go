package waakg

import (
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func systemRoutes() []rest.Route {
	return []rest.Route{
		rest.Row("GET", "/system/monitor", "server.getHealth", showServer, rest.Reads[serverState]("server.getHealth"), rest.FailText("Internal Server Error")),
		rest.Row("GET", "/system/monitor/{sessionId}", "session.getStatus chat.list"+storedMethods, showMonitor, storedReads(rest.Reads[connection]("session.getStatus"), rest.Reads[chatCount]("chat.list"),
			rest.FailText("Internal Server Error"))...),
	}
}

// serverState is the state of this process. What the document's server has about the disks and networks of the machine is left to the machine's own monitoring.
type serverState struct {
	CPU struct {
		Count int `json:"count" from:"/metrics/cpus"`
	} `json:"cpu" from:"/"`
	OS struct {
		Host *string `json:"host" from:"/environment/host"`
	} `json:"os" from:"/"`
	Process struct {
		Uptime     int       `json:"uptime" from:"/uptime_seconds" doc:"seconds"`
		StartedAt  time.Time `json:"startedAt" from:"/started_at"`
		Version    string    `json:"version" from:"/version"`
		Goroutines int       `json:"goroutines" from:"/metrics/goroutines"`
	} `json:"process" from:"/"`
	Health   string            `json:"health" from:"/status"`
	Services map[string]health `json:"services" from:"/services"`
}

// health is the state of something that the server uses.
type health struct {
	Status string `json:"status" from:"/status"`
}

// showServer returns the state of the server to admins.
func showServer(x *rest.Exchange, _ *rest.None) (*enveloped[serverState], error) {
	if x.Principal.Kind != rpc.ScopeAdmin || x.Principal.Session != "" {
		return nil, &rest.Failure{Err: rpc.Forbidden("the credential is not that of an admin"), Text: "Forbidden - Superadmin only"}
	}
	shown := &enveloped[serverState]{outcome: outcome{true, true, "System metrics fetched successfully"}}
	return shown, x.Read("server.getHealth", nil, &shown.Data)
}

type connection struct {
	State  sessionWord `from:"/state"`
	Reason string      `from:"/reason"`
	Uptime int64       `from:"/uptime_seconds"`
}

type chatCount struct {
	Chats int `from:"/total"`
}

type monitor struct {
	Status   sessionWord `json:"status"`
	Uptime   int64       `json:"uptime" doc:"seconds"`
	UptimeMS int64       `json:"uptimeMs"`
	Ping     string      `json:"ping" doc:"Online or Offline"`
	Store    struct {
		Contacts int `json:"contacts"`
		Chats    int `json:"chats"`
		Messages int `json:"messages"`
	} `json:"store"`
}

// showMonitor returns the state of the connection of a session, and its counts.
func showMonitor(x *rest.Exchange, _ *sessionRequest) (*enveloped[monitor], error) {
	var now connection
	var chats chatCount
	var counts sessionCounts
	err := x.Read("session.getStatus", nil, &now)
	if err == nil {
		counts, err = countStored(x)
	}
	if err == nil {
		err = x.Read("chat.list", rest.Params{"limit": 1}, &chats)
	}
	shown := &enveloped[monitor]{outcome: outcome{true, true, "Session metrics fetched"}}
	m := &shown.Data
	m.Status, m.Uptime, m.UptimeMS, m.Ping = wordOf(now.State, now.Reason), now.Uptime, now.Uptime*1000, "Online"
	m.Store.Contacts, m.Store.Chats, m.Store.Messages = counts.Contacts, chats.Chats, counts.Messages
	if m.Status != "CONNECTED" {
		shown.Message, m.Ping = "Session is not connected", "Offline"
	}
	return shown, err
}
