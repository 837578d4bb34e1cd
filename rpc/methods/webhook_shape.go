package methods

import (
	"cmp"
	"time"

	"github.com/waystation/waystation/rpc/methods/shared"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/webhook"
)

// webhookObject is the webhook object of results.
type webhookObject struct {
	WebhookID           string     `json:"webhook_id" doc:"id, unique over the server except 'default', which each session has"`
	SessionID           string     `json:"session_id" doc:"session"`
	AccountID           *string    `json:"account_id" doc:"owner; null = the server itself"`
	Name                string     `json:"name" doc:"display name"`
	URL                 string     `json:"url" doc:"address; empty = no deliveries"`
	Events              []string   `json:"events" doc:"event names, or [\"*\"]"`
	Secret              *string    `json:"secret" doc:"masked; null = deliveries are not signed"`
	HasSecret           bool       `json:"has_secret" doc:"deliveries are signed"`
	PreviousSecretUntil *time.Time `json:"previous_secret_until" doc:"end of the period in which the previous key signs as well; null = no rotation in progress"`
	HasBodyToken        bool       `json:"has_body_token" doc:"the formats wuzapi and wwebjs repeat a token"`
	Format              string     `json:"format" doc:"shape of the body"`
	Files               string     `json:"files" doc:"how the files of messages are sent: none, inline or multipart"`
	Active              bool       `json:"active" doc:"delivers"`
	LastAttemptAt       *time.Time `json:"last_attempt_at" doc:"null = none since the server started"`
	LastStatus          *int       `json:"last_status" doc:"HTTP status of the last attempt; null = there was no answer"`
	LastError           *string    `json:"last_error" doc:"why the last attempt failed; null = it did not"`
	Failures            int        `json:"failures" doc:"attempts in a row that failed"`
	CreatedAt           *time.Time `json:"created_at" doc:"creation; null = the default one was never set"`
	UpdatedAt           *time.Time `json:"updated_at" doc:"last change"`
}

func (d Deps) shapeWebhook(w *webhook.Webhook) webhookObject {
	standing := d.Webhooks.Standing(w.Key)
	out := webhookObject{
		WebhookID: w.ID, SessionID: w.Session, Name: w.Name, URL: w.URL, Events: w.Events, HasSecret: w.Secret != "",
		HasBodyToken: w.BodyToken != "", Format: string(w.Format), Files: string(cmp.Or(w.Files, webhook.FilesNone)), Active: w.Active,
		LastAttemptAt: shared.OptionalTime(standing.LastAttempt), LastStatus: shared.Optional(standing.LastStatus), LastError: shared.Optional(standing.LastError),
		Failures: standing.Failures, CreatedAt: shared.OptionalTime(w.Created), UpdatedAt: shared.OptionalTime(w.Updated),
	}
	if out.HasSecret {
		out.Secret = shared.Optional(webhook.Masked)
	}
	if w.PreviousUntil.After(time.Now()) {
		out.PreviousSecretUntil = shared.OptionalTime(w.PreviousUntil)
	}
	return out
}

func (d Deps) shapeWebhooks(list []*webhook.Webhook) []webhookObject {
	out := make([]webhookObject, len(list))
	for i, w := range list {
		out[i] = d.shapeWebhook(w)
	}
	return out
}

// webhookDelivery is an ended delivery to a webhook.
type webhookDelivery struct {
	EntryID        int64      `json:"entry_id" doc:"id, rising; the same in archive.get and archive.replay"`
	Status         string     `json:"status" doc:"delivered, dead_letter, or gap: events that retention dropped before they were sent"`
	Event          string     `json:"event" doc:"event name; empty of a gap"`
	EventID        string     `json:"event_id" doc:"id of the event; empty of a gap"`
	Offset         uint64     `json:"offset" doc:"offset of the event, or the last of a gap"`
	FromOffset     *uint64    `json:"from_offset,omitempty" doc:"first offset of a gap"`
	Attempts       int        `json:"attempts" doc:"tries"`
	ResponseStatus *int       `json:"response_status" doc:"HTTP status of the last attempt; null = there was no answer"`
	LastError      *string    `json:"last_error" doc:"of the last attempt that failed"`
	DurationMS     int64      `json:"duration_ms" doc:"of the last attempt"`
	CreatedAt      *time.Time `json:"created_at" doc:"event time"`
	FirstAttemptAt *time.Time `json:"first_attempt_at" doc:"null = there was none"`
	LastAttemptAt  *time.Time `json:"last_attempt_at" doc:"null = there was none"`
	ArchivedAt     *time.Time `json:"archived_at" doc:"when the delivery ended"`
	ReplayOf       *int64     `json:"replay_of" doc:"id of the entry that this delivery replayed"`
}

func shapeWebhookDelivery(e *dispatch.Entry) webhookDelivery {
	out := webhookDelivery{
		EntryID: e.ID, Status: string(e.Status), Event: e.Type, EventID: e.EventID, Offset: e.Offset, Attempts: e.Attempts,
		ResponseStatus: shared.Optional(e.Code), LastError: shared.Optional(e.Error), DurationMS: e.Duration.Milliseconds(),
		CreatedAt: shared.OptionalTime(e.EventTime), FirstAttemptAt: shared.OptionalTime(e.First), LastAttemptAt: shared.OptionalTime(e.Last), ArchivedAt: shared.OptionalTime(e.Archived),
	}
	if e.Status == dispatch.Gap {
		out.FromOffset = &e.From
	}
	if e.ReplayOf != 0 {
		out.ReplayOf = &e.ReplayOf
	}
	return out
}

// webhookPendingDelivery is a delivery to a webhook that has not ended.
type webhookPendingDelivery struct {
	Status         string     `json:"status" doc:"processing: an attempt is under way; pending: waiting for a retry, for the webhook to become reachable, or for a free request slot"`
	Event          string     `json:"event" doc:"event name"`
	EventID        string     `json:"event_id" doc:"id of the event"`
	Offset         uint64     `json:"offset" doc:"offset of the event"`
	Attempts       int        `json:"attempts" doc:"attempts so far"`
	ResponseStatus *int       `json:"response_status" doc:"HTTP status of the last attempt; null = there was no answer"`
	LastError      *string    `json:"last_error" doc:"error of the last attempt"`
	CreatedAt      *time.Time `json:"created_at" doc:"event time"`
	LastAttemptAt  *time.Time `json:"last_attempt_at" doc:"null = there was none"`
	Replay         bool       `json:"replay" doc:"true for a delivery of archive.replay"`
}

func shapeWebhookPending(l *dispatch.Live) webhookPendingDelivery {
	return webhookPendingDelivery{
		Status: shared.LiveStatus(l), Event: l.Type, EventID: l.EventID, Offset: l.Offset, Attempts: l.Attempts, ResponseStatus: shared.Optional(l.Code),
		LastError: shared.Optional(l.Error), CreatedAt: shared.OptionalTime(l.EventTime), LastAttemptAt: shared.OptionalTime(l.Last), Replay: l.Replay,
	}
}
