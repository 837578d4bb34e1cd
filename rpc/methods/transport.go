package methods

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
	"github.com/waystation/waystation/transports/outlets"
)

// transportName is the param of methods that act on one transport of a session.
type transportName struct {
	Transport string `json:"transport" rpc:"required,enum=redis|amqp|sqs|websocket" doc:"redis, amqp, sqs or websocket; sockets have no settings"`
}

// transportChange contains the settings of a session's broker that a call sets.
type transportChange struct {
	Enabled *bool                      `json:"enabled" doc:"enabled; default true once there is a url. After enabling, delivery begins with the next event"`
	URL     *string                    `json:"url" rpc:"max=4096" doc:"broker address, with user and password where needed; the masked form keeps the stored one"`
	Events  []string                   `json:"events" rpc:"max=100" doc:"event names, or [\"*\"] for every event that has an offset; default [\"*\"]"`
	Format  *string                    `json:"format" rpc:"enum=native" doc:"payload format: the events as sent to sockets"`
	Options map[string]json.RawMessage `json:"options" rpc:"max=100" doc:"settings of this kind of transport; given ones are replaced, null restores a default, *** keeps a secret. transport.getSettings returns all of them"`
}

func (c *transportChange) change() outlets.Change {
	return outlets.Change{Enabled: c.Enabled, URL: c.URL, Events: c.Events, Options: c.Options}
}

type transportUpdateParams struct {
	transportName
	transportChange
}

// transportSettings is the settings object of results.
type transportSettings struct {
	Enabled   bool                       `json:"enabled" doc:"delivers"`
	URL       string                     `json:"url" doc:"broker address, password masked"`
	Events    []string                   `json:"events" doc:"event names, or [\"*\"]"`
	Format    string                     `json:"format" doc:"payload shape"`
	Options   map[string]json.RawMessage `json:"options" doc:"settings of this kind of transport, with defaults, secrets masked"`
	CreatedAt *time.Time                 `json:"created_at,omitempty" doc:"creation"`
	UpdatedAt *time.Time                 `json:"updated_at,omitempty" doc:"last change"`
}

func shapeTransport(s *outlets.Settings) transportSettings {
	out := transportSettings{Enabled: s.Enabled, URL: s.URL, Events: s.Events, Format: "native", Options: s.Options}
	if out.Events == nil {
		out.Events = []string{}
	}
	if out.Options == nil {
		out.Options = map[string]json.RawMessage{}
	}
	return out
}

func shapeOwnTransport(o *outlets.Own) transportSettings {
	out := shapeTransport(&o.Settings)
	out.CreatedAt, out.UpdatedAt = shared.OptionalTime(o.Created), shared.OptionalTime(o.Updated)
	return out
}

type brokerStats struct {
	ActiveQueues    int        `json:"active_queues" doc:"queues that accepted messages; 0 for transports without queues"`
	Queues          []string   `json:"queues" doc:"their names, those of this session alone"`
	PublishedCount  uint64     `json:"published_count" doc:"messages that the broker accepted since the connection was opened, of all sessions that share it"`
	LastPublishedAt *time.Time `json:"last_published_at" doc:"null = none yet"`
	Connected       bool       `json:"connected" doc:"the latest attempt succeeded"`
	FailedCount     uint64     `json:"failed_count" doc:"attempts that failed"`
	UnroutableCount uint64     `json:"unroutable_count" doc:"messages that no queue accepted"`
	TruncatedCount  uint64     `json:"truncated_count" doc:"of published_count, those sent by reference because of their size"`
	Reason          *string    `json:"reason" doc:"why the latest attempt failed: unreachable, unresolved, certificate, timeout, credentials, missing, not_ready or refused; null = it did not"`
	LastError       *string    `json:"last_error" doc:"error of the latest failed attempt, kept after later successes"`
}

func shapeBrokerStats(f *outlets.Figures) brokerStats {
	return brokerStats{
		ActiveQueues: f.ActiveQueues, Queues: append([]string{}, f.Queues...), PublishedCount: f.Published, LastPublishedAt: shared.OptionalTime(f.LastPublish), Connected: f.Connected,
		FailedCount: f.Failed, UnroutableCount: f.Unroutable, TruncatedCount: f.Truncated, Reason: shared.Optional(string(f.Reason)), LastError: shared.Optional(f.LastError),
	}
}

type transportGetResult struct {
	Settings transportSettings `json:"settings" doc:"stored settings, secrets masked"`
	Stats    brokerStats       `json:"stats" doc:"figures"`
}

type transportUpdateResult struct {
	Settings transportSettings `json:"settings" doc:"stored settings, secrets masked"`
}

type transportDeleteResult struct {
	Transport string `json:"transport" doc:"the removed one"`
}

type transportTestResult struct {
	OK              bool             `json:"ok" doc:"reached and usable"`
	Error           *string          `json:"error" doc:"error; null = usable"`
	DurationSeconds float64          `json:"duration_seconds" doc:"time taken"`
	Details         transportDetails `json:"details" doc:"tested endpoint"`
}

type transportDetails struct {
	Host           *string `json:"host" doc:"host; null = several"`
	Port           *int    `json:"port" doc:"port; null = the usual one"`
	Exchange       *string `json:"exchange" doc:"exchange, where there is one"`
	Queue          *string `json:"queue" doc:"queue, where there is one"`
	ExchangeExists *bool   `json:"exchange_exists" doc:"null = not asked"`
	QueueExists    *bool   `json:"queue_exists" doc:"null = not asked"`
}

func shapeTrial(t *outlets.TestResult) transportTestResult {
	out := transportTestResult{OK: t.Err == nil, DurationSeconds: t.Took.Seconds(), Details: transportDetails{
		Host: shared.Optional(t.Host), Port: shared.Optional(t.Port), Exchange: shared.Optional(t.Exchange), Queue: shared.Optional(t.Queue),
		ExchangeExists: t.ExchangeExists, QueueExists: t.QueueExists,
	}}
	if t.Err != nil {
		out.Error = shared.Optional(t.Err.Error())
	}
	return out
}

// transportTestTimeout leaves a test, which has a time of its own, room to end first.
const transportTestTimeout = time.Minute

// RegisterTransport adds the methods of the namespace transport.
func RegisterTransport(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "transport.getSettings", Summary: "Read a session's settings of one transport, with figures."},
		func(ctx context.Context, s *bridge.Session, p *transportName) (out transportGetResult, err error) {
			if err = p.check(); err != nil {
				return out, err
			}
			own, figures, err := d.Outlets.Get(ctx, s.ID(), p.Transport)
			if err != nil {
				return out, transportError("", err)
			}
			return transportGetResult{shapeOwnTransport(&own), shapeBrokerStats(&figures)}, nil
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{
		Name: "transport.updateSettings", Summary: "Store and apply a session's settings of one transport; absent params stay.",
		Description: "They are beside the global transports, and skip_global does not touch them. Sessions with the same settings share a connection.",
	},
		func(ctx context.Context, s *bridge.Session, p *transportUpdateParams) (out transportUpdateResult, err error) {
			if err = p.check(); err != nil {
				return out, err
			}
			own, err := d.Outlets.Update(ctx, s.ID(), p.Transport, p.change())
			if err != nil {
				return out, transportError("", err)
			}
			return transportUpdateResult{shapeOwnTransport(&own)}, nil
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "transport.deleteSettings", Summary: "Remove a session's settings of one transport and stop publishing."},
		func(ctx context.Context, s *bridge.Session, p *transportName) (transportDeleteResult, error) {
			err := p.check()
			if err == nil {
				err = transportError("", d.Outlets.Delete(ctx, s.ID(), p.Transport))
			}
			return transportDeleteResult{p.Transport}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "transport.test", Summary: "Test a session's stored settings of one transport.", Timeout: transportTestTimeout},
		func(ctx context.Context, s *bridge.Session, p *transportName) (out transportTestResult, err error) {
			if err = p.check(); err != nil {
				return out, err
			}
			trial, err := d.Outlets.Test(ctx, s.ID(), p.Transport)
			if err != nil {
				return out, transportError("", err)
			}
			return shapeTrial(&trial), nil
		})
	registerGlobalTransports(reg, d)
}

// check rejects sockets, which need no settings.
func (p *transportName) check() error {
	if p.Transport == outlets.WebSocket {
		return rpc.NotSupported("sockets have no settings: each subscribes itself, with conn.hello and events.subscribe")
	}
	return nil
}

// transportError converts an error of package outlets to the one for callers. Fields are below the pointer.
func transportError(below string, err error) error {
	if refused := shared.RefusedFields(below, err); refused != nil {
		return refused
	}
	switch {
	case errors.Is(err, outlets.ErrNotFound):
		return rpc.NotFound("the session has no settings of this transport").With(map[string]any{"field": "/transport"})
	case errors.Is(err, outlets.ErrUnknown):
		return rpc.NotSupported("this server has no such transport")
	}
	return err
}

// checkTransports validates the brokers of a session that is about to be created.
func (d Deps) checkTransports(ctx context.Context, changes map[string]transportChange) error {
	for name, c := range changes {
		below := "/transports" + shared.Pointer(name)
		switch err := d.Outlets.Check(ctx, name, c.change()); {
		case errors.Is(err, outlets.ErrUnknown):
			return rpc.InvalidParams(below, "is no transport of this server")
		case err != nil:
			return transportError(below, err)
		}
	}
	return nil
}

// setTransports sets the brokers of a new session.
func (d Deps) setTransports(ctx context.Context, session string, changes map[string]transportChange) error {
	for name, c := range changes {
		if _, err := d.Outlets.Update(ctx, session, name, c.change()); err != nil {
			return transportError("/transports"+shared.Pointer(name), err)
		}
	}
	return nil
}
