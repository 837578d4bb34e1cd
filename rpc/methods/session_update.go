package methods

import (
	"context"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/proxy"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/webhook"
)

type sessionUpdateParams struct {
	Name    *string                `json:"name" rpc:"min=1,max=255" doc:"new display name"`
	Token   *string                `json:"token" rpc:"min=8,max=255" doc:"new credential, unique"`
	Webhook *sessionWebhookChanges `json:"webhook" doc:"changes of the default webhook, as webhook.update"`
	Storage *storageSettings       `json:"storage" doc:"changes of the object storage, as storage.updateSettings"`
	Proxy   *sessionProxyChanges   `json:"proxy" doc:"change of the proxy, as session.setProxy: a connected session connects again"`
}

// sessionWebhookChanges are changes of the default webhook of a session; absent fields stay.
type sessionWebhookChanges struct {
	URL    *string  `json:"url" doc:"http or https address; empty disables the webhook"`
	Events []string `json:"events" rpc:"max=100" doc:"event names, or [\"*\"] for every event that has an offset"`
	Secret *string  `json:"secret" doc:"key of the signature; empty removes it, *** keeps it"`
	Format *string  `json:"format" rpc:"enum=native|waakg|wuzapi|wuzapi_json|wwebjs" doc:"shape of the body"`
	Files  *string  `json:"files" rpc:"enum=none|inline|multipart" doc:"how the files of messages are sent"`
	Active *bool    `json:"active" doc:"enable or disable"`
}

func (p *sessionWebhookChanges) change() webhook.Change {
	return webhook.Change{URL: p.URL, Events: p.Events, Secret: p.Secret, Format: (*webhook.Format)(p.Format), Files: (*webhook.FileMode)(p.Files), Active: p.Active}
}

// sessionProxyChanges is a change of the proxy of a session.
type sessionProxyChanges struct {
	Enabled *bool  `json:"enabled" rpc:"required" doc:"use the proxy"`
	URL     string `json:"url" rpc:"max=2048" doc:"http, https or socks5 address with optional credentials; kept when absent"`
}

func (p *sessionProxyChanges) change() proxy.Proxy {
	return proxy.Proxy{Enabled: *p.Enabled, URL: p.URL}
}

type sessionUpdateResult struct {
	Session sessionObject `json:"session" doc:"the updated session"`
	Token   *string       `json:"token,omitempty" doc:"the new credential when changed"`
	// Warnings is that of sessionCreateResult.
	Warnings []string `json:"warnings,omitempty" doc:"permitted but weak params, in English, such as a token shorter than 16 characters"`
}

// updateSession validates all changes before the first one is made.
func (d Deps) updateSession(ctx context.Context, call *rpc.Call, s *bridge.Session, p *sessionUpdateParams) (out sessionUpdateResult, err error) {
	if p.Name == nil && p.Token == nil && p.Webhook == nil && p.Storage == nil && p.Proxy == nil {
		return out, rpc.InvalidParams("", "name, token, webhook, storage or proxy is needed")
	}
	if p.Token != nil && call.Principal.Access != nil && !call.Principal.MayManage(s.ID()) { // it would outlast the access of the account
		return out, rpc.Forbidden("only the owner of the session may change its token")
	}
	if err = d.checkChanges(ctx, s, p); err != nil {
		return out, err
	}
	// The token first: it is the part that may be rejected.
	if p.Token != nil {
		token, err := d.Tokens.IssueSessionToken(ctx, s.ID(), *p.Token)
		if err != nil {
			return out, err
		}
		out.Token, out.Warnings = &token, d.tokenWarnings(s.ID(), token)
	}
	if p.Name != nil {
		if err = s.Rename(ctx, *p.Name); err != nil {
			return out, err
		}
	}
	if err = d.makeChanges(ctx, s, p); err != nil {
		return out, err
	}
	out.Session = d.shapeSession(s, true)
	return out, d.addDetails(ctx, out.Session)
}

// checkChanges validates the changes of the webhook, the object storage and the proxy.
func (d Deps) checkChanges(ctx context.Context, s *bridge.Session, p *sessionUpdateParams) error {
	if p.Webhook != nil {
		if err := d.Webhooks.CheckUpdate(ctx, webhook.Key{Session: s.ID(), ID: webhook.DefaultID}, p.Webhook.change()); err != nil {
			return webhookError("/webhook", err)
		}
	}
	if p.Storage != nil {
		if err := d.Storage.CheckUpdate(ctx, s.ID(), p.Storage.change()); err != nil {
			return storageError("/storage", err)
		}
	}
	if p.Proxy != nil {
		return wa.InField("proxy", s.CheckProxy(ctx, p.Proxy.change()))
	}
	return nil
}

// makeChanges makes the changes of the webhook, the object storage and the proxy.
func (d Deps) makeChanges(ctx context.Context, s *bridge.Session, p *sessionUpdateParams) error {
	if p.Webhook != nil {
		if err := d.changeWebhook(ctx, s.ID(), p.Webhook.change()); err != nil {
			return err
		}
	}
	if p.Storage != nil {
		if err := d.changeStorage(ctx, s.ID(), p.Storage); err != nil {
			return err
		}
	}
	if p.Proxy != nil {
		_, err := s.SetProxy(ctx, p.Proxy.change())
		return wa.InField("proxy", err)
	}
	return nil
}

// changeWebhook changes the default webhook of a session; the error names fields below webhook.
func (d Deps) changeWebhook(ctx context.Context, session string, change webhook.Change) error {
	_, err := d.Webhooks.Update(ctx, webhook.Key{Session: session, ID: webhook.DefaultID}, change)
	return webhookError("/webhook", err)
}

// changeStorage changes the object storage of a session; the error names fields below storage.
func (d Deps) changeStorage(ctx context.Context, session string, settings *storageSettings) error {
	_, err := d.Storage.Update(ctx, session, settings.change())
	return storageError("/storage", err)
}
