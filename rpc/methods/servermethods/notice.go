package servermethods

import (
	"context"
	"time"

	"github.com/waystation/waystation/rpc"
)

// Levels of notices.
const (
	levelInfo = "info"
	// operator is the recipient of notices for callers with the admin token, which belongs to no account.
	operator = ""
)

// Notice is a message of the server or of an administrator to an account.
type Notice struct {
	ID        string    `json:"notification_id" doc:"id"`
	Account   *string   `json:"account_id" doc:"recipient; null = those with the admin token"`
	Title     string    `json:"title" doc:"headline"`
	Message   string    `json:"message" doc:"text"`
	Level     string    `json:"level" doc:"info, success, warning or error"`
	Link      *string   `json:"link" doc:"address to open; null = none"`
	Read      bool      `json:"read" doc:"marked as read"`
	CreatedAt time.Time `json:"created_at" doc:"when it was left"`
}

// NoticeStore keeps notices. An empty account stands for the operator.
type NoticeStore interface {
	// Add stores the notice once for each account and returns how many were added. With a topic, accounts that have a notice of this topic are
	// left out, also if they have deleted it. The oldest of an account are dropped beyond a limit.
	Add(ctx context.Context, accounts []string, n Notice, topic string) (int, error)
	// List returns the newest notices of an account, and how many are unread in all.
	List(ctx context.Context, account string, unreadOnly bool, limit int) (list []Notice, unread int, err error)
	// MarkRead marks unread notices, or with nil all, and returns how many changed.
	MarkRead(ctx context.Context, account string, ids []string) (int, error)
	Delete(ctx context.Context, account, id string) (bool, error)
}

// Accounts finds the recipients of notices.
type Accounts interface {
	// IDs returns all accounts, AdminIDs those of administrators.
	IDs(ctx context.Context) ([]string, error)
	AdminIDs(ctx context.Context) ([]string, error)
	Exists(ctx context.Context, id string) (bool, error)
}

type noticeParams struct {
	Title    string  `json:"title" rpc:"required,min=1,max=200" doc:"headline"`
	Message  string  `json:"message" rpc:"required,min=1,max=4000" doc:"text"`
	Level    string  `json:"level" rpc:"enum=info|success|warning|error" doc:"default info"`
	Link     *string `json:"link" rpc:"max=2048" doc:"http or https address, or a path that begins with a slash"`
	Account  *string `json:"account_id" rpc:"min=1,max=64" doc:"recipient; needed unless everyone"`
	Everyone bool    `json:"everyone" doc:"for all accounts"`
}

// Validate implements rpc.Validator.
func (p *noticeParams) Validate() error {
	switch {
	case p.Link != nil && !isPageAddress(*p.Link):
		return rpc.InvalidParams("/link", "must be an http or https address, or a path that begins with a slash")
	case p.Account == nil && !p.Everyone:
		return rpc.InvalidParams("/account_id", "is needed unless everyone is true")
	}
	return nil
}

type noticeCount struct {
	Count int `json:"count" doc:"notices created or changed"`
}

type noticeListParams struct {
	UnreadOnly bool `json:"unread_only" doc:"leave out those that are marked as read"`
	Limit      int  `json:"limit" rpc:"min=1,max=500" doc:"1-500, default 50"`
}

type noticeListResult struct {
	Notifications []Notice `json:"notifications" doc:"newest first"`
	UnreadCount   int      `json:"unread_count" doc:"all unread ones"`
}

type markReadParams struct {
	IDs []string `json:"notification_ids" rpc:"max=500" doc:"absent = all"`
}

type noticeID struct {
	ID string `json:"notification_id" rpc:"required,min=1,max=64" doc:"the notice"`
}

type noticeDeleted struct {
	Deleted bool `json:"deleted" doc:"false for an id that is unknown or of another account"`
}

func registerNotices(reg *rpc.Registry, d Deps) {
	rpc.Register(reg, rpc.Method{
		Name: "notification.create", Summary: "Leave a notice for one account or for all.", Scope: rpc.ScopeAdmin,
	}, func(ctx context.Context, _ *rpc.Call, p *noticeParams) (out noticeCount, err error) {
		n := Notice{Title: p.Title, Message: p.Message, Level: p.Level, Link: p.Link}
		if n.Level == "" {
			n.Level = levelInfo
		}
		recipients, err := d.recipients(ctx, p)
		if err == nil {
			out.Count, err = d.Notices.Add(ctx, recipients, n, "")
		}
		return out, err
	})
	rpc.Register(reg, rpc.Method{Name: "notification.list", Summary: "List the newest notices of the caller.", Scope: rpc.ScopeAccount, MaxReply: 8 << 20},
		func(ctx context.Context, call *rpc.Call, p *noticeListParams) (out noticeListResult, err error) {
			limit := p.Limit
			if limit == 0 {
				limit = 50
			}
			out.Notifications, out.UnreadCount, err = d.Notices.List(ctx, call.Principal.Account, p.UnreadOnly, limit)
			return out, err
		})
	rpc.Register(reg, rpc.Method{Name: "notification.markRead", Summary: "Mark some or all notices of the caller as read.", Scope: rpc.ScopeAccount},
		func(ctx context.Context, call *rpc.Call, p *markReadParams) (out noticeCount, err error) {
			out.Count, err = d.Notices.MarkRead(ctx, call.Principal.Account, p.IDs)
			return out, err
		})
	rpc.Register(reg, rpc.Method{Name: "notification.delete", Summary: "Delete a notice of the caller.", Scope: rpc.ScopeAccount},
		func(ctx context.Context, call *rpc.Call, p *noticeID) (out noticeDeleted, err error) {
			out.Deleted, err = d.Notices.Delete(ctx, call.Principal.Account, p.ID)
			return out, err
		})
}

func (d Deps) recipients(ctx context.Context, p *noticeParams) ([]string, error) {
	if p.Everyone {
		return d.Accounts.IDs(ctx)
	}
	exists, err := d.Accounts.Exists(ctx, *p.Account)
	if err == nil && !exists {
		err = rpc.NotFound("there is no such account")
	}
	return []string{*p.Account}, err
}
