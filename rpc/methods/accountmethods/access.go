package accountmethods

import (
	"context"
	"time"

	"github.com/waystation/waystation/rpc"
)

// accessObject is the access of an account to a session.
type accessObject struct {
	AccessID  string        `json:"access_id" doc:"id of the access"`
	SessionID string        `json:"session_id" doc:"id of the session"`
	Account   accessAccount `json:"account" doc:"the account"`
	CreatedAt time.Time     `json:"created_at" doc:"when it was granted"`
}

type accessAccount struct {
	AccountID string `json:"account_id" doc:"id"`
	Name      string `json:"name" doc:"display name"`
	Email     string `json:"email" doc:"e-mail address"`
	Role      Role   `json:"role" doc:"SUPERADMIN, OWNER or STAFF"`
}

func shapeAccess(g Grant) accessObject {
	a := g.Account
	return accessObject{AccessID: g.ID, SessionID: g.Session, Account: accessAccount{a.ID, a.Name, a.Email, a.Role}, CreatedAt: g.CreatedAt.UTC()}
}

type accessParams struct {
	Session string `json:"session" rpc:"required,min=1,max=64" doc:"id of the session"`
}

type listAccessResult struct {
	Access []accessObject `json:"access" doc:"accounts other than the owner, the first one first"`
}

type grantParams struct {
	accessParams
	Email string `json:"email" rpc:"required,format=email" doc:"e-mail address of the account"`
}

type grantResult struct {
	Access accessObject `json:"access" doc:"the new access"`
}

type revokeAccessParams struct {
	accessParams
	AccountID string `json:"account_id" rpc:"required,min=1,max=64" doc:"account that loses the access"`
}

func registerAccess(reg *rpc.Registry, d Deps) {
	rpc.Register(reg, rpc.Method{
		Name: "session.listAccess", Summary: "List the accounts with which a session is shared, to its owner.", Scope: rpc.ScopeAccount,
	}, func(ctx context.Context, call *rpc.Call, p *accessParams) (listAccessResult, error) {
		out := listAccessResult{Access: []accessObject{}}
		if err := d.checkManager(call, p.Session); err != nil {
			return out, err
		}
		grants, err := d.Store.Grants(ctx, p.Session)
		for _, g := range grants {
			out.Access = append(out.Access, shapeAccess(g))
		}
		return out, err
	})
	rpc.Register(reg, rpc.Method{
		Name: "session.grantAccess", Summary: "Share a session with another account, which is named by its e-mail address.", Scope: rpc.ScopeAccount, Effect: rpc.EffectAdmin,
	}, d.grantAccess)
	rpc.Register(reg, rpc.Method{
		Name: "session.revokeAccess", Summary: "End the access of an account to a session, also that of its open connections.", Scope: rpc.ScopeAccount, Effect: rpc.EffectAdmin,
	}, func(ctx context.Context, call *rpc.Call, p *revokeAccessParams) (revokedResult, error) {
		if err := d.checkManager(call, p.Session); err != nil {
			return revokedResult{}, err
		}
		revoked, err := d.Store.RevokeGrant(ctx, p.Session, p.AccountID)
		return revokedResult{revoked}, err
	})
}

// checkManager refuses callers that do not own the session. They get the same error for a session that does not exist.
func (d Deps) checkManager(call *rpc.Call, session string) error {
	if !call.Principal.MayManage(session) {
		return rpc.Forbidden("only the owner of the session manages its access")
	}
	if !d.HasSession(session) {
		return rpc.NotFound("there is no such session")
	}
	return nil
}

func (d Deps) grantAccess(ctx context.Context, call *rpc.Call, p *grantParams) (grantResult, error) {
	if err := d.checkManager(call, p.Session); err != nil {
		return grantResult{}, err
	}
	a, err := d.Store.FindEmail(ctx, p.Email)
	switch {
	case err != nil:
		return grantResult{}, err
	case a.ID == d.Store.OwnerOf(p.Session):
		return grantResult{}, &rpc.Error{Code: rpc.CodeConflict, Reason: "access_of_owner", Message: "the account owns the session"}
	case a.Role == Superadmin:
		return grantResult{}, &rpc.Error{Code: rpc.CodeConflict, Reason: "access_of_superadmin", Message: "an account of the role SUPERADMIN may use all sessions"}
	}
	g, err := d.Store.Grant(ctx, p.Session, a.ID)
	return grantResult{shapeAccess(g)}, err
}
