package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/accountmethods"
	"github.com/waystation/waystation/rpc/methods/servermethods"
	"github.com/waystation/waystation/server/accounts"
	"github.com/waystation/waystation/server/audit"
	"github.com/waystation/waystation/server/notifications"
	"github.com/waystation/waystation/server/systemsettings"
	"github.com/waystation/waystation/server/updates"
)

func (a *app) openSystemSettings(ctx context.Context) (err error) {
	a.settings, err = systemsettings.Open(ctx, a.db, servermethods.SystemSettings{AppName: "Waystation", Timezone: a.cfg.Timezone, RegistrationEnabled: a.cfg.Registration})
	return err
}

func (a *app) openNotifications(ctx context.Context) (err error) {
	a.notices, err = notifications.Open(ctx, a.db, a.cfg.MaxNotices)
	return err
}

func (a *app) openAudit(ctx context.Context) (err error) {
	a.audit, err = audit.Open(ctx, a.db, audit.Config{
		Key: a.secret.Key("audit names"), Keep: a.cfg.AuditRetention, OwnerOf: a.ownerIfAny, Log: a.log.With("part", "audit"),
	})
	if err == nil {
		a.onClose("audit log", a.audit.Close)
	}
	return err
}

// ownerIfAny returns the key of a session's data; empty = there is no such session.
func (a *app) ownerIfAny(session string) string {
	if _, err := a.bridge.Session(session); err != nil {
		return ""
	}
	return a.bridge.OwnerOf(session)
}

// systemDeps returns the dependencies of the methods of the server that people use.
func (a *app) systemDeps() servermethods.Deps {
	deps := servermethods.Deps{Settings: a.settings, Notices: a.notices, Audit: a.audit, Describe: a.describeDialect, Accounts: people{a.accounts}}
	if a.cfg.UpdateFeed != "" {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		a.onClose("connections to the feed of releases", func(context.Context) error { transport.CloseIdleConnections(); return nil })
		deps.Releases = updates.New(a.cfg.UpdateFeed, version, &http.Client{Transport: transport})
	}
	return deps
}

// describeDialect returns the OpenAPI document of a dialect; an empty name stands for the one at the root.
func (a *app) describeDialect(name string) (json.RawMessage, bool) {
	if name == "" {
		name = a.cfg.RootDialect
	}
	document, ok := a.shim.OpenAPI(name)
	return document, ok
}

// people finds the recipients of notices among the accounts.
type people struct{ store *accounts.Store }

var _ servermethods.Accounts = people{}

// Exists implements servermethods.Accounts.
func (p people) Exists(ctx context.Context, id string) (bool, error) {
	_, err := p.store.Account(ctx, id)
	var failed *rpc.Error
	if errors.As(err, &failed) && failed.Code == rpc.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}

// IDs implements servermethods.Accounts.
func (p people) IDs(ctx context.Context) ([]string, error) {
	return p.idsOf(ctx, func(accountmethods.Account) bool { return true })
}

// AdminIDs implements servermethods.Accounts.
func (p people) AdminIDs(ctx context.Context) ([]string, error) {
	return p.idsOf(ctx, func(a accountmethods.Account) bool { return a.Role == accountmethods.Superadmin })
}

func (p people) idsOf(ctx context.Context, which func(accountmethods.Account) bool) (ids []string, err error) {
	const page = 500
	for offset := 0; ; offset += page {
		list, err := p.store.List(ctx, page, offset)
		if err != nil {
			return nil, err
		}
		for _, a := range list {
			if which(a) {
				ids = append(ids, a.ID)
			}
		}
		if len(list) < page {
			return ids, nil
		}
	}
}
