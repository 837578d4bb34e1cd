package schedulemethods

import (
	"context"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/outbox"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

// job is a message that is sent several times.
type job struct {
	ID            string     `json:"job_id" doc:"id"`
	Kind          string     `json:"kind" doc:"bulk or repeated"`
	Status        string     `json:"status" doc:"running, paused, canceled or completed"`
	Total         int        `json:"total" doc:"messages of the job"`
	Pending       int        `json:"pending" doc:"messages without an outcome"`
	Sent          int        `json:"sent" doc:"messages sent"`
	Failed        int        `json:"failed" doc:"messages given up"`
	Canceled      int        `json:"canceled" doc:"messages not sent because the job was cancelled"`
	DelaySeconds  float64    `json:"delay_seconds" doc:"pause between two messages"`
	JitterSeconds float64    `json:"jitter_seconds" doc:"longest random addition to it"`
	CreatedAt     time.Time  `json:"created_at" doc:"when it was created"`
	EndedAt       *time.Time `json:"ended_at" doc:"when it ended; null = it has not ended"`
	Waiting       *waiting   `json:"waiting" doc:"what delays the next automatic message of the session; null = nothing, or the job has ended"`
}

func jobOf(j *outbox.Job, w outbox.Waiting) *job {
	out := &job{
		ID: j.ID, Kind: j.Kind, Status: j.State, Total: j.Total, Pending: j.Open(), Sent: j.Counts[outbox.StateSent],
		Failed: j.Counts[outbox.StateFailed], Canceled: j.Counts[outbox.StateCanceled],
		DelaySeconds: j.Delay.Seconds(), JitterSeconds: j.Jitter.Seconds(), CreatedAt: j.CreatedAt, EndedAt: shared.OptionalTime(j.EndedAt),
	}
	if j.EndedAt.IsZero() {
		out.Waiting = waitingOf(w)
	}
	return out
}

// recipient is a message of a job.
type recipient struct {
	To string `json:"to" doc:"chat"`
	outcome
}

type jobResult struct {
	Job *job `json:"job" doc:"job object"`
}

type jobParams struct {
	ID string `json:"job_id" rpc:"required,min=1,max=64" doc:"job"`
}

type jobGetParams struct {
	jobParams
	Limit  *int `json:"limit" rpc:"min=1,max=1000" doc:"recipients in the reply: 1-1000, default 1000"`
	Offset int  `json:"offset" rpc:"min=0" doc:"recipients to skip"`
}

type jobGetResult struct {
	Job        *job        `json:"job" doc:"job object"`
	Recipients []recipient `json:"recipients" doc:"outcome of each message, in the order of the job"`
	HasMore    bool        `json:"has_more" doc:"further recipients exist"`
}

type jobListParams struct {
	Status string `json:"status" rpc:"enum=running|paused|canceled|completed" doc:"only with this status; absent = all"`
	Limit  *int   `json:"limit" rpc:"min=1,max=1000" doc:"1-1000, default 100"`
	Offset int    `json:"offset" rpc:"min=0" doc:"jobs to skip"`
}

type jobListResult struct {
	Jobs    []*job `json:"jobs" doc:"job objects, newest first"`
	HasMore bool   `json:"has_more" doc:"further ones exist"`
}

type sendBulkParams struct {
	Recipients []string `json:"recipients" rpc:"required,min=1,max=10000,format=jid" doc:"chats, each of which gets the message once; the operator sets the most"`
	contentParams
	DelaySeconds  *float64 `json:"delay_seconds" rpc:"min=0,max=86400" doc:"pause between two sends, default 10; those of the send governor are kept in any case"`
	JitterSeconds *float64 `json:"jitter_seconds" rpc:"min=0,max=86400" doc:"random addition up to this, default 10"`
}

type sendBulkResult struct {
	ID    string `json:"job_id" doc:"job, as in its events"`
	Total int    `json:"total" doc:"recipients accepted; those named twice count once"`
}

type sendRepeatedParams struct {
	To string `json:"to" rpc:"required,format=jid" doc:"chat, whose other side must have written within a day"`
	contentParams
	Count        *int     `json:"count" rpc:"min=1,max=10" doc:"how often: 1-10, default 2"`
	DelaySeconds *float64 `json:"delay_seconds" rpc:"min=2,max=86400" doc:"pause between two sends: 2 or more, default 5"`
}

type sendRepeatedResult struct {
	ID    string `json:"job_id" doc:"job, as in its events"`
	Count int    `json:"count" doc:"sends accepted"`
}

// seconds returns a duration in seconds, or a default.
func seconds(value *float64, otherwise time.Duration) time.Duration {
	if value == nil {
		return otherwise
	}
	return time.Duration(*value * float64(time.Second))
}

// Pauses of jobs unless the call has others.
const (
	bulkPause     = 10 * time.Second
	repeatedPause = 5 * time.Second
)

func registerJobs(reg *rpc.Registry, b *bridge.Bridge) {
	shared.OnSession(reg, b, rpc.Method{Name: "message.sendBulk", Summary: "Send the same content to many chats, one after the other, in the background."},
		func(ctx context.Context, s *bridge.Session, p *sendBulkParams) (sendBulkResult, error) {
			j, err := s.Outbox().SendBulk(ctx, &outbox.BulkParams{
				Recipients: p.Recipients, Message: p.message(), Delay: seconds(p.DelaySeconds, bulkPause), Jitter: seconds(p.JitterSeconds, bulkPause),
			})
			if err != nil {
				return sendBulkResult{}, err
			}
			return sendBulkResult{j.ID, j.Total}, nil
		})
	shared.OnSession(reg, b, rpc.Method{
		Name: "message.sendRepeated", Summary: "Send the same content several times to one chat, in the background, if the operator permits it (allow-repeated-messages).",
	},
		func(ctx context.Context, s *bridge.Session, p *sendRepeatedParams) (sendRepeatedResult, error) {
			j, err := s.Outbox().SendRepeated(ctx, &outbox.RepeatParams{
				To: p.To, Message: p.message(), Count: orDefault(p.Count, 2), Delay: seconds(p.DelaySeconds, repeatedPause),
			})
			if err != nil {
				return sendRepeatedResult{}, err
			}
			return sendRepeatedResult{j.ID, j.Total}, nil
		})
	shared.OnSession(reg, b, rpc.Method{Name: "job.get", Summary: "Return a job with the outcome of each recipient.", MaxReply: listReply},
		func(ctx context.Context, s *bridge.Session, p *jobGetParams) (jobGetResult, error) {
			j, err := s.Outbox().GetJob(ctx, p.ID)
			if err != nil {
				return jobGetResult{}, err
			}
			limit := orDefault(p.Limit, 1000)
			entries, err := s.Outbox().JobEntries(ctx, p.ID, limit+1, p.Offset)
			if err != nil {
				return jobGetResult{}, err
			}
			out := jobGetResult{Job: jobOf(j, s.Outbox().Waiting()), Recipients: []recipient{}}
			entries, out.HasMore = page(entries, limit)
			for _, e := range entries {
				out.Recipients = append(out.Recipients, recipient{e.To, outcomeOf(e)})
			}
			return out, nil
		})
	shared.OnSession(reg, b, rpc.Method{Name: "job.list", Summary: "List jobs, newest first."},
		func(ctx context.Context, s *bridge.Session, p *jobListParams) (jobListResult, error) {
			limit := orDefault(p.Limit, 100)
			list, err := s.Outbox().ListJobs(ctx, p.Status, limit+1, p.Offset)
			if err != nil {
				return jobListResult{}, err
			}
			out := jobListResult{Jobs: []*job{}}
			list, out.HasMore = page(list, limit)
			for _, j := range list {
				out.Jobs = append(out.Jobs, jobOf(j, s.Outbox().Waiting()))
			}
			return out, nil
		})
	for _, m := range []struct {
		name, summary string
		change        func(ctx context.Context, s *outbox.Service, id string) (*outbox.Job, error)
	}{
		{"job.pause", "Pause a job; a send that has begun is completed.", func(ctx context.Context, s *outbox.Service, id string) (*outbox.Job, error) {
			return s.SetJobPaused(ctx, id, true)
		}},
		{"job.resume", "Resume a paused job.", func(ctx context.Context, s *outbox.Service, id string) (*outbox.Job, error) {
			return s.SetJobPaused(ctx, id, false)
		}},
		{"job.cancel", "End a job; recipients that have not got the message do not get it any more.", func(ctx context.Context, s *outbox.Service, id string) (*outbox.Job, error) {
			return s.CancelJob(ctx, id)
		}},
	} {
		shared.OnSession(reg, b, rpc.Method{Name: m.name, Summary: m.summary}, func(ctx context.Context, s *bridge.Session, p *jobParams) (jobResult, error) {
			j, err := m.change(ctx, s.Outbox(), p.ID)
			if err != nil {
				return jobResult{}, err
			}
			return jobResult{jobOf(j, s.Outbox().Waiting())}, nil
		})
	}
}
