package methods

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/outlets"
	"github.com/waystation/waystation/transports/webhook"
)

// GlobalDeps are the dependencies of the methods of global transports.
type GlobalDeps struct {
	// Reload reloads their settings. Its error describes the invalid settings, without secrets; then nothing has
	// changed.
	Reload func(ctx context.Context) error
	// Variables explains the variables that set them.
	Variables map[string]string
	// Policy is the retry policy of deliveries.
	Policy dispatch.Policy
}

// globalSettings are the settings of a global transport as configured.
type globalSettings struct {
	transportSettings
	TimeoutSeconds float64 `json:"timeout_seconds" doc:"of one attempt"`
	MaxRetries     int     `json:"max_retries" doc:"attempts after the first"`
	MaxConcurrency *int    `json:"max_concurrency,omitempty" doc:"webhook: requests at a time"`
}

type globalSettingsResult struct {
	Transports  map[string]globalSettings `json:"transports" doc:"transport name -> settings, secrets masked"`
	Environment map[string]string         `json:"environment" doc:"variable name -> explanation"`
}

// globalStats are the figures of a global transport.
type globalStats struct {
	Enabled         bool       `json:"enabled" doc:"it gets the events of all sessions except those that skip it"`
	Connected       bool       `json:"connected" doc:"the latest attempt succeeded"`
	URL             string     `json:"url" doc:"address, password masked"`
	Events          []string   `json:"events" doc:"event names, or [\"*\"]"`
	TimeoutSeconds  float64    `json:"timeout_seconds" doc:"of one attempt"`
	MaxRetries      int        `json:"max_retries" doc:"attempts after the first"`
	MaxConcurrency  *int       `json:"max_concurrency,omitempty" doc:"webhook: requests at a time"`
	ActiveRequests  *int       `json:"active_requests,omitempty" doc:"webhook: requests under way"`
	AvailableSlots  *int       `json:"available_slots,omitempty" doc:"webhook: free request slots"`
	Exchange        *string    `json:"exchange,omitempty" doc:"amqp: exchange"`
	Queue           *string    `json:"queue,omitempty" doc:"amqp: queue"`
	ActiveQueues    *int       `json:"active_queues,omitempty" doc:"brokers: queues that accepted messages"`
	PublishedCount  *uint64    `json:"published_count,omitempty" doc:"brokers: messages accepted since the connection was opened"`
	LastPublishedAt *time.Time `json:"last_published_at" doc:"brokers: null = none yet"`
	Reason          *string    `json:"reason" doc:"why the latest attempt failed: unreachable, unresolved, certificate, timeout, credentials, missing, not_ready or refused; null = it did not"`
	LastError       *string    `json:"last_error" doc:"of the latest attempt that failed"`
}

type globalStatsResult struct {
	Enabled    bool                   `json:"enabled" doc:"any outlet on"`
	Transports map[string]globalStats `json:"transports" doc:"transport name -> figures"`
}

type globalReloadResult struct {
	Transports map[string]globalStats `json:"transports" doc:"figures after the reload, as transport.getGlobalStats"`
}

// globalTrial is the result of testing one global transport.
type globalTrial struct {
	Enabled          bool    `json:"enabled" doc:"enabled; others are not tested"`
	OK               bool    `json:"ok" doc:"reached and usable"`
	Error            *string `json:"error" doc:"why not"`
	DurationSeconds  float64 `json:"duration_seconds" doc:"time taken"`
	HTTPStatus       *int    `json:"http_status,omitempty" doc:"webhook: HTTP status of the answer"`
	ConnectionStatus *string `json:"connection_status,omitempty" doc:"brokers: connected or disconnected"`
	ExchangeExists   *bool   `json:"exchange_exists,omitempty" doc:"amqp"`
	QueueExists      *bool   `json:"queue_exists,omitempty" doc:"amqp"`
}

type globalTestResult struct {
	Transports map[string]globalTrial `json:"transports" doc:"transport name -> outcome"`
}

type testEventParams struct {
	Event        string          `json:"event" rpc:"max=64" doc:"event name; default test"`
	SessionID    string          `json:"session_id" rpc:"max=64" doc:"id to put into the event; need not exist; default test"`
	SessionToken string          `json:"session_token" rpc:"max=255" doc:"token to put into the event; default the id"`
	Data         json.RawMessage `json:"data" doc:"payload, an object; default a short text"`
}

type testEventResult struct {
	Event        string          `json:"event" doc:"name sent"`
	SessionID    string          `json:"session_id" doc:"id sent"`
	SessionToken string          `json:"session_token" doc:"token sent"`
	Data         json.RawMessage `json:"data" doc:"payload sent"`
	Transports   []string        `json:"transports" doc:"transports that delivered it"`
	Errors       []string        `json:"errors" doc:"reason of other failures"`
}

func registerGlobalTransports(reg *rpc.Registry, d Deps) {
	admin := func(name, summary string) rpc.Method {
		return rpc.Method{Name: name, Summary: summary, Scope: rpc.ScopeAdmin, Timeout: transportTestTimeout}
	}
	rpc.Register(reg, admin("transport.getGlobalSettings", "Read the operator's global transports as configured."),
		func(_ context.Context, _ *rpc.Call, _ *shared.None) (globalSettingsResult, error) {
			list, err := d.globalSettings()
			return globalSettingsResult{list, d.Globals.Variables}, err
		})
	rpc.Register(reg, admin("transport.getGlobalStats", "Read live figures of the operator's global transports."),
		func(_ context.Context, _ *rpc.Call, _ *shared.None) (out globalStatsResult, err error) {
			out.Transports, err = d.globalStats()
			for name, t := range out.Transports {
				out.Enabled = out.Enabled || t.Enabled && name != outlets.WebSocket
			}
			return out, err
		})
	rpc.Register(reg, admin("transport.testGlobal", "Test each global transport."),
		func(ctx context.Context, _ *rpc.Call, _ *shared.None) (globalTestResult, error) {
			return globalTestResult{d.testGlobals(ctx)}, ctx.Err()
		})
	reload := admin("transport.reloadGlobal", "Read the global transports' configuration again without a restart.")
	reload.Description = "The file that env-file names is read again. When something is wrong, nothing changes and the error names the settings."
	rpc.Register(reg, reload, func(ctx context.Context, _ *rpc.Call, _ *shared.None) (out globalReloadResult, err error) {
		if err = d.Globals.Reload(ctx); err != nil {
			return out, rpc.Conflict("nothing was changed: " + err.Error())
		}
		out.Transports, err = d.globalStats()
		return out, err
	})
	rpc.Register(reg, admin("transport.sendTestEvent", "Push a made-up event through the global transports."), d.sendTestEvent)
}

// globalSettings lists all transports that can be global, those that are off too.
func (d Deps) globalSettings() (map[string]globalSettings, error) {
	now := d.Outlets.Globals()
	list := map[string]globalSettings{}
	put := func(name string, s transportSettings) {
		list[name] = globalSettings{
			transportSettings: s, TimeoutSeconds: d.Globals.Policy.AttemptTimeout.Seconds(), MaxRetries: max(d.Globals.Policy.MaxAttempts-1, 0),
		}
	}
	for _, name := range d.Outlets.Transports() {
		shown, _, err := d.Outlets.Global(name)
		if err != nil {
			return nil, err
		}
		put(name, shapeTransport(&shown))
	}
	hook := outlets.Settings{}
	if g := now.Webhook; g != nil {
		hook = outlets.Settings{Enabled: true, URL: broker.Mask(g.URL), Events: g.Events}
	}
	shaped := shapeTransport(&hook)
	if now.Webhook != nil {
		shaped.Format = string(now.Webhook.Format)
	}
	put(webhook.Transport, shaped)
	entry := list[webhook.Transport]
	requests := d.Webhooks.GlobalRequests()
	entry.MaxConcurrency = &requests
	list[webhook.Transport] = entry
	put(outlets.WebSocket, shapeTransport(&outlets.Settings{Enabled: now.WebSocket, Events: []string{outlets.AllEvents}}))
	return list, nil
}

func (d Deps) globalStats() (map[string]globalStats, error) {
	settings, err := d.globalSettings()
	list := make(map[string]globalStats, len(settings))
	for name, s := range settings {
		out := globalStats{
			Enabled: s.Enabled, URL: s.URL, Events: s.Events, TimeoutSeconds: s.TimeoutSeconds, MaxRetries: s.MaxRetries, MaxConcurrency: s.MaxConcurrency,
			Exchange: textOption(s.Options, "exchange"), Queue: textOption(s.Options, "queue"),
		}
		if figures, on := d.Outlets.Stats(name); on {
			out.Connected, out.ActiveQueues, out.PublishedCount = figures.Connected, &figures.ActiveQueues, &figures.Published
			out.LastPublishedAt, out.LastError, out.Reason = shared.OptionalTime(figures.LastPublish), shared.Optional(figures.LastError), shared.Optional(string(figures.Reason))
		}
		switch name {
		case webhook.Transport:
			active, free := d.Webhooks.GlobalLoad()
			standing := d.Webhooks.GlobalStanding()
			out.ActiveRequests, out.AvailableSlots, out.LastError = &active, &free, shared.Optional(standing.LastError)
			out.Reason = shared.Optional(string(standing.Reason))
			out.Connected = s.Enabled && standing.LastStatus != 0
		case outlets.WebSocket:
			out.Connected = s.Enabled
		}
		list[name] = out
	}
	return list, err
}

func textOption(options map[string]json.RawMessage, name string) *string {
	var text string
	if json.Unmarshal(options[name], &text) != nil {
		return nil
	}
	return shared.Optional(text)
}

// eachGlobal runs a function for every enabled global transport concurrently: one that hangs delays no other.
func (d Deps) eachGlobal(do func(name string)) {
	now := d.Outlets.Globals()
	var all sync.WaitGroup
	for _, name := range d.Outlets.Transports() {
		if now.Brokers[name].Enabled {
			all.Go(func() { do(name) })
		}
	}
	if now.Webhook != nil {
		all.Go(func() { do(webhook.Transport) })
	}
	all.Wait()
}

func (d Deps) testGlobals(ctx context.Context) map[string]globalTrial {
	list := map[string]globalTrial{webhook.Transport: {}, outlets.WebSocket: {}}
	for _, name := range d.Outlets.Transports() {
		list[name] = globalTrial{}
	}
	if d.Outlets.Globals().WebSocket {
		list[outlets.WebSocket] = globalTrial{Enabled: true, OK: true}
	}
	var mu sync.Mutex
	d.eachGlobal(func(name string) {
		trial := d.testGlobal(ctx, name)
		mu.Lock()
		defer mu.Unlock()
		list[name] = trial
	})
	return list
}

func (d Deps) testGlobal(ctx context.Context, name string) globalTrial {
	if name == webhook.Transport {
		trial, err := d.Webhooks.TestGlobal(ctx)
		if err != nil {
			return globalTrial{Enabled: true, Error: shared.Optional(publicText(err))}
		}
		return globalTrial{
			Enabled: true, OK: trial.Error == "", Error: shared.Optional(trial.Error), DurationSeconds: trial.Duration.Seconds(), HTTPStatus: shared.Optional(trial.Status),
		}
	}
	trial, on := d.Outlets.TestGlobal(ctx, name)
	if !on { // disabled meanwhile
		return globalTrial{}
	}
	shaped := shapeTrial(&trial)
	status := "connected"
	if !shaped.OK {
		status = "disconnected"
	}
	return globalTrial{
		Enabled: true, OK: shaped.OK, Error: shaped.Error, DurationSeconds: shaped.DurationSeconds, ConnectionStatus: &status,
		ExchangeExists: trial.ExchangeExists, QueueExists: trial.QueueExists,
	}
}

// Validate requires an object: it is sent as an event's data.
func (p *testEventParams) Validate() error {
	var object map[string]json.RawMessage
	if len(p.Data) > 0 && string(p.Data) != "null" && (json.Unmarshal(p.Data, &object) != nil || object == nil) {
		return rpc.Fields{{Pointer: "/data", Problem: "must be an object"}}
	}
	return nil
}

func (d Deps) sendTestEvent(ctx context.Context, _ *rpc.Call, p *testEventParams) (testEventResult, error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	out := testEventResult{Event: p.Event, SessionID: p.SessionID, SessionToken: p.SessionToken, Transports: []string{}, Errors: []string{}}
	if out.Event == "" {
		out.Event = "test"
	}
	if out.SessionID == "" {
		out.SessionID = "test"
	}
	if out.SessionToken == "" {
		out.SessionToken = out.SessionID
	}
	data := map[string]json.RawMessage{"message": json.RawMessage(`"A test event of the global transports"`)}
	if len(p.Data) > 0 && string(p.Data) != "null" {
		data = nil
		if err := json.Unmarshal(p.Data, &data); err != nil {
			return out, err
		}
	}
	token, err := json.Marshal(out.SessionToken)
	if err != nil {
		return out, err
	}
	data["session_token"] = token
	if out.Data, err = json.Marshal(data); err != nil {
		return out, err
	}
	event := &journal.Event{
		Session: out.SessionID, ID: ulid.MustNew(ulid.Timestamp(now), rand.Reader).String(), Type: out.Event, Origin: journal.OriginServer,
		Time: now, Data: out.Data,
	}
	delivery := &dispatch.Delivery{Event: event, Body: event.Body(), Attempt: 1}
	var mu sync.Mutex
	d.eachGlobal(func(name string) {
		var err error
		if name == webhook.Transport {
			err = d.Webhooks.SendGlobal(ctx, delivery)
		} else {
			err = d.Outlets.Send(ctx, name, delivery)
		}
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			out.Errors = append(out.Errors, err.Error())
		} else {
			out.Transports = append(out.Transports, name)
		}
	})
	slices.Sort(out.Transports)
	return out, ctx.Err()
}
