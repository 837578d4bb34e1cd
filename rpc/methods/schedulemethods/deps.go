// Package schedulemethods contains the JSON-RPC methods of messages that the server sends by itself: schedules, and jobs with
// many messages.
//
// It must not know how they are stored and paced. Enter at Register.
package schedulemethods

import (
	"encoding/json"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/outbox"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

// Deps are the dependencies of the methods.
type Deps struct {
	Bridge *bridge.Bridge
}

// Register adds the methods of the namespaces job and schedule, message.sendBulk and message.sendRepeated.
func Register(reg *rpc.Registry, d Deps) {
	registerSchedules(reg, d.Bridge)
	registerJobs(reg, d.Bridge)
}

// contentParams are the params of a message that is sent later.
type contentParams struct {
	Content       message.Content   `json:"content" rpc:"required" doc:"content object, as in message.send; kinds that act on another message and albums are not permitted; at most 256 KiB"`
	ReplyTo       *outbound.ReplyTo `json:"reply_to" doc:"quoted message"`
	Mentions      []string          `json:"mentions" rpc:"max=1024,format=jid" doc:"people mentioned in the text"`
	MentionAll    bool              `json:"mention_all" doc:"mention all members of the group"`
	TypingSeconds float64           `json:"typing_seconds" rpc:"min=0,max=60" doc:"show typing this long before sending"`
}

func (p *contentParams) message() outbox.Message {
	return outbox.Message{Content: p.Content, ReplyTo: p.ReplyTo, Mentions: p.Mentions, MentionAll: p.MentionAll, TypingSeconds: p.TypingSeconds}
}

// waiting says what delays the next automatic message of a session.
type waiting struct {
	Reason string     `json:"reason" doc:"pause, per_minute, per_hour, per_day or quiet_hours of the send governor; reachout_timelock or refused by WhatsApp; not_connected"`
	Until  *time.Time `json:"until" doc:"when it may end; null = not known"`
}

func waitingOf(w outbox.Waiting) *waiting {
	if w.Reason == "" {
		return nil
	}
	return &waiting{Reason: w.Reason, Until: shared.OptionalTime(w.Until)}
}

// outcome is the state of a message.
type outcome struct {
	Status    string     `json:"status" doc:"pending, sending (an attempt runs, or its outcome is not known yet), sent, failed, missed (it could not be sent in time) or canceled"`
	MessageID *string    `json:"message_id" doc:"id of the sent message; null = not sent"`
	Error     *string    `json:"error" doc:"reason of the failure, or of the last failed attempt; null = none"`
	ErrorText *string    `json:"error_text" doc:"the same for people"`
	EndedAt   *time.Time `json:"ended_at" doc:"when it was sent or given up; null = pending"`
}

func outcomeOf(e *outbox.Stored) outcome {
	o := outcome{Status: e.State, Error: shared.Optional(e.Error), ErrorText: shared.Optional(e.ErrorText), EndedAt: shared.OptionalTime(e.EndedAt)}
	if e.State == outbox.StateSent {
		o.MessageID = shared.Optional(outbox.MessageID(e.ID))
	}
	return o
}

// numbersWithoutMeaning are members of a content object whose zero value means that they are absent.
var numbersWithoutMeaning = map[string]bool{"font": true, "message_version": true}

// compact returns a stored message without the members that are absent.
func compact(stored string) (content json.RawMessage, rest outbox.Message, err error) {
	var fields struct {
		Content map[string]any `json:"content"`
	}
	if err = json.Unmarshal([]byte(stored), &fields); err == nil {
		err = json.Unmarshal([]byte(stored), &rest)
	}
	if err != nil {
		return nil, rest, err
	}
	removeAbsent(fields.Content)
	content, err = json.Marshal(fields.Content)
	return content, rest, err
}

func removeAbsent(object map[string]any) {
	for key, value := range object {
		switch v := value.(type) {
		case nil:
			delete(object, key)
		case string:
			if v == "" {
				delete(object, key)
			}
		case bool:
			if !v {
				delete(object, key)
			}
		case float64:
			if v == 0 && numbersWithoutMeaning[key] {
				delete(object, key)
			}
		case map[string]any:
			removeAbsent(v)
		case []any:
			for _, item := range v {
				if inner, is := item.(map[string]any); is {
					removeAbsent(inner)
				}
			}
		}
	}
}

// page returns the first limit items of a list, and whether there are more.
func page[T any](list []T, limit int) (items []T, more bool) {
	return list[:min(limit, len(list))], len(list) > limit
}

func orDefault(value *int, otherwise int) int {
	if value == nil {
		return otherwise
	}
	return *value
}
