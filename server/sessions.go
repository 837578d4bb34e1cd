package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/automation"
	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/accounts"
	"github.com/waystation/waystation/server/auth"
	"github.com/waystation/waystation/transports/kit/guard"
)

func (a *app) openBridge(ctx context.Context) error {
	outbound, err := guard.New(guardConfig(a.cfg))
	if err != nil {
		return fmt.Errorf("allow-hosts: %w", err)
	}
	automation, err := a.outboxConfig()
	if err != nil {
		return err
	}
	a.bridge, err = bridge.Open(ctx, bridge.Options{
		DB: a.db, Journal: a.journal, Attach: a.network.Attach, Simulation: a.network.Address, HTTP: a.network.HTTP, Outbound: outbound, Storage: a.storage, Log: a.log.With("part", "bridge"),
		Media: media.Config{
			Dir: filepath.Join(a.cfg.DataDir, "media"), MaxBytes: int64(a.cfg.MaxMediaBytes), MaxSessionBytes: int64(a.cfg.SessionMediaBytes), Keep: a.cfg.KeepMedia,
			MaxUploads: a.cfg.MaxUploads, KeepUploads: a.cfg.KeepUploads,
		},
		Key: a.secret.Key("proxy addresses"), PreviousKeys: a.secret.PreviousKeys("proxy addresses"),
		Outlets: bridgeOutlets{a.outlets, a}, Forget: a.forgetOwner,
		ObserveAck: a.durations.Observer("waystation_message_ack_duration_seconds"),
		Config: bridge.Config{
			MaxSessions: a.cfg.MaxSessions, ConnectConcurrency: a.cfg.ConnectConcurrency, DeviceName: a.cfg.DeviceName, Dialect: a.cfg.RootDialect,
			StoreProbe: a.cfg.StoreProbe, StanzaBytes: a.cfg.MaxStanzaBytes, StanzaDepth: a.cfg.MaxStanzaDepth,
			NoEcho: !a.cfg.EchoAPIMessages, SkipMedia: a.cfg.SkipMedia, KeepDeleted: a.cfg.KeepDeleted,
			ConnectTimeout: a.cfg.ConnectTimeout, LoginTimeout: a.cfg.LoginTimeout, BackoffMin: a.cfg.ReconnectBackoff, BackoffMax: a.cfg.ReconnectBackoffMax,
			KeepAliveLimit: a.cfg.KeepAliveLimit, RedeliveryPause: a.cfg.RedeliveryPause, EventDataLimit: a.cfg.MaxEventBytes, HistoryWorkers: a.cfg.HistoryWorkers,
			PhoneTimeout: a.cfg.PhoneTimeout, MaxHistoryRequests: a.cfg.MaxHistoryRequests,
			MaxLabels: a.cfg.MaxLabels, MaxLabelUses: a.cfg.MaxLabelUses,
			Outbox:         automation,
			Automation:     a.automationConfig(),
			PasskeyTimeout: a.cfg.PasskeyTimeout, ConfirmTimeout: a.cfg.PasskeyConfirmTimeout,
		},
	})
	if err == nil {
		close(a.bridgeOpen)
		a.onClose("bridge", a.bridge.Close)
		err = a.accounts.KeepSessions(ctx, a.hasSession)
	}
	return err
}

// automationConfig returns the limits of automatic answers.
func (a *app) automationConfig() automation.Config {
	c := automation.Config{MaxRules: a.cfg.MaxAutoReplies, ChatAnswers: a.cfg.ChatAnswers, SessionAnswers: a.cfg.SessionAnswers}
	if a.cfg.RemoveBackgroundURL != "" {
		c.Background = automation.NewBackground(a.cfg.RemoveBackgroundURL, a.outbound)
	}
	return c
}

// ownerOf returns the key of a session's data.
func (a *app) ownerOf(session string) string { return a.bridge.OwnerOf(session) }

// forgetOwner deletes the data of a deleted session that is stored outside of the bridge.
func (a *app) forgetOwner(ctx context.Context, owner string) error {
	accounts, err := a.keptReplies.Principals(ctx, accounts.PrincipalID(""))
	if err != nil {
		return err
	}
	return errors.Join(a.keptReplies.DeleteOwner(ctx, owner, append(accounts, auth.SessionPrincipal(owner), auth.AdminID)...), a.audit.ForgetSession(ctx, owner))
}

// visibleSessions implements socket.Sessions.
type visibleSessions struct{ bridge *bridge.Bridge }

// Visible lists the ids of the sessions that the principal may use.
func (v visibleSessions) Visible(_ context.Context, who rpc.Principal) ([]string, error) {
	var ids []string
	for _, s := range v.bridge.Sessions() {
		if who.MayUse(s.ID()) {
			ids = append(ids, s.ID())
		}
	}
	return ids, nil
}

// tokens changes credentials and closes the connections authenticated by the old ones.
type tokens struct{ app *app }

// IssueSessionToken sets a new token of a session.
func (t tokens) IssueSessionToken(ctx context.Context, session, token string) (string, error) {
	owner := t.app.bridge.OwnerOf(session)
	who := auth.SessionPrincipal(owner)
	issued, err := t.app.auth.IssueSessionToken(ctx, session, owner, token)
	if err == nil {
		err = t.app.tickets.Revoke(ctx, who)
		t.app.endpoint.Expire(who)
		t.app.events.Expire(who)
		t.app.watching.Expire(who)
	}
	return issued, err
}

// RevokeSession revokes the token of a session that is being deleted.
func (t tokens) RevokeSession(ctx context.Context, session string) error {
	who := auth.SessionPrincipal(t.app.bridge.OwnerOf(session))
	err := errors.Join(t.app.auth.RevokeSession(ctx, session), t.app.tickets.Revoke(ctx, who), t.app.watchers.Revoke(ctx, who))
	t.app.endpoint.SessionDeleted(session)
	t.app.events.SessionDeleted(session)
	t.app.watching.SessionDeleted(session)
	return errors.Join(err, t.app.forgetTransports(ctx, session)) // no event is delivered while the session ends
}
