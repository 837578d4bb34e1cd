package schedulemethods

import (
	"context"
	"encoding/json"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/outbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

// schedule is a scheduled message.
type schedule struct {
	ID            string            `json:"schedule_id" doc:"id"`
	To            string            `json:"to" doc:"chat"`
	Content       json.RawMessage   `json:"content" doc:"content object, without members that are absent"`
	ReplyTo       *outbound.ReplyTo `json:"reply_to" doc:"quoted message; null = none"`
	Mentions      []string          `json:"mentions" doc:"people mentioned in the text"`
	MentionAll    bool              `json:"mention_all" doc:"mention all members of the group"`
	TypingSeconds float64           `json:"typing_seconds" doc:"typing shown before sending, in seconds"`
	SendAt        time.Time         `json:"send_at" doc:"its time"`
	CreatedAt     time.Time         `json:"created_at" doc:"when it was created"`
	outcome
}

func scheduleOf(e *outbox.Stored) (*schedule, error) {
	content, rest, err := compact(e.Message)
	if err != nil {
		return nil, wa.StorageError("a stored message could not be read", err)
	}
	if rest.Mentions == nil {
		rest.Mentions = []string{}
	}
	return &schedule{
		ID: e.ID, To: e.To, Content: content, ReplyTo: rest.ReplyTo, Mentions: rest.Mentions, MentionAll: rest.MentionAll, TypingSeconds: rest.TypingSeconds,
		SendAt: e.DueAt.UTC(), CreatedAt: e.CreatedAt, outcome: outcomeOf(e),
	}, nil
}

type scheduleResult struct {
	Schedule *schedule `json:"schedule" doc:"schedule object"`
}

func scheduleResultOf(e *outbox.Stored, err error) (scheduleResult, error) {
	if err != nil {
		return scheduleResult{}, err
	}
	s, err := scheduleOf(e)
	return scheduleResult{s}, err
}

type scheduleListParams struct {
	Status string `json:"status" rpc:"enum=pending|sending|sent|failed|missed|canceled" doc:"only with this status; absent = all"`
	Limit  *int   `json:"limit" rpc:"min=1,max=1000" doc:"1-1000, default 1000"`
	Offset int    `json:"offset" rpc:"min=0" doc:"entries to skip"`
}

type scheduleListResult struct {
	Schedules []*schedule `json:"schedules" doc:"schedule objects, earliest first"`
	HasMore   bool        `json:"has_more" doc:"further ones exist"`
	Waiting   *waiting    `json:"waiting" doc:"what delays the next automatic message of the session; null = nothing"`
}

// sendAt is the time of a message.
type sendAt struct {
	SendAt      *time.Time `json:"send_at" doc:"when; a past time means at once"`
	SendAtLocal string     `json:"send_at_local" rpc:"max=32" doc:"when, without an offset (2030-01-31T09:00), in the time zone of the server's settings; instead of send_at"`
}

// localForms are the forms of send_at_local.
var localForms = []string{"2006-01-02T15:04:05.999", "2006-01-02T15:04", "2006-01-02 15:04:05.999", "2006-01-02 15:04"}

// time returns the time in UTC; zero = none is given.
func (p *sendAt) time(zone *time.Location) (time.Time, error) {
	switch {
	case p.SendAt != nil && p.SendAtLocal != "":
		return time.Time{}, wa.BadParam("send_at_local", "excludes send_at")
	case p.SendAt != nil:
		return *p.SendAt, nil
	case p.SendAtLocal == "":
		return time.Time{}, nil
	}
	for _, form := range localForms {
		if at, err := time.ParseInLocation(form, p.SendAtLocal, zone); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, wa.BadParam("send_at_local", "is not of the form 2030-01-31T09:00:00")
}

type scheduleCreateParams struct {
	To string `json:"to" rpc:"required,format=jid" doc:"chat to send to"`
	contentParams
	sendAt
}

type scheduleUpdateParams struct {
	ID      string           `json:"schedule_id" rpc:"required,min=1,max=64" doc:"scheduled message"`
	To      string           `json:"to" rpc:"format=jid" doc:"chat; absent = unchanged"`
	Content *message.Content `json:"content" doc:"content object, which replaces reply_to and the mentions, too; absent = unchanged"`
	sendAt
}

type scheduleDeleteParams struct {
	ID string `json:"schedule_id" rpc:"required,min=1,max=64" doc:"scheduled message"`
}

type scheduleDeleteResult struct {
	ID string `json:"schedule_id" doc:"deleted id"`
}

type scheduleDeleteAllParams struct {
	Confirm bool `json:"confirm" rpc:"required" doc:"must be true"`
}

type scheduleDeleteAllResult struct {
	Deleted int `json:"deleted_count" doc:"messages deleted"`
}

// listReply is the limit of the size of a page of schedules: 1000 of some KiB each.
const listReply = 16 << 20

func registerSchedules(reg *rpc.Registry, b *bridge.Bridge) {
	shared.OnSession(reg, b, rpc.Method{Name: "schedule.list", Summary: "List scheduled messages with their outcome, earliest first.", MaxReply: listReply},
		func(ctx context.Context, s *bridge.Session, p *scheduleListParams) (scheduleListResult, error) {
			limit := orDefault(p.Limit, 1000)
			list, err := s.Outbox().ListSchedules(ctx, p.Status, limit+1, p.Offset)
			if err != nil {
				return scheduleListResult{}, err
			}
			out := scheduleListResult{Schedules: []*schedule{}, Waiting: waitingOf(s.Outbox().Waiting())}
			list, out.HasMore = page(list, limit)
			for _, e := range list {
				one, err := scheduleOf(e)
				if err != nil {
					return scheduleListResult{}, err
				}
				out.Schedules = append(out.Schedules, one)
			}
			return out, nil
		})
	shared.OnSession(reg, b, rpc.Method{Name: "schedule.create", Summary: "Store a message that is sent at a time of its own, also after a restart."},
		func(ctx context.Context, s *bridge.Session, p *scheduleCreateParams) (scheduleResult, error) {
			if _, err := wa.ParseJID("to", p.To); err != nil {
				return scheduleResult{}, err
			}
			m := p.message()
			if err := m.CheckAddresses(); err != nil {
				return scheduleResult{}, err
			}
			at, err := p.time(s.Outbox().Zone())
			if err == nil && at.IsZero() {
				err = wa.BadParam("send_at", "is missing")
			}
			if err != nil {
				return scheduleResult{}, err
			}
			return scheduleResultOf(s.Outbox().Schedule(ctx, p.To, m, at))
		})
	shared.OnSession(reg, b, rpc.Method{Name: "schedule.update", Summary: "Change a pending scheduled message."},
		func(ctx context.Context, s *bridge.Session, p *scheduleUpdateParams) (scheduleResult, error) {
			change := outbox.ScheduleChange{To: p.To}
			if p.Content != nil {
				change.Message = &outbox.Message{Content: *p.Content}
			}
			if p.To != "" {
				if _, err := wa.ParseJID("to", p.To); err != nil {
					return scheduleResult{}, err
				}
			}
			var err error
			if change.At, err = p.time(s.Outbox().Zone()); err != nil {
				return scheduleResult{}, err
			}
			return scheduleResultOf(s.Outbox().UpdateSchedule(ctx, p.ID, change))
		})
	shared.OnSession(reg, b, rpc.Method{Name: "schedule.delete", Summary: "Delete a scheduled message; one that was pending is not sent."},
		func(ctx context.Context, s *bridge.Session, p *scheduleDeleteParams) (scheduleDeleteResult, error) {
			return scheduleDeleteResult{p.ID}, s.Outbox().DeleteSchedule(ctx, p.ID)
		})
	shared.OnSession(reg, b, rpc.Method{Name: "schedule.deleteAll", Summary: "Delete every pending scheduled message of the session."},
		func(ctx context.Context, s *bridge.Session, p *scheduleDeleteAllParams) (scheduleDeleteAllResult, error) {
			if !p.Confirm {
				return scheduleDeleteAllResult{}, wa.BadParam("confirm", "must be true")
			}
			n, err := s.Outbox().DeleteSchedules(ctx)
			return scheduleDeleteAllResult{n}, err
		})
}
