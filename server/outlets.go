package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/outlets"
	"github.com/waystation/waystation/transports/webhook"
)

// eventNames returns the names of all events; true = it is a signal.
func eventNames() map[string]bool {
	events := map[string]bool{}
	for _, e := range bridge.EventTypes() {
		events[e.Name] = e.Volatile
	}
	return events
}

func (a *app) openOutlets(ctx context.Context) (err error) {
	a.outlets, err = outlets.Open(ctx, a.db, a.deliver, a.webhooks, outlets.Config{
		Key: a.secret.Key("broker settings"), PreviousKeys: a.secret.PreviousKeys("broker settings"), Events: eventNames(), Dial: a.outbound.Dial, Check: a.outbound.CheckHost, Policy: a.deliveryPolicy(),
		MaxNames: a.cfg.MaxBrokerNames, Log: a.log.With("part", "outlets"),
	})
	return err
}

// startOutlets starts the deliveries to brokers and global transports. The bridge has loaded its sessions and none of
// them is connected yet.
func (a *app) startOutlets(ctx context.Context) error {
	sessions := map[string][]string{}
	for _, s := range a.bridge.Sessions() {
		sessions[s.ID()] = s.Settings().SkipGlobal
	}
	globals, err := globalsOf(&a.cfg.Global)
	if err != nil {
		return err
	}
	return namedBySetting(a.outlets.Start(ctx, sessions, globals))
}

// reloadGlobals reloads the settings of the global transports and of the operator's object storage. Invalid settings
// change nothing.
func (a *app) reloadGlobals(ctx context.Context) error {
	a.reloads.Lock() // so that the settings read last are the ones in force
	defer a.reloads.Unlock()
	cfg, err := a.cfg.Reread()
	if err != nil {
		return err
	}
	globals, err := globalsOf(&cfg.Global)
	if err != nil {
		return err
	}
	files := globalStorage(&cfg.ObjectStorage)
	if err = storageSetting(a.storage.CheckGlobal(files)); err != nil {
		return err
	}
	if err = namedBySetting(a.outlets.SetGlobals(ctx, globals)); err != nil {
		return err
	}
	if err = storageSetting(a.storage.SetGlobal(files)); err != nil {
		return err
	}
	if !globals.WebSocket {
		a.endpoint.CloseShared()
	}
	a.log.Info("global transports reloaded", "config", cfg)
	return nil
}

// reloadOnSignal reloads the settings at each SIGHUP until ctx ends.
func (a *app) reloadOnSignal(ctx context.Context) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	a.helpers.Go(func() {
		defer signal.Stop(hangups)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
			}
			if err := a.reloadGlobals(ctx); err != nil {
				a.log.Error("global transports not reloaded, the previous settings stay in force", "error", err)
			}
		}
	})
}

// settingNames are the prefixes of the settings of global transports.
var settingNames = map[string]string{webhook.Transport: "global-webhook-", "amqp": "global-rabbitmq-", "redis": "global-redis-", "sqs": "global-sqs-"}

// globalsOf converts the settings to those of package outlets.
func globalsOf(c *config.Globals) (g outlets.Globals, err error) {
	g = outlets.Globals{Brokers: map[string]outlets.Settings{}, WebSocket: c.WebSocketEnabled}
	if c.WebhookEnabled {
		g.Webhook = &webhook.Global{URL: c.WebhookURL, Events: c.WebhookEvents, Format: webhook.Format(c.WebhookFormat), Files: webhook.FileMode(c.WebhookFiles), Secret: c.WebhookSecret, Requests: c.WebhookRequests}
	}
	for _, b := range []struct {
		transport string
		enabled   bool
		url       string
		events    []string
		options   string
		named     map[string]string
	}{
		{"amqp", c.RabbitMQEnabled, c.RabbitMQURL, c.RabbitMQEvents, c.RabbitMQOptions, map[string]string{
			"exchange": c.RabbitMQExchange, "exchange_type": c.RabbitMQExchangeType, "queue": c.RabbitMQQueue,
			"queue_type": c.RabbitMQQueueType, "routing_key": c.RabbitMQRoutingKey,
		}},
		{"redis", c.RedisEnabled, c.RedisURL, c.RedisEvents, c.RedisOptions, map[string]string{"stream": c.RedisStream, "channel": c.RedisChannel}},
		{"sqs", c.SQSEnabled, c.SQSURL, c.SQSEvents, c.SQSOptions, nil},
	} {
		if !b.enabled {
			continue
		}
		options := map[string]json.RawMessage{}
		if b.options != "" && json.Unmarshal([]byte(b.options), &options) != nil {
			err = errors.Join(err, fmt.Errorf("%soptions: is not a JSON object", settingNames[b.transport]))
			continue
		}
		for name, value := range b.named {
			if value != "" {
				options[name], _ = json.Marshal(value) // marshalling a text cannot fail
			}
		}
		g.Brokers[b.transport] = outlets.Settings{Enabled: true, URL: b.url, Events: b.events, Options: options}
	}
	return g, err
}

// namedBySetting replaces fields by the names of settings, for readers of a log or a terminal.
func namedBySetting(err error) error {
	var bad outlets.Problems
	if !errors.As(err, &bad) {
		return err
	}
	var texts []string
	for transport, problems := range bad {
		for _, p := range problems {
			name, _, _ := strings.Cut(strings.TrimPrefix(p.Field, "options/"), "/")
			setting := settingNames[transport] + strings.ReplaceAll(name, "_", "-")
			if !config.Known(setting) {
				setting = settingNames[transport] + "options (" + name + ")"
			}
			texts = append(texts, setting+": "+p.Text)
		}
	}
	slices.Sort(texts)
	return fmt.Errorf("%w: %s", errBadGlobals, strings.Join(texts, "; "))
}

var errBadGlobals = errors.New("invalid settings of global transports")

// sharedSockets are the rules for sockets that follow all sessions.
type sharedSockets struct{ app *app }

// Enabled implements socket.Shared.
func (s sharedSockets) Enabled() bool { return s.app.outlets.Globals().WebSocket }

// Skips implements socket.Shared.
func (s sharedSockets) Skips(session string) bool {
	return s.app.deliver.Skips(session, outlets.WebSocket)
}

// Skipped implements socket.Shared.
func (s sharedSockets) Skipped(session, epoch string, offset uint64) bool {
	return s.app.deliver.Skipped(session, outlets.WebSocket, epoch, offset)
}

// bridgeOutlets implements the bridge's interface to the outlets.
type bridgeOutlets struct {
	*outlets.Outlets
	app *app
}

// Skip implements bridge.Outlets.
func (o bridgeOutlets) Skip(ctx context.Context, session string, skip []string, store func(ctx context.Context) error) error {
	err := o.Outlets.Skip(ctx, session, skip, store)
	if errors.Is(err, dispatch.ErrTooManySkips) {
		return &wa.Error{Reason: wa.ReasonConflict, Field: "skip_global", Message: "skip_global was changed too often while transports are behind: retry when they have caught up"}
	}
	return err
}

// Remove implements bridge.Outlets.
func (o bridgeOutlets) Remove(ctx context.Context, session string) error {
	return o.app.forgetTransports(ctx, session)
}

// forgetTransports ends the deliveries of a session and deletes its stored transports and deliveries.
func (a *app) forgetTransports(ctx context.Context, session string) error {
	return errors.Join(a.consumers.DeleteSession(ctx, session), a.webhooks.DeleteSession(ctx, session), a.outlets.Remove(ctx, session),
		a.deliver.DeleteSession(ctx, session))
}

// globalDeps returns the dependencies of the methods of global transports.
func (a *app) globalDeps() methods.GlobalDeps {
	return methods.GlobalDeps{
		Reload: a.reloadGlobals, Variables: config.GlobalVariables(), Policy: a.deliveryPolicy(),
	}
}
