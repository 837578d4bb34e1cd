package accountmethods

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/waystation/waystation/rpc"
)

// accountObject is an account in results.
type accountObject struct {
	AccountID       string     `json:"account_id" doc:"id"`
	Name            string     `json:"name" doc:"display name"`
	Email           string     `json:"email" doc:"e-mail address"`
	EmailVerifiedAt *time.Time `json:"email_verified_at" doc:"null: addresses are not verified"`
	Role            Role       `json:"role" doc:"SUPERADMIN, OWNER or STAFF"`
	ImageURL        *string    `json:"image_url" doc:"null: accounts have no picture"`
	SessionCount    int        `json:"session_count" doc:"sessions that it owns"`
	CreatedAt       time.Time  `json:"created_at" doc:"creation"`
	UpdatedAt       time.Time  `json:"updated_at" doc:"last change"`
}

func shapeAccount(a Account) accountObject {
	return accountObject{
		AccountID: a.ID, Name: a.Name, Email: a.Email, Role: a.Role, SessionCount: a.SessionCount, CreatedAt: a.CreatedAt.UTC(), UpdatedAt: a.UpdatedAt.UTC(),
	}
}

type accountResult struct {
	Account accountObject `json:"account" doc:"the account"`
}

type registerParams struct {
	Name     string `json:"name" rpc:"required,min=1,max=255" doc:"display name"`
	Email    string `json:"email" rpc:"required,format=email" doc:"e-mail address, which no other account has, regardless of case"`
	Password string `json:"password" rpc:"required,max=1024" doc:"at least 8 characters"`
}

// Validate checks the name and the length of the password.
func (p *registerParams) Validate() error {
	return orNil(addFault(addFault(nil, "/name", checkName(p.Name)), "/password", checkPassword(p.Password)))
}

type createParams struct {
	registerParams
	Role Role `json:"role" rpc:"enum=SUPERADMIN|OWNER|STAFF" doc:"SUPERADMIN may do all that the admin token may, OWNER creates and shares sessions, STAFF uses those that are shared with it; default OWNER, of the first account SUPERADMIN"`
}

type updateParams struct {
	AccountID string  `json:"account_id" rpc:"required,min=1,max=64" doc:"account to change"`
	Name      *string `json:"name" rpc:"max=255" doc:"new name"`
	Email     *string `json:"email" rpc:"format=email" doc:"new e-mail address"`
	Password  *string `json:"password" rpc:"max=1024" doc:"new password, at least 8 characters; it ends the log-ins of the account"`
	Role      *Role   `json:"role" rpc:"enum=SUPERADMIN|OWNER|STAFF" doc:"new role; the connections of the account are closed, to authenticate again"`
}

// Validate checks what is given.
func (p *updateParams) Validate() error {
	var bad rpc.Fields
	for _, c := range []struct {
		value   *string
		pointer string
		check   func(string) string
	}{{p.Name, "/name", checkName}, {p.Password, "/password", checkPassword}} {
		if c.value != nil {
			bad = addFault(bad, c.pointer, c.check(*c.value))
		}
	}
	return orNil(bad)
}

type deleteParams struct {
	AccountID  string `json:"account_id" rpc:"required,min=1,max=64" doc:"account to delete"`
	TransferTo string `json:"transfer_to" rpc:"max=64" doc:"account that takes over its sessions; absent = the caller's account, with the admin token none"`
}

type accountDeleted struct {
	AccountID string `json:"account_id" doc:"deleted id"`
}

type listParams struct {
	Limit  int `json:"limit" rpc:"min=1,max=1000" doc:"page size, default 200"`
	Offset int `json:"offset" rpc:"min=0" doc:"rows to skip"`
}

const defaultPage = 200

type listResult struct {
	Accounts []accountObject `json:"accounts" doc:"accounts, the oldest first"`
	Total    int             `json:"total" doc:"all accounts"`
}

type currentAccount struct {
	Account   *accountObject `json:"account" doc:"null when the credential is that of no account"`
	ExpiresAt *time.Time     `json:"expires_at" doc:"end of the log-in; null when the credential is none"`
}

type csrfResult struct {
	Token string `json:"token" doc:"value for the form"`
}

type loginParams struct {
	Email    string `json:"email" rpc:"required,max=254" doc:"e-mail address of the account"`
	Password string `json:"password" rpc:"required,max=1024" doc:"its password"`
}

type accountLogin struct {
	Token     string        `json:"token" doc:"credential for the calls of the account, in the header Authorization"`
	ExpiresAt time.Time     `json:"expires_at" doc:"its end"`
	Account   accountObject `json:"account" doc:"the account"`
}

type none struct{}

type loggedOutResult struct {
	LoggedOut bool `json:"logged_out" doc:"false when the credential is no log-in"`
}

// Register adds the methods.
func Register(reg *rpc.Registry, d Deps) {
	admin := func(name, summary string) rpc.Method {
		return rpc.Method{Name: name, Summary: summary, Scope: rpc.ScopeAdmin}
	}
	list := admin("account.list", "List all accounts with the number of their sessions.")
	rpc.Register(reg, list, d.listAccounts)
	create := admin("account.create", "Create an account with a role.")
	create.Secret = true // the params have a password
	rpc.Register(reg, create, d.createAccount)
	update := admin("account.update", "Change name, e-mail address, password or role of an account.")
	update.Secret = true
	rpc.Register(reg, update, d.updateAccount)
	rpc.Register(reg, admin("account.delete", "Delete an account with its keys, log-ins and access; its sessions pass to another account."), d.deleteAccount)
	rpc.Register(reg, rpc.Method{
		Name: "account.register", Summary: "Create an account of the role OWNER for oneself, if the server permits it.", Scope: rpc.ScopePublic, Secret: true,
	}, d.registerAccount)
	rpc.Register(reg, rpc.Method{
		Name: "account.getCurrent", Summary: "Return the account behind the caller's credential, or null.", Scope: rpc.ScopePublic,
	}, d.currentAccount)
	rpc.Register(reg, rpc.Method{
		Name: "account.createCsrfToken", Summary: "Issue a token that web forms send back. It has a meaning for log-ins by cookie only.",
		Scope: rpc.ScopePublic, Effect: rpc.EffectRead, Secret: true,
	}, func(context.Context, *rpc.Call, *none) (csrfResult, error) {
		var random [32]byte
		_, _ = rand.Read(random[:]) // crypto/rand never fails
		return csrfResult{hex.EncodeToString(random[:])}, nil
	})
	rpc.Register(reg, rpc.Method{
		Name: "account.login", Summary: "Log in with e-mail address and password, and return a token.", Scope: rpc.ScopePublic, Secret: true,
	}, d.login)
	rpc.Register(reg, rpc.Method{
		Name: "account.logout", Summary: "End the log-in that the call was made with.", Scope: rpc.ScopeSession, NoSession: true, Effect: rpc.EffectRead,
	}, d.logout)
	registerKeys(reg, d)
	registerAccess(reg, d)
}

func (d Deps) registerAccount(ctx context.Context, _ *rpc.Call, p *registerParams) (accountResult, error) {
	if !d.RegistrationOpen(ctx) {
		return accountResult{}, &rpc.Error{Code: rpc.CodeForbidden, Reason: "registration_disabled", Message: "registration is switched off; see the setting registration"}
	}
	n, err := d.Store.CountAccounts(ctx)
	if err == nil && n == 0 {
		err = &rpc.Error{Code: rpc.CodeForbidden, Reason: "registration_disabled", Message: "the first account is created with the admin token"}
	}
	if err != nil {
		return accountResult{}, err
	}
	a, err := d.Store.Register(ctx, NewAccount{Name: p.Name, Email: p.Email, Password: p.Password, Role: Owner})
	return accountResult{shapeAccount(a)}, err
}

func (d Deps) createAccount(ctx context.Context, _ *rpc.Call, p *createParams) (accountResult, error) {
	a, err := d.Store.Create(ctx, NewAccount{Name: p.Name, Email: p.Email, Password: p.Password, Role: p.Role})
	return accountResult{shapeAccount(a)}, err
}

func (d Deps) updateAccount(ctx context.Context, _ *rpc.Call, p *updateParams) (accountResult, error) {
	a, err := d.Store.Update(ctx, p.AccountID, Change{Name: p.Name, Email: p.Email, Password: p.Password, Role: p.Role})
	return accountResult{shapeAccount(a)}, err
}

func (d Deps) deleteAccount(ctx context.Context, call *rpc.Call, p *deleteParams) (accountDeleted, error) {
	heir := p.TransferTo
	switch {
	case p.AccountID == call.Principal.Account:
		return accountDeleted{}, &rpc.Error{Code: rpc.CodeConflict, Reason: "own_account", Message: "one's own account cannot be deleted"}
	case heir == p.AccountID:
		return accountDeleted{}, rpc.InvalidParams("/transfer_to", "must be another account")
	case heir == "":
		heir = call.Principal.Account
	default:
		if _, err := d.Store.Account(ctx, heir); err != nil {
			return accountDeleted{}, err
		}
	}
	if err := d.Store.Delete(ctx, p.AccountID, heir); err != nil {
		return accountDeleted{}, err
	}
	return accountDeleted{p.AccountID}, d.Forget(ctx, p.AccountID)
}

func (d Deps) listAccounts(ctx context.Context, _ *rpc.Call, p *listParams) (listResult, error) {
	if p.Limit == 0 {
		p.Limit = defaultPage
	}
	out := listResult{Accounts: []accountObject{}}
	accounts, err := d.Store.List(ctx, p.Limit, p.Offset)
	if err == nil {
		out.Total, err = d.Store.CountAccounts(ctx)
	}
	for _, a := range accounts {
		out.Accounts = append(out.Accounts, shapeAccount(a))
	}
	return out, err
}

func (d Deps) currentAccount(ctx context.Context, call *rpc.Call, _ *none) (currentAccount, error) {
	var out currentAccount
	if call.Principal.Account == "" {
		return out, nil
	}
	a, err := d.Store.Account(ctx, call.Principal.Account)
	if err != nil {
		return out, err
	}
	login, ok, err := d.Store.Login(ctx, call.Principal.Credential)
	if ok {
		ends := login.ExpiresAt.UTC()
		out.ExpiresAt = &ends
	}
	shaped := shapeAccount(a)
	out.Account = &shaped
	return out, err
}

func (d Deps) login(ctx context.Context, _ *rpc.Call, p *loginParams) (accountLogin, error) {
	token, login, a, err := d.Store.LogIn(ctx, p.Email, p.Password)
	if err != nil {
		return accountLogin{}, err
	}
	return accountLogin{token, login.ExpiresAt.UTC(), shapeAccount(a)}, nil
}

func (d Deps) logout(ctx context.Context, call *rpc.Call, _ *none) (loggedOutResult, error) {
	_, ok, err := d.Store.Login(ctx, call.Principal.Credential)
	if ok {
		err = d.Store.LogOut(ctx, call.Principal.Credential)
	}
	return loggedOutResult{ok && err == nil}, err
}
