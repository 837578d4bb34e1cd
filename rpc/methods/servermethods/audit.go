package servermethods

import (
	"context"
	"time"

	"github.com/waystation/waystation/rpc"
)

// AuditEntry is a call that could change something: what was called by whom with which outcome, without its params.
type AuditEntry struct {
	ID         string    `json:"audit_id" doc:"id; later entries have greater ones"`
	At         time.Time `json:"at" doc:"when the call ended"`
	Caller     string    `json:"caller" doc:"admin, account, session or public: kind of the credential"`
	Account    *string   `json:"account_id" doc:"account of the caller; null = none"`
	Credential *string   `json:"credential_id" doc:"API key or log-in of the caller; null = none"`
	Session    *string   `json:"session" doc:"session of the call; null = none; of a session that is deleted, a name that stands for it"`
	Method     string    `json:"method" doc:"method"`
	RequestID  string    `json:"request_id" doc:"id of the call, as in logs and errors"`
	Code       int       `json:"code" doc:"code of the error; 0 = the call succeeded"`
	Reason     *string   `json:"reason" doc:"reason of the error; null = none"`
	DurationMS int64     `json:"duration_ms" doc:"time the call took"`
}

// AuditQuery selects entries; zero values do not restrict.
type AuditQuery struct {
	Session, Account, Method string
	Since, Until             time.Time
	FailedOnly               bool
	// Before is the id before which the page begins.
	Before string
	Limit  int
}

// AuditLog reads the log of calls that could change something.
type AuditLog interface {
	// List returns the newest entries first; more tells that the page is not the last.
	List(ctx context.Context, q AuditQuery) (entries []AuditEntry, more bool, err error)
}

type auditParams struct {
	SessionID  string     `json:"session_id" rpc:"max=256" doc:"only calls on this session"`
	Account    string     `json:"account_id" rpc:"max=64" doc:"only calls of this account"`
	Method     string     `json:"method" rpc:"max=128" doc:"only this method"`
	FailedOnly bool       `json:"failed_only" doc:"only calls that ended with an error"`
	Since      *time.Time `json:"since" doc:"at or after"`
	Until      *time.Time `json:"until" doc:"before"`
	Before     string     `json:"before_id" rpc:"max=64" doc:"only older entries than this one: next_id of the page before"`
	Limit      int        `json:"limit" rpc:"min=1,max=1000" doc:"1-1000, default 100"`
}

type auditResult struct {
	Entries []AuditEntry `json:"entries" doc:"newest first"`
	NextID  *string      `json:"next_id" doc:"before_id of the next page; null = this is the last"`
}

func registerAudit(reg *rpc.Registry, d Deps) {
	rpc.Register(reg, rpc.Method{
		Name: "server.listAudit", Summary: "Page through the calls that could change something, newest first.", Scope: rpc.ScopeAdmin, MaxReply: 8 << 20,
		Description: "Entries have neither params nor results. They are written within a second and kept for -audit-retention.",
	}, func(ctx context.Context, _ *rpc.Call, p *auditParams) (out auditResult, err error) {
		q := AuditQuery{Session: p.SessionID, Account: p.Account, Method: p.Method, FailedOnly: p.FailedOnly, Before: p.Before, Limit: p.Limit}
		if q.Limit == 0 {
			q.Limit = 100
		}
		if p.Since != nil {
			q.Since = *p.Since
		}
		if p.Until != nil {
			q.Until = *p.Until
		}
		entries, more, err := d.Audit.List(ctx, q)
		if out.Entries = entries; err == nil && more {
			out.NextID = &entries[len(entries)-1].ID
		}
		return out, err
	})
}
