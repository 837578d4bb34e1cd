package methods

import (
	"context"
	"errors"
	"fmt"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/proxy"
	"github.com/waystation/waystation/bridge/sessionconfig"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
	"github.com/waystation/waystation/transports/webhook"
)

type sessionCreateParams struct {
	SessionID     string                       `json:"session_id" rpc:"max=64" doc:"own id; generated when absent"`
	Name          string                       `json:"name" rpc:"max=255" doc:"display name; defaults to the id"`
	Token         string                       `json:"token" rpc:"max=255" doc:"credential bound to this session, at least 8 characters; generated when absent"`
	Settings      sessionconfig.SettingsPatch  `json:"settings" doc:"initial settings, as session.updateSettings"`
	Webhook       *sessionWebhook              `json:"webhook" doc:"initial default webhook"`
	Transports    map[string]transportChange   `json:"transports" rpc:"max=10" doc:"transport name -> settings, as transport.updateSettings"`
	Storage       *storageSettings             `json:"storage" doc:"object storage settings, as storage.updateSettings"`
	Proxy         proxy.Proxy                  `json:"proxy" doc:"{enabled, url}"`
	ClientProfile *sessionconfig.ClientProfile `json:"client_profile" doc:"device identity shown to WhatsApp"`
	Restore       bool                         `json:"restore" doc:"adopt the messages, media and contact keys of the last session of this id, which was deleted without purge; not_found when there are none; default false = the new session has no access to them"`
	Connect       bool                         `json:"connect" doc:"connect at once so that a QR code appears"`
}

// sessionWebhook is the default webhook of a new session.
type sessionWebhook struct {
	URL    string   `json:"url" rpc:"required,min=1" doc:"http or https address"`
	Events []string `json:"events" rpc:"max=100" doc:"event names; default [\"*\"]"`
	Secret *string  `json:"secret" doc:"key of the signature, 16 to 256 bytes"`
	Format *string  `json:"format" rpc:"enum=native|waakg|wuzapi|wuzapi_json|wwebjs" doc:"shape of the body; default native"`
	Files  *string  `json:"files" rpc:"enum=none|inline|multipart" doc:"how the files of messages are sent: none, inline (formats native, wuzapi, wuzapi_json) or multipart (formats wuzapi, wuzapi_json); default none"`
}

func (p *sessionWebhook) change() webhook.Change {
	return webhook.Change{URL: &p.URL, Events: p.Events, Secret: p.Secret, Format: (*webhook.Format)(p.Format), Files: (*webhook.FileMode)(p.Files)}
}

// minTokenLength excludes guessable tokens.
const minTokenLength = 8

// shortToken is the length in bytes below which a token of the caller's choice causes a warning: the least of an admin token.
const shortToken = 16

// tokenWarnings logs that a session has a short token, and returns the warning for the reply. A generated token is
// never short.
func (d Deps) tokenWarnings(session, token string) []string {
	if len(token) >= shortToken {
		return nil
	}
	d.log().Warn("the token of a session is short and may be guessed; change it with session.update", "session", session,
		"characters", len(token), "advised", shortToken)
	return []string{fmt.Sprintf("the token has %d characters and may be guessed: use %d or more, or let the server generate it", len(token), shortToken)}
}

// Validate rejects guessable tokens.
func (p *sessionCreateParams) Validate() error {
	var bad rpc.Fields
	if p.Token != "" && len(p.Token) < minTokenLength {
		bad = append(bad, rpc.Field{Pointer: "/token", Problem: "must have at least 8 characters"})
	}
	if len(bad) > 0 {
		return bad
	}
	return nil
}

type sessionCreateResult struct {
	Session sessionObject `json:"session" doc:"the stored session, secrets masked"`
	Token   string        `json:"token" doc:"the credential, shown once"`
	// Warnings lists permitted but weak params. It never contains the token.
	Warnings []string `json:"warnings,omitempty" doc:"permitted but weak params, in English, such as a token shorter than 16 characters"`
}

type sessionListParams struct {
	SessionIDs    []string `json:"session_ids" rpc:"max=1000" doc:"only these"`
	AccountID     string   `json:"account_id" doc:"only sessions that this account owns"`
	State         string   `json:"state" rpc:"enum=created|pairing|connecting|connected|disconnected|logged_out|replaced|banned|outdated" doc:"only sessions in this state"`
	Full          bool     `json:"full" doc:"with settings, proxy, webhooks, transports, object storage and client profile; default false = status only"`
	IncludeQRCode bool     `json:"include_qr_code" doc:"with the QR code of sessions waiting for pairing"`
	IncludeTotal  bool     `json:"include_total" doc:"count all matches"`
	Limit         int      `json:"limit" rpc:"min=1,max=1000" doc:"page size, default 200"`
	Offset        int      `json:"offset" rpc:"min=0" doc:"rows to skip"`
}

type sessionListResult struct {
	Sessions   []sessionObject `json:"sessions" doc:"session objects"`
	Total      *int            `json:"total,omitempty" doc:"only with include_total"`
	NextOffset *int            `json:"next_offset" doc:"null on the last page"`
}

const defaultSessionPage = 200

type sessionGetParams struct {
	IncludeQRCode bool `json:"include_qr_code" doc:"with the QR code while the session waits for pairing"`
}

type sessionResult struct {
	Session sessionObject `json:"session" doc:"the session, secrets masked"`
}

type sessionDeleteParams struct {
	Session string `json:"session" rpc:"required" doc:"id of the session"`
	Logout  *bool  `json:"logout" doc:"unlink the device first; default true"`
	Purge   bool   `json:"purge" doc:"also delete all stored data: messages, media, contact keys, objects in object storages, including those of earlier sessions of the id; default false = messages, media and contact keys stay for keep-deleted, for session.create with restore"`
}

type sessionDeleteResult struct {
	SessionID string  `json:"session_id" doc:"deleted id"`
	Name      string  `json:"name" doc:"its name"`
	JID       *string `json:"jid" doc:"its JID, may be null"`
}

type sessionDeleteAllParams struct {
	InactiveOnly bool `json:"inactive_only" doc:"leave connected sessions alone; default false"`
	Confirm      bool `json:"confirm" rpc:"required" doc:"must be true"`
}

// Validate requires the confirmation.
func (p *sessionDeleteAllParams) Validate() error {
	if !p.Confirm {
		return rpc.Fields{{Pointer: "/confirm", Problem: "must be true"}}
	}
	return nil
}

type sessionDeleteAllResult struct {
	SessionIDs []string             `json:"session_ids" doc:"deleted ids"`
	Errors     []sessionDeleteError `json:"errors" doc:"{session_id, error}"`
}

type sessionDeleteError struct {
	SessionID string `json:"session_id" doc:"id"`
	Error     string `json:"error" doc:"reason why it was not deleted"`
}

// RegisterSession adds the methods of the namespace session.
func RegisterSession(reg *rpc.Registry, d Deps) {
	registerSessionAdministration(reg, d)
	registerSessionConnection(reg, d)
	registerSessionPasskey(reg, d)
	registerSessionSettings(reg, d)
	registerSessionEvent(reg, d)
}

func registerSessionAdministration(reg *rpc.Registry, d Deps) {
	rpc.Register(reg, rpc.Method{Name: "session.create", Scope: rpc.ScopeAccount, Summary: "Create a session, optionally with its settings, webhook and proxy, and optionally connect it.", Secret: true}, d.createSession)
	rpc.Register(reg, rpc.Method{Name: "session.list", Scope: rpc.ScopeAccount, Summary: "List the sessions the caller may see, in short or in full."}, d.listSessions)
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "session.get", Summary: "Return one session with status, own identity, settings, proxy, webhooks, transports, object storage and client profile."},
		func(ctx context.Context, s *bridge.Session, p *sessionGetParams) (sessionResult, error) {
			out := sessionResult{Session: d.shapeSession(s, true)}
			if p.IncludeQRCode {
				if err := out.Session.addQRCode(s); err != nil {
					return out, err
				}
			}
			return out, d.addDetails(ctx, out.Session)
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "session.getStatus", Summary: "Return the live connection and login state of one session."},
		func(_ context.Context, s *bridge.Session, _ *shared.None) (sessionStatus, error) {
			return shapeStatus(s.Status()), nil
		})
	shared.OnSessionCall(reg, d.Bridge, rpc.Method{Name: "session.update", Summary: "Change a session's name, token, default webhook, object storage and proxy: all that is given, or nothing.", Secret: true}, d.updateSession)
	rpc.Register(reg, rpc.Method{Name: "session.delete", Scope: rpc.ScopeAccount, Summary: "Delete a session, optionally logging out of WhatsApp and removing everything stored for it."}, d.deleteSession)
	rpc.Register(reg, rpc.Method{Name: "session.deleteAll", Scope: rpc.ScopeAccount, Summary: "Delete every session the caller owns, or only those that are not connected.", Timeout: deleteAllTimeout}, d.deleteAllSessions)
}

func (d Deps) createSession(ctx context.Context, call *rpc.Call, p *sessionCreateParams) (sessionCreateResult, error) {
	var out sessionCreateResult
	if call.Principal.Session != "" {
		return out, rpc.Forbidden("a credential bound to one session cannot create others")
	}
	if problem := mayCreate(call.Principal); problem != nil {
		return out, problem
	}
	if p.Restore && call.Principal.Kind != rpc.ScopeAdmin { // the last session of the id may have been that of another account
		return out, rpc.Forbidden("restore needs scope " + string(rpc.ScopeAdmin))
	}
	if p.Webhook != nil {
		if err := d.Webhooks.Check(ctx, p.SessionID, p.Webhook.change()); err != nil {
			return out, webhookError("/webhook", err)
		}
	}
	if err := d.checkTransports(ctx, p.Transports); err != nil {
		return out, err
	}
	if p.Storage != nil {
		if err := d.Storage.Check(ctx, p.Storage.change()); err != nil {
			return out, storageError("/storage", err)
		}
	}
	s, err := d.Bridge.Create(ctx, bridge.CreateParams{
		ID: p.SessionID, Name: p.Name, Settings: p.Settings, Proxy: p.Proxy, Profile: p.ClientProfile, Restore: p.Restore,
	})
	if err != nil {
		return out, err
	}
	call.Concerns(s.ID())
	// Leftovers of a call that ran while another session of this id was deleted do not belong to this one.
	err = d.Webhooks.DeleteSession(ctx, s.ID())
	if err == nil && d.Owners != nil {
		err = d.Owners.SetOwner(ctx, s.ID(), call.Principal.Account)
	}
	if err == nil {
		out.Token, err = d.Tokens.IssueSessionToken(ctx, s.ID(), p.Token)
	}
	if err == nil && p.Webhook != nil {
		err = d.changeWebhook(ctx, s.ID(), p.Webhook.change())
	}
	if err == nil {
		err = d.setTransports(ctx, s.ID(), p.Transports)
	}
	if err == nil && p.Storage != nil {
		err = d.changeStorage(ctx, s.ID(), p.Storage)
	}
	if err != nil {
		// A partially created session is removed: the id must be free for a retry.
		if undo := d.removeSession(context.WithoutCancel(ctx), s.ID(), false, false); undo != nil {
			d.log().Error("a session that is not whole could not be removed", "session", s.ID(), "error", undo)
		}
		return sessionCreateResult{}, err
	}
	out.Warnings = d.tokenWarnings(s.ID(), out.Token)
	if p.Connect {
		if err = s.Connect(ctx); err != nil {
			return out, err
		}
	}
	out.Session = d.shapeSession(s, true)
	return out, d.addDetails(ctx, out.Session)
}

// mayCreate refuses credentials of accounts that own no sessions, and those that are limited to some.
func mayCreate(who rpc.Principal) *rpc.Error {
	if who.Access != nil && !who.Access.MayCreate() {
		return rpc.Forbidden("the credential may not create sessions: it is limited to some, or its account has the role STAFF")
	}
	return nil
}

func (d Deps) listSessions(ctx context.Context, call *rpc.Call, p *sessionListParams) (sessionListResult, error) {
	limit := p.Limit
	if limit == 0 {
		limit = defaultSessionPage
	}
	wanted := make(map[string]bool, len(p.SessionIDs))
	for _, id := range p.SessionIDs {
		wanted[id] = true
	}
	out := sessionListResult{Sessions: []sessionObject{}}
	matches := 0
	for _, s := range d.Bridge.Sessions() {
		if !call.Principal.MayUse(s.ID()) || p.SessionIDs != nil && !wanted[s.ID()] {
			continue
		}
		if p.AccountID != "" && (d.Owners == nil || d.Owners.OwnerOf(s.ID()) != p.AccountID) {
			continue
		}
		if p.State != "" && shapeStatus(s.Status()).State != p.State {
			continue
		}
		matches++
		if matches <= p.Offset || len(out.Sessions) >= limit {
			continue
		}
		object := d.shapeSession(s, p.Full)
		if p.IncludeQRCode {
			if err := object.addQRCode(s); err != nil {
				return out, err
			}
		}
		out.Sessions = append(out.Sessions, object)
	}
	if next := p.Offset + len(out.Sessions); next < matches {
		out.NextOffset = &next
	}
	if p.IncludeTotal {
		out.Total = &matches
	}
	return out, d.addDetails(ctx, out.Sessions...)
}

func (d Deps) deleteSession(ctx context.Context, call *rpc.Call, p *sessionDeleteParams) (sessionDeleteResult, error) {
	call.Concerns(p.Session)
	s, err := d.Bridge.Session(p.Session)
	if err != nil || !call.Principal.MayUse(p.Session) {
		return sessionDeleteResult{}, rpc.NotFound("there is no such session")
	}
	if !call.Principal.MayManage(p.Session) {
		return sessionDeleteResult{}, rpc.Forbidden("only the owner of the session may delete it")
	}
	object := d.shapeSession(s, false)
	logout := p.Logout == nil || *p.Logout
	if err = d.removeSession(ctx, s.ID(), logout, p.Purge); err != nil {
		return sessionDeleteResult{}, err
	}
	return sessionDeleteResult{SessionID: object.SessionID, Name: object.Name, JID: object.JID}, nil
}

// removeSession revokes the token first: a partially deleted session must not be reachable with it.
func (d Deps) removeSession(ctx context.Context, id string, logout, purge bool) error {
	if err := d.Tokens.RevokeSession(ctx, id); err != nil {
		return err
	}
	remove := d.Bridge.Delete
	if purge {
		remove = d.Bridge.DeleteWithData
	}
	if err := remove(ctx, id, logout); err != nil || d.Owners == nil {
		return err
	}
	return d.Owners.SetOwner(ctx, id, "")
}

func (d Deps) deleteAllSessions(ctx context.Context, call *rpc.Call, p *sessionDeleteAllParams) (sessionDeleteAllResult, error) {
	out := sessionDeleteAllResult{SessionIDs: []string{}, Errors: []sessionDeleteError{}}
	for _, s := range d.Bridge.Sessions() {
		if !call.Principal.MayManage(s.ID()) || p.InactiveOnly && s.Status().LoggedIn {
			continue
		}
		if err := d.removeSession(ctx, s.ID(), true, false); err != nil {
			out.Errors = append(out.Errors, sessionDeleteError{SessionID: s.ID(), Error: publicText(err)})
			continue
		}
		out.SessionIDs = append(out.SessionIDs, s.ID())
	}
	return out, nil
}

// publicText returns the text of an error that a caller may read.
func publicText(err error) string {
	var public *rpc.Error
	if errors.As(err, &public) {
		return public.Message
	}
	if mapped := shared.MapError(err); mapped != nil {
		return mapped.Message
	}
	return "internal error"
}
