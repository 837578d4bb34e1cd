package accountmethods

import (
	"context"
	"fmt"
	"time"

	"github.com/waystation/waystation/rpc"
)

// keyObject is an API key in results, without the key.
type keyObject struct {
	KeyID      string     `json:"key_id" doc:"id of the key"`
	Name       string     `json:"name" doc:"its name; empty = the account's own key, which account.getApiKey returns"`
	Effects    []string   `json:"effects" doc:"effects of calls that it permits: read, write, admin"`
	SessionIDs []string   `json:"session_ids" doc:"sessions it is limited to; null = all that the account may use"`
	CreatedAt  time.Time  `json:"created_at" doc:"creation"`
	ExpiresAt  *time.Time `json:"expires_at" doc:"null = never"`
	LastUsedAt *time.Time `json:"last_used_at" doc:"to the minute; null = never"`
}

func shapeKey(k Key) keyObject {
	return keyObject{
		KeyID: k.ID, Name: k.Name, Effects: k.Effects.Names(), SessionIDs: k.Sessions, CreatedAt: k.CreatedAt.UTC(), ExpiresAt: timeOrNil(k.ExpiresAt), LastUsedAt: timeOrNil(k.UsedAt),
	}
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

type ownKeyResult struct {
	APIKey    *string    `json:"api_key" doc:"the key; null when there is none"`
	CreatedAt *time.Time `json:"created_at" doc:"when it was created; null when there is none"`
}

type createKeyParams struct {
	Name       string     `json:"name" rpc:"max=255" doc:"name of a further key; absent = the account's own key, which replaces the one before and which account.getApiKey returns"`
	Effects    []string   `json:"effects" rpc:"max=3" doc:"effects of calls that it permits: read, write, admin; default all"`
	SessionIDs []string   `json:"session_ids" rpc:"max=1000" doc:"sessions it is limited to; default all that the account may use, also later ones"`
	ExpiresAt  *time.Time `json:"expires_at" doc:"end of its validity; default never"`
	AccountID  string     `json:"account_id" rpc:"max=64" doc:"account that gets the key, for callers with the scope admin; default the caller's"`
}

// Validate checks effects, sessions and expiry.
func (p *createKeyParams) Validate() error {
	var bad rpc.Fields
	for i, name := range p.Effects {
		if _, ok := rpc.ParseEffects([]string{name}); !ok {
			bad = addFault(bad, fmt.Sprintf("/effects/%d", i), "must be one of: read, write, admin")
		}
	}
	if p.Effects != nil && len(p.Effects) == 0 {
		bad = addFault(bad, "/effects", "must have at least 1 entry")
	}
	for i, id := range p.SessionIDs {
		if id == "" || len(id) > 64 {
			bad = addFault(bad, fmt.Sprintf("/session_ids/%d", i), "is no id of a session")
		}
	}
	if p.SessionIDs != nil && len(p.SessionIDs) == 0 {
		bad = addFault(bad, "/session_ids", "must have at least 1 entry")
	}
	if p.ExpiresAt != nil && !p.ExpiresAt.After(time.Now()) {
		bad = addFault(bad, "/expires_at", "must be in the future")
	}
	return orNil(bad)
}

type createKeyResult struct {
	APIKey string    `json:"api_key" doc:"the key; of a named one it is shown once"`
	Key    keyObject `json:"key" doc:"what the key permits"`
}

type revokeKeyParams struct {
	KeyID     string `json:"key_id" rpc:"max=64" doc:"key to revoke; absent = the account's own key"`
	AccountID string `json:"account_id" rpc:"max=64" doc:"account of the key, for callers with the scope admin; default the caller's"`
}

type revokedResult struct {
	Revoked bool `json:"revoked" doc:"false when there was none"`
}

type listKeysParams struct {
	AccountID string `json:"account_id" rpc:"max=64" doc:"account of the keys, for callers with the scope admin; default the caller's"`
}

type listKeysResult struct {
	Keys []keyObject `json:"keys" doc:"keys, the oldest first"`
}

func registerKeys(reg *rpc.Registry, d Deps) {
	account := func(name, summary string, effect rpc.Effect) rpc.Method {
		return rpc.Method{Name: name, Summary: summary, Scope: rpc.ScopeAccount, Effect: effect, Secret: true}
	}
	rpc.Register(reg, account("account.getApiKey", "Return the account's own API key, to log-ins only.", rpc.EffectAdmin), d.ownKey)
	rpc.Register(reg, account("account.createApiKey", "Create an API key of the account. API keys create no keys.", rpc.EffectAdmin), d.createKey)
	rpc.Register(reg, account("account.revokeApiKey", "Revoke an API key of the account; its connections are closed.", rpc.EffectAdmin), d.revokeKey)
	listKeys := account("account.listApiKeys", "List the API keys of the account, without the keys themselves.", rpc.EffectRead)
	listKeys.Secret = false
	rpc.Register(reg, listKeys, d.listKeys)
}

// keyAccount returns the account whose keys a call manages. API keys manage no keys, so that a stolen one does not outlive its revocation.
func (d Deps) keyAccount(ctx context.Context, call *rpc.Call, asked string) (string, error) {
	who := call.Principal
	if who.Account != "" {
		if _, ok, err := d.Store.Login(ctx, who.Credential); !ok {
			if err == nil {
				err = &rpc.Error{Code: rpc.CodeForbidden, Reason: "login_needed", Message: "API keys are managed after a log-in: they cannot manage keys themselves"}
			}
			return "", err
		}
	}
	switch {
	case asked == "" && who.Account == "":
		return "", &rpc.Error{Code: rpc.CodeForbidden, Reason: "no_account", Message: "the credential is that of no account: name one with account_id"}
	case asked == "" || asked == who.Account:
		return who.Account, nil
	case who.Kind != rpc.ScopeAdmin:
		return "", rpc.Forbidden("keys of other accounts need scope " + string(rpc.ScopeAdmin))
	}
	_, err := d.Store.Account(ctx, asked)
	return asked, err
}

func (d Deps) ownKey(ctx context.Context, call *rpc.Call, _ *none) (ownKeyResult, error) {
	account, err := d.keyAccount(ctx, call, "")
	if err != nil {
		return ownKeyResult{}, err
	}
	token, key, err := d.Store.OwnKey(ctx, account)
	if err != nil || token == "" {
		return ownKeyResult{}, err
	}
	return ownKeyResult{&token, timeOrNil(key.CreatedAt)}, nil
}

func (d Deps) createKey(ctx context.Context, call *rpc.Call, p *createKeyParams) (createKeyResult, error) {
	account, err := d.keyAccount(ctx, call, p.AccountID)
	if err != nil {
		return createKeyResult{}, err
	}
	key := Key{Name: p.Name, Own: p.Name == "", Effects: rpc.AllEffects, Sessions: p.SessionIDs}
	if p.Effects != nil {
		key.Effects, _ = rpc.ParseEffects(p.Effects) // Validate checked them
	}
	if p.ExpiresAt != nil {
		key.ExpiresAt = *p.ExpiresAt
	}
	for i, id := range p.SessionIDs {
		if !call.Principal.MayUse(id) || !d.HasSession(id) {
			return createKeyResult{}, rpc.InvalidParams(fmt.Sprintf("/session_ids/%d", i), "is no session of the account")
		}
	}
	token, key, err := d.Store.CreateKey(ctx, account, key)
	return createKeyResult{token, shapeKey(key)}, err
}

func (d Deps) revokeKey(ctx context.Context, call *rpc.Call, p *revokeKeyParams) (revokedResult, error) {
	account, err := d.keyAccount(ctx, call, p.AccountID)
	if err != nil {
		return revokedResult{}, err
	}
	revoked, err := d.Store.RevokeKey(ctx, account, p.KeyID)
	return revokedResult{revoked}, err
}

func (d Deps) listKeys(ctx context.Context, call *rpc.Call, p *listKeysParams) (listKeysResult, error) {
	out := listKeysResult{Keys: []keyObject{}}
	account, err := d.keyAccount(ctx, call, p.AccountID)
	if err != nil {
		return out, err
	}
	keys, err := d.Store.Keys(ctx, account)
	for _, k := range keys {
		out.Keys = append(out.Keys, shapeKey(k))
	}
	return out, err
}
