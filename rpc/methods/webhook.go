package methods

import (
	"context"
	"errors"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/webhook"
)

// webhookID is the param of methods that act on one webhook.
type webhookID struct {
	WebhookID *string `json:"webhook_id" rpc:"min=1,max=64" doc:"id; default 'default', which every session has"`
}

func (p *webhookID) key(s *bridge.Session) webhook.Key {
	if p.WebhookID == nil {
		return webhook.Key{Session: s.ID(), ID: webhook.DefaultID}
	}
	return webhook.Key{Session: s.ID(), ID: *p.WebhookID}
}

type webhookCreateParams struct {
	Name      string   `json:"name" rpc:"required,min=1,max=255" doc:"display name"`
	URL       string   `json:"url" rpc:"required,min=1" doc:"http or https address"`
	Events    []string `json:"events" rpc:"required,max=100" doc:"event names, or [\"*\"] for every event that has an offset"`
	Secret    *string  `json:"secret" doc:"key of the HMAC-SHA256 signature, 16 to 256 bytes; absent = not signed"`
	Format    *string  `json:"format" rpc:"enum=native|waakg|wuzapi|wuzapi_json|wwebjs" doc:"shape of the body; default native"`
	Files     *string  `json:"files" rpc:"enum=none|inline|multipart" doc:"how the files of messages are sent: none, inline (base64 in the JSON; formats native, wuzapi, wuzapi_json; wwebjs: the event media follows) or multipart (a part 'file' of multipart/form-data; formats wuzapi, wuzapi_json); default none"`
	Active    *bool    `json:"active" doc:"default true"`
	BodyToken *string  `json:"body_token" doc:"repeated by the formats wuzapi (token in the body) and wwebjs (header x-api-key); absent = left out"`
}

func (p *webhookCreateParams) change() webhook.Change {
	return webhook.Change{
		Name: &p.Name, URL: &p.URL, Events: p.Events, Secret: p.Secret, Format: (*webhook.Format)(p.Format), Active: p.Active,
		Files: (*webhook.FileMode)(p.Files), BodyToken: p.BodyToken,
	}
}

// Validate rejects params that only apply to an existing webhook.
func (p *webhookCreateParams) Validate() error {
	if p.Secret != nil && *p.Secret == webhook.Masked {
		return rpc.Fields{{Pointer: "/secret", Problem: "is masked"}}
	}
	if p.BodyToken != nil && *p.BodyToken == webhook.Masked {
		return rpc.Fields{{Pointer: "/body_token", Problem: "is masked"}}
	}
	return nil
}

type webhookUpdateParams struct {
	webhookID
	Name      *string  `json:"name" rpc:"min=1,max=255" doc:"display name"`
	URL       *string  `json:"url" doc:"http or https address; empty disables the webhook, the first address enables it"`
	Events    []string `json:"events" rpc:"max=100" doc:"event names, or [\"*\"] for every event that has an offset"`
	Secret    *string  `json:"secret" doc:"key of the signature; empty removes it, *** keeps it; webhook.rotateSecret changes it without an interruption"`
	Format    *string  `json:"format" rpc:"enum=native|waakg|wuzapi|wuzapi_json|wwebjs" doc:"shape of the body"`
	Files     *string  `json:"files" rpc:"enum=none|inline|multipart" doc:"how the files of messages are sent: none, inline (formats native, wuzapi, wuzapi_json; wwebjs: the event media follows) or multipart (formats wuzapi, wuzapi_json)"`
	Active    *bool    `json:"active" doc:"enable or disable; after enabling, delivery begins with the next event"`
	BodyToken *string  `json:"body_token" doc:"repeated by the formats wuzapi (token in the body) and wwebjs (header x-api-key); empty removes it, *** keeps it"`
}

func (p *webhookUpdateParams) change() webhook.Change {
	return webhook.Change{
		Name: p.Name, URL: p.URL, Events: p.Events, Secret: p.Secret, Format: (*webhook.Format)(p.Format), Active: p.Active,
		Files: (*webhook.FileMode)(p.Files), BodyToken: p.BodyToken,
	}
}

type webhookRotateParams struct {
	webhookID
	Secret      *string `json:"secret" doc:"new key of the signature, 16 to 256 bytes; generated when absent"`
	KeepSeconds *int    `json:"keep_seconds" rpc:"min=0,max=2592000" doc:"period in which the previous key signs as well; default 86400"`
}

type webhookRotateResult struct {
	Webhook webhookObject `json:"webhook" doc:"the webhook, secrets masked"`
	Secret  *string       `json:"secret,omitempty" doc:"the key, shown once; absent when the caller gave it"`
}

type webhookResult struct {
	Webhook webhookObject `json:"webhook" doc:"the webhook, secrets masked"`
}

type webhookListResult struct {
	Webhooks []webhookObject `json:"webhooks" doc:"webhook objects, the default one first"`
}

type webhookDeleteResult struct {
	WebhookID string `json:"webhook_id" doc:"deleted or emptied id"`
}

type webhookTestResult struct {
	EventID      string  `json:"event_id" doc:"id of the event that was sent"`
	Delivered    bool    `json:"delivered" doc:"the receiver accepted it"`
	Status       *int    `json:"status" doc:"HTTP status; null = there was no answer"`
	DurationMS   int64   `json:"duration_ms" doc:"until the answer was read"`
	Error        *string `json:"error" doc:"error; null = accepted"`
	ResponseBody string  `json:"response_body" doc:"beginning of the answer, 1024 bytes at most"`
}

type webhookDeliveriesParams struct {
	webhookID
	Status  string     `json:"status" rpc:"enum=delivered|dead_letter|gap" doc:"only these; absent = all"`
	Event   string     `json:"event" rpc:"max=64" doc:"only this event name"`
	Since   *time.Time `json:"since" doc:"ended at or after"`
	SinceID int64      `json:"since_id" rpc:"min=0" doc:"only entries above this id"`
	Limit   int        `json:"limit" rpc:"min=1,max=1000" doc:"page size, default 50"`
	Offset  int        `json:"offset" rpc:"min=0" doc:"rows to skip"`
}

type webhookDeliveriesResult struct {
	Deliveries []webhookDelivery        `json:"deliveries" doc:"ended deliveries, the newest first"`
	Total      int                      `json:"total" doc:"all ended deliveries that match"`
	Pending    []webhookPendingDelivery `json:"pending" doc:"deliveries that have not ended, whatever the filters: the delivery that is attempted or waits for its retry, and the one of the replay; later events wait for them"`
}

// RegisterWebhook adds the methods of the namespace webhook.
func RegisterWebhook(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "webhook.list", Summary: "List a session's webhooks."},
		func(ctx context.Context, s *bridge.Session, _ *shared.None) (webhookListResult, error) {
			list, err := d.Webhooks.List(ctx, s.ID())
			return webhookListResult{Webhooks: d.shapeWebhooks(list)}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "webhook.get", Summary: "Return one webhook."},
		func(ctx context.Context, s *bridge.Session, p *webhookID) (webhookResult, error) {
			return d.webhookAnswer(d.Webhooks.Get(ctx, p.key(s)))
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "webhook.create", Summary: "Add a webhook to a session."},
		func(ctx context.Context, s *bridge.Session, p *webhookCreateParams) (webhookResult, error) {
			return d.webhookAnswer(d.Webhooks.Create(ctx, s.ID(), p.change()))
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "webhook.update", Summary: "Change a webhook; absent params stay."},
		func(ctx context.Context, s *bridge.Session, p *webhookUpdateParams) (webhookResult, error) {
			return d.webhookAnswer(d.Webhooks.Update(ctx, p.key(s), p.change()))
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "webhook.delete", Summary: "Delete a webhook; the default one is emptied instead."},
		func(ctx context.Context, s *bridge.Session, p *webhookID) (webhookDeleteResult, error) {
			key := p.key(s)
			return webhookDeleteResult{WebhookID: key.ID}, webhookError("", d.Webhooks.Delete(ctx, key))
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "webhook.rotateSecret", Summary: "Replace a webhook's signature key; the previous one is used in addition for a limited time.", Secret: true}, d.rotateWebhookSecret)
	shared.OnSession(reg, d.Bridge, rpc.Method{
		Name: "webhook.test", Summary: "Send an event of the type WebhookTest to a webhook at once, in one attempt, and return the outcome.",
		Timeout: webhookTestTimeout,
	}, d.testWebhook)
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "webhook.listDeliveries", Summary: "List the ended and the pending deliveries of one webhook."}, d.listWebhookDeliveries)
}

// webhookTestTimeout leaves the attempt, which has a time of its own, room to end first.
const webhookTestTimeout = 2 * time.Minute

func (d Deps) webhookAnswer(w *webhook.Webhook, err error) (webhookResult, error) {
	if err != nil {
		return webhookResult{}, webhookError("", err)
	}
	return webhookResult{Webhook: d.shapeWebhook(w)}, nil
}

func (d Deps) rotateWebhookSecret(ctx context.Context, s *bridge.Session, p *webhookRotateParams) (out webhookRotateResult, err error) {
	keep := webhook.DefaultKeepSecret
	if p.KeepSeconds != nil {
		keep = time.Duration(*p.KeepSeconds) * time.Second
	}
	secret := ""
	if p.Secret != nil {
		if secret = *p.Secret; secret == "" || secret == webhook.Masked {
			return out, rpc.InvalidParams("/secret", "must be a key; absent = generated")
		}
	}
	w, err := d.Webhooks.RotateSecret(ctx, p.key(s), secret, keep)
	if err != nil {
		return out, webhookError("", err)
	}
	if out.Webhook = d.shapeWebhook(w); p.Secret == nil {
		out.Secret = &w.Secret
	}
	return out, nil
}

func (d Deps) testWebhook(ctx context.Context, s *bridge.Session, p *webhookID) (webhookTestResult, error) {
	trial, err := d.Webhooks.Test(ctx, p.key(s))
	if err != nil {
		return webhookTestResult{}, webhookError("", err)
	}
	return webhookTestResult{
		EventID: trial.EventID, Delivered: trial.Error == "", Status: shared.Optional(trial.Status), DurationMS: trial.Duration.Milliseconds(),
		Error: shared.Optional(trial.Error), ResponseBody: trial.Body,
	}, nil
}

func (d Deps) listWebhookDeliveries(ctx context.Context, s *bridge.Session, p *webhookDeliveriesParams) (out webhookDeliveriesResult, err error) {
	key := p.key(s)
	if _, err = d.Webhooks.Get(ctx, key); err != nil {
		return out, webhookError("", err)
	}
	query := dispatch.Query{
		Transport: webhook.Transport, Target: webhook.TargetID(key), Sessions: []string{key.Session}, Status: dispatch.Status(p.Status),
		Type: p.Event, After: p.SinceID, Limit: p.Limit, Skip: p.Offset,
	}
	if p.Since != nil {
		query.Since = *p.Since
	}
	entries, total, err := d.Deliveries.List(ctx, query)
	out = webhookDeliveriesResult{Deliveries: make([]webhookDelivery, len(entries)), Total: total, Pending: []webhookPendingDelivery{}}
	for _, l := range d.Deliveries.Live([]string{key.Session}) {
		if l.Transport == webhook.Transport && l.Target == webhook.TargetID(key) {
			out.Pending = append(out.Pending, shapeWebhookPending(&l))
		}
	}
	for i := range entries {
		out.Deliveries[i] = shapeWebhookDelivery(&entries[i])
	}
	return out, err
}

// webhookError converts an error of package webhook to the one for callers. Fields are below the pointer.
func webhookError(below string, err error) error {
	if refused := shared.RefusedFields(below, err); refused != nil {
		return refused
	}
	switch {
	case errors.Is(err, webhook.ErrNotFound):
		return rpc.NotFound("the session has no webhook of this id").With(map[string]any{"field": "/webhook_id"})
	case errors.Is(err, webhook.ErrTooMany):
		return rpc.Conflict("the session has too many webhooks: change or delete an existing one")
	case errors.Is(err, webhook.ErrNoURL):
		return rpc.Conflict("the webhook has no url")
	}
	return err
}
