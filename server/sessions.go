package main

import (
	"context"
	"errors"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/auth"
)

// visibility tells the socket which sessions a principal may see.
type visibility struct{ bridge *bridge.Bridge }

// Visible lists the ids of the sessions the principal may use.
func (v visibility) Visible(_ context.Context, who rpc.Principal) ([]string, error) {
	var ids []string
	for _, s := range v.bridge.Sessions() {
		if who.MayUse(s.ID()) {
			ids = append(ids, s.ID())
		}
	}
	return ids, nil
}

// tokens changes credentials and ends the connections that came with the old ones.
type tokens struct{ app *app }

// IssueSessionToken gives a session a new token.
func (t tokens) IssueSessionToken(ctx context.Context, session, token string) (string, error) {
	owner := t.app.bridge.OwnerOf(session)
	who := auth.SessionPrincipal(owner)
	issued, err := t.app.auth.IssueSessionToken(ctx, session, owner, token)
	if err == nil {
		err = t.app.tickets.Revoke(ctx, who)
		t.app.endpoint.Expire(who)
		t.app.watching.Expire(who)
	}
	return issued, err
}

// RevokeSession takes the token of a session that is being deleted.
func (t tokens) RevokeSession(ctx context.Context, session string) error {
	who := auth.SessionPrincipal(t.app.bridge.OwnerOf(session))
	err := errors.Join(t.app.auth.RevokeSession(ctx, session), t.app.tickets.Revoke(ctx, who), t.app.watchers.Revoke(ctx, who))
	t.app.endpoint.SessionDeleted(session)
	t.app.watching.SessionDeleted(session)
	return errors.Join(err, t.app.forgetTransports(ctx, session)) // nothing is delivered while the session ends
}
