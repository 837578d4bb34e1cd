package main

import (
	"context"
	"errors"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/auth"
)

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
		t.app.watching.Expire(who)
	}
	return issued, err
}

// RevokeSession revokes the token of a session that is being deleted.
func (t tokens) RevokeSession(ctx context.Context, session string) error {
	who := auth.SessionPrincipal(t.app.bridge.OwnerOf(session))
	err := errors.Join(t.app.auth.RevokeSession(ctx, session), t.app.tickets.Revoke(ctx, who), t.app.watchers.Revoke(ctx, who))
	t.app.endpoint.SessionDeleted(session)
	t.app.watching.SessionDeleted(session)
	return errors.Join(err, t.app.forgetTransports(ctx, session)) // no event is delivered while the session ends
}
