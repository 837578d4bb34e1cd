package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/waystation/waystation/bridge/files"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc/budget"
	"github.com/waystation/waystation/transports/kit/guard"
	"github.com/waystation/waystation/transports/webhook"
)

// openOutbound creates the guard of webhooks' requests. It is separate, because one host may receive more of them
// concurrently than of any other request; it is opened before the dispatcher, so that it is closed after the last
// attempt.
func (a *app) openOutbound(context.Context) (err error) {
	cfg := guardConfig(a.cfg)
	cfg.MaxIdleConns, cfg.MaxIdleConnsPerHost = a.cfg.WebhookIdleConnections, a.cfg.WebhookHostRequests
	if a.outbound, err = guard.New(cfg); err != nil {
		return fmt.Errorf("allow-hosts: %w", err)
	}
	a.onClose("connections to brokers", func(ctx context.Context) error {
		if a.outlets == nil {
			return nil
		}
		return a.outlets.Close(ctx)
	})
	a.onClose("connections of webhooks", func(context.Context) error { a.outbound.Close(); return nil })
	return nil
}

func (a *app) openWebhooks(ctx context.Context) (err error) {
	a.webhooks, err = webhook.Open(ctx, a.db, a.deliver, webhook.Config{
		Key: a.secret.Key("webhook secrets"), PreviousKeys: a.secret.PreviousKeys("webhook secrets"), Events: eventNames(), Check: a.outbound.Check,
		// A response may be of any size, because only its beginning is read.
		Transport: a.outbound.Client(guard.Limits{MaxBytes: math.MaxInt64 / 2}).Transport,
		Policy:    a.deliveryPolicy(), MaxPerSession: a.cfg.MaxWebhooks, HostRequests: a.cfg.WebhookHostRequests,
		Messages: webhookMessages{a}, Files: webhookFiles{a}, FileBytes: int64(a.cfg.WebhookFileBytes),
		FileMemory: budget.New(int64(a.cfg.WebhookFilesMemory), 0),
	})
	return err
}

// webhookMessages reads the message store for the formats of webhooks. Deliveries start before the bridge is open,
// and wait for it.
type webhookMessages struct{ app *app }

var _ webhook.Messages = webhookMessages{}

// Whole implements webhook.Messages.
func (m webhookMessages) Whole(ctx context.Context, session string, data json.RawMessage) (json.RawMessage, error) {
	select {
	case <-m.app.bridgeOpen:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return m.app.bridge.WholeMessage(ctx, session, data, m.app.cfg.WebhookMessageBytes)
}

// GoJSON implements webhook.Messages.
func (m webhookMessages) GoJSON(raw json.RawMessage) (json.RawMessage, error) {
	return wa.GoJSON(raw)
}

// webhookFiles opens the files of messages for webhooks. Deliveries start before the bridge is open, and wait for it.
type webhookFiles struct{ app *app }

var _ webhook.Files = webhookFiles{}

// OpenFile implements webhook.Files.
func (f webhookFiles) OpenFile(ctx context.Context, ref webhook.FileRef) (*webhook.File, error) {
	select {
	case <-f.app.bridgeOpen:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	file, err := f.app.bridge.EventFile(ctx, ref.Session, ref.Chat, ref.Sender, ref.MessageID)
	if err == nil {
		return &webhook.File{Content: file.Content, Size: file.Size, MimeType: file.MimeType, Filename: file.Filename}, nil
	}
	var problem *files.Problem
	if !errors.As(err, &problem) || !problem.Final {
		return nil, err
	}
	reason := webhook.FileNotFound
	switch {
	case problem.Skipped:
		reason = webhook.FileSkipMedia
	case problem.Reason == wa.ReasonTooLarge:
		reason = webhook.FileTooLarge
	case problem.Reason == wa.ReasonNotConnected:
		reason = webhook.FileUnavailable
	}
	return nil, &webhook.FileError{Reason: reason, Err: problem}
}
