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

// eventNames are the events there are, and which of them are signals.
func eventNames() map[string]bool {
	events := map[string]bool{}
	for _, e := range bridge.EventTypes() {
		events[e.Name] = e.Volatile
	}
	return events
}

func (a *app) openOutlets(ctx context.Context) (err error) {
	a.outlets, err = outlets.Open(ctx, a.db, a.deliver, a.webhooks, outlets.Config{
		Key: a.secret.key("broker settings"), PreviousKeys: a.secret.previousKeys("broker settings"), Events: eventNames(), Dial: a.outbound.Dial, Check: a.outbound.CheckHost, Policy: a.deliveryPolicy(),
		MaxNames: a.cfg.MaxBrokerNames, Log: a.log.With("part", "outlets"),
	})
	return err
}

// startOutlets begins the deliveries to brokers and global transports. The bridge has loaded its sessions and none of
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

// reloadGlobals reads the settings of the global transports and of the operator's object storage again. When they are not
// right, nothing changes.
func (a *app) reloadGlobals(ctx context.Context) error {
	a.reloads.Lock() // so that what is read last is what holds
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
	a.log.Info("global transports were read again", "config", cfg)
	return nil
}

// reloadOnSignal reads them again at each SIGHUP until ctx ends.
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
				a.log.Error("global transports stay as they are", "error", err)
			}
		}
	})
}

// settingNames are how the names of global transports' settings begin.
var settingNames = map[string]string{webhook.Transport: "global-webhook-", "amqp": "global-rabbitmq-", "redis": "global-redis-", "sqs": "global-sqs-"}

// globalsOf are the settings as outlets know them.
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
			err = errors.Join(err, fmt.Errorf("%soptions: is no JSON object", settingNames[b.transport]))
			continue
		}
		for name, value := range b.named {
			if value != "" {
				options[name], _ = json.Marshal(value) // text never fails
			}
		}
		g.Brokers[b.transport] = outlets.Settings{Enabled: true, URL: b.url, Events: b.events, Options: options}
	}
	return g, err
}

// namedBySetting puts the names of settings in the place of fields, for who reads them in a log or on a terminal.
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

var errBadGlobals = errors.New("the global transports cannot be used like that")

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

// bridgeOutlets are the outlets as the bridge knows them.
type bridgeOutlets struct {
	*outlets.Outlets
	app *app
}

// Skip implements bridge.Outlets.
func (o bridgeOutlets) Skip(ctx context.Context, session string, skip []string, store func(ctx context.Context) error) error {
	err := o.Outlets.Skip(ctx, session, skip, store)
	if errors.Is(err, dispatch.ErrTooManySkips) {
		return &wa.Error{Reason: wa.ReasonConflict, Field: "skip_global", Message: "skip_global was changed too often for transports that are behind: try again when they have caught up"}
	}
	return err
}

// Remove implements bridge.Outlets.
func (o bridgeOutlets) Remove(ctx context.Context, session string) error {
	return o.app.forgetTransports(ctx, session)
}

// forgetTransports ends the deliveries of a session and deletes what is stored of them.
func (a *app) forgetTransports(ctx context.Context, session string) error {
	return errors.Join(a.consumers.DeleteSession(ctx, session), a.webhooks.DeleteSession(ctx, session), a.outlets.Remove(ctx, session),
		a.deliver.DeleteSession(ctx, session))
}

// globalDeps is what the methods of global transports need.
func (a *app) globalDeps() methods.GlobalDeps {
	return methods.GlobalDeps{
		Reload: a.reloadGlobals, Variables: config.GlobalVariables(), Policy: a.deliveryPolicy(),
	}
}
