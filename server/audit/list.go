package audit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/waystation/waystation/rpc/methods/servermethods"
	"github.com/waystation/waystation/rpc/methods/shared"
)

// List implements servermethods.AuditLog.
func (l *Log) List(ctx context.Context, q servermethods.AuditQuery) ([]servermethods.AuditEntry, bool, error) {
	if err := l.storeWaiting(ctx); err != nil {
		return nil, false, err
	}
	var where []string
	var args []any
	only := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		where = append(where, condition)
	}
	if q.Session != "" {
		only("session IN (?, ?)", q.Session, l.standIn(q.Session))
	}
	if q.Account != "" {
		only("account=?", q.Account)
	}
	if q.Method != "" {
		only("method=?", q.Method)
	}
	if q.FailedOnly {
		only("code<>0")
	}
	if !q.Since.IsZero() {
		only("at>=?", q.Since.UnixMilli())
	}
	if !q.Until.IsZero() {
		only("at<?", q.Until.UnixMilli())
	}
	if q.Before != "" {
		only("id<?", q.Before)
	}
	query := `SELECT id, at, caller, account, credential, session, method, request, code, reason, took FROM audit_entries`
	if len(where) > 0 {
		query += ` WHERE ` + strings.Join(where, " AND ")
	}
	args = append(args, q.Limit+1)
	rows, err := l.db.Query(ctx, query+fmt.Sprintf(` ORDER BY id DESC LIMIT $%d`, len(args)), args...)
	if err != nil {
		return nil, false, fmt.Errorf("audit: %w", err)
	}
	defer rows.Close()
	list := []servermethods.AuditEntry{}
	for rows.Next() {
		var e entry
		var at int64
		if err := rows.Scan(&e.ID, &at, &e.Caller, &e.account, &e.credential, &e.session, &e.Method, &e.RequestID, &e.Code, &e.reason, &e.DurationMS); err != nil {
			return nil, false, fmt.Errorf("audit: %w", err)
		}
		e.At = time.UnixMilli(at).UTC()
		e.Account, e.Credential, e.Session, e.Reason = shared.Optional(e.account), shared.Optional(e.credential), shared.Optional(e.session), shared.Optional(e.reason)
		list = append(list, e.AuditEntry)
	}
	if err := rows.Err(); err != nil {
		return nil, false, fmt.Errorf("audit: %w", err)
	}
	if len(list) > q.Limit {
		return list[:q.Limit], true, nil
	}
	return list, false, nil
}
