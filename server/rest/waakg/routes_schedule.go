package waakg

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// scheduleRoutes are the rows of schedules and of messages to many chats.
func scheduleRoutes() []rest.Route {
	const failed = "Internal Server Error"
	return []rest.Route{
		rest.Pass[sessionRequest, scheduleList]("GET", "/scheduler/{sessionId}", "schedule.list", rest.First[oneSessionRow]("session.get", nil, nil),
			rest.Says("Scheduled messages retrieved successfully"), rest.FailText(failed)),
		rest.Pass[scheduleRequest, scheduleMade]("POST", "/scheduler/{sessionId}", "schedule.create", rest.Says("Message scheduled successfully"), rest.FailText(failed)),
		rest.Pass[bodyScheduleRequest, scheduleRow]("POST", "/scheduler", "schedule.create", rest.From("/schedule"), rest.FailText(failed)),
		rest.Pass[sessionRequest, outcome]("DELETE", "/scheduler/{sessionId}", "schedule.deleteAll", rest.With(rest.Params{"confirm": true}),
			rest.Says("Scheduled messages deleted"), rest.FailText(failed)),
		rest.Pass[scheduleUpdate, scheduleRow]("PUT", "/scheduler/{sessionId}/{scheduleId}", "schedule.update", rest.From("/schedule"),
			rest.Family(familyMessage), rest.FailText(failed)),
		rest.Pass[schedulePath, outcome]("DELETE", "/scheduler/{sessionId}/{scheduleId}", "schedule.delete", rest.Says("Operation successful"),
			rest.Family(familyMessage), rest.FailText(failed)),
		rest.Pass[broadcastRequest, broadcastStarted]("POST", "/messages/{sessionId}/broadcast", "message.sendBulk", rest.With(rest.Params{"content": rest.Params{"type": "text"}}),
			rest.Family(familyNewGroup), rest.Says("Broadcast started"), rest.FailText("Failed to start broadcast")),
		rest.Pass[repeatRequest, repeatStarted]("POST", "/messages/{sessionId}/{jid}/spam", "message.sendRepeated", rest.With(rest.Params{"content": rest.Params{"type": "text"}}),
			rest.OnError(reasonOfRefusal), rest.FailText("Failed to start spam")),
	}
}

// reasonOfRefusal answers why repeated messages are forbidden.
func reasonOfRefusal(err error) error {
	var e *rpc.Error
	if errors.As(err, &e) && e.Code == rpc.CodeForbidden {
		return &rest.Failure{Err: e, Text: e.Message}
	}
	return err
}

type schedulePath struct {
	sessionRequest
	ID string `rest:"scheduleId,path,param=/schedule_id" doc:"id of the scheduled message"`
}

// scheduledMessage are the fields of a scheduled message that are not required.
type scheduledMessage struct {
	MediaURL  *string     `rest:"mediaUrl,param=/content/media/url" max:"2048" doc:"address of a file, whose caption the text is"`
	MediaType *kindOfFile `rest:"mediaType,param=/content/type" doc:"what the file is sent as: image, video or document; default by its type"`
}

// kindOfFile is what a file is sent as.
type kindOfFile string

// ToParam implements rest.Converter.
func (k kindOfFile) ToParam(field string) (any, error) {
	switch k {
	case "":
		return nil, nil
	case "image", "video", "document":
		return string(k), nil
	}
	return nil, rest.Bad(field, "", "must be one of image, video, document")
}

// addContent completes the content object and sets the time.
func (m *scheduledMessage) addContent(p rest.Params, at string) error {
	content, ok := p["content"].(rest.Params)
	if !ok {
		return rest.Missing("content", "")
	}
	if m.MediaURL == nil || *m.MediaURL == "" {
		p["content"] = rest.Params{"type": kindOfText, "text": content["text"]}
	} else {
		content["caption"] = content["text"]
		delete(content, "text")
		if content["type"] == nil {
			content["type"] = kindOfAnyFile
		}
	}
	delete(p, "send_at")
	return addTime(p, at)
}

// forms of sendAt with and without an offset. A date alone is midnight UTC.
var (
	absoluteForms = []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02"}
	localForms    = []string{"2006-01-02T15:04:05.999", "2006-01-02T15:04", "2006-01-02 15:04:05.999", "2006-01-02 15:04"}
)

func addTime(p rest.Params, at string) error {
	for _, form := range absoluteForms {
		if parsed, err := time.Parse(form, at); err == nil {
			p["send_at"] = parsed.UTC().Format(time.RFC3339Nano)
			return nil
		}
	}
	for _, form := range localForms {
		if _, err := time.Parse(form, at); err == nil {
			p["send_at_local"] = at
			return nil
		}
	}
	return rest.Bad("sendAt", "", "is not a time")
}

type scheduleRequest struct {
	sessionRequest
	JID     string `rest:"jid,required,param=/to" bad:"Missing required fields" doc:"JID of the chat"`
	Content string `rest:"content,required,param=/content/text" max:"65536" bad:"Missing required fields" doc:"text"`
	SendAt  string `rest:"sendAt,required,param=/send_at" bad:"Missing required fields" doc:"when; without an offset in the time zone of the server's settings"`
	scheduledMessage
}

// CompleteParams implements rest.Completer.
func (in *scheduleRequest) CompleteParams(p rest.Params) error {
	return in.addContent(p, in.SendAt)
}

// bodyScheduleRequest has the session in the body.
type bodyScheduleRequest struct {
	Session string `rest:"sessionId,required,param=/session" bad:"Missing required fields" doc:"id of the session"`
	JID     string `rest:"jid,required,param=/to" bad:"Missing required fields" doc:"JID of the chat"`
	Content string `rest:"content,required,param=/content/text" max:"65536" bad:"Missing required fields" doc:"text"`
	SendAt  string `rest:"sendAt,required,param=/send_at" bad:"Missing required fields" doc:"when; without an offset in the time zone of the server's settings"`
	scheduledMessage
}

// CompleteParams implements rest.Completer.
func (in *bodyScheduleRequest) CompleteParams(p rest.Params) error {
	return in.addContent(p, in.SendAt)
}

type scheduleUpdate struct {
	schedulePath
	JID     string `rest:"jid,required,param=/to" bad:"JID, content, and sendAt are required" doc:"JID of the chat"`
	Content string `rest:"content,required,param=/content/text" max:"65536" bad:"JID, content, and sendAt are required" doc:"text"`
	SendAt  string `rest:"sendAt,required,param=/send_at" bad:"JID, content, and sendAt are required" doc:"when; without an offset in the time zone of the server's settings"`
	scheduledMessage
}

// CompleteParams implements rest.Completer.
func (in *scheduleUpdate) CompleteParams(p rest.Params) error {
	return in.addContent(p, in.SendAt)
}

// scheduleRow is a scheduled message.
type scheduleRow struct {
	ID        string      `json:"id" from:"/schedule_id"`
	Session   string      `json:"sessionId" from:"<sessionId"`
	JID       string      `json:"jid" from:"/to"`
	Content   string      `json:"content" from:"/content/text|/content/caption"`
	MediaURL  *string     `json:"mediaUrl" from:"/content/media/url"`
	MediaType *string     `json:"mediaType" from:"/content/type"`
	SendAt    isoTime     `json:"sendAt" from:"/send_at"`
	Status    stateOfSend `json:"status" from:"/status"`
	CreatedAt isoTime     `json:"createdAt" from:"/created_at"`
}

// kindOfText and kindOfAnyFile are kinds of content that the document does not name.
const kindOfText, kindOfAnyFile = "text", "file"

// FinishAnswer implements rest.Finisher.
func (r *scheduleRow) FinishAnswer() error {
	if r.MediaType != nil && (*r.MediaType == kindOfText || *r.MediaType == kindOfAnyFile) {
		r.MediaType = nil
	}
	return nil
}

type scheduleMade struct {
	outcome
	Data scheduleRow `json:"data" from:"/schedule"`
}

type listedSchedule struct {
	scheduleRow
	Owner *json.RawMessage `json:"session"` // a sessionRow
}

type scheduleList struct {
	outcome
	Data []listedSchedule `json:"data" from:"/schedules"`
}

// FinishAnswerOf implements rest.ExchangeFinisher.
func (l *scheduleList) FinishAnswerOf(x *rest.Exchange) error {
	kept, _ := x.Kept().(oneSessionRow)
	raw, err := json.Marshal(kept.Session)
	if err != nil {
		return err
	}
	for i := range l.Data {
		l.Data[i].Owner = (*json.RawMessage)(&raw)
	}
	return nil
}

// isoTime is a time in UTC with milliseconds.
type isoTime string

// UnmarshalJSON reads the time of a method.
func (t *isoTime) UnmarshalJSON(raw []byte) error {
	var at time.Time
	if err := json.Unmarshal(raw, &at); err != nil {
		return err
	}
	*t = isoTime(at.UTC().Format("2006-01-02T15:04:05.000Z"))
	return nil
}

// stateOfSend is the status of a scheduled message, of which the document has three.
type stateOfSend string

// UnmarshalJSON reads the status of a method.
func (s *stateOfSend) UnmarshalJSON(raw []byte) error {
	switch strings.Trim(string(raw), `"`) {
	case "pending", "sending":
		*s = "PENDING"
	case "sent":
		*s = "SENT"
	default:
		*s = "FAILED"
	}
	return nil
}

type broadcastRequest struct {
	sessionRequest
	Recipients []string     `rest:"recipients,required,param=/recipients" doc:"JIDs of the chats"`
	Message    string       `rest:"message,required,param=/content/text" doc:"text"`
	Delay      milliseconds `rest:"delay,param=/delay_seconds" doc:"pause between two messages in milliseconds, if longer than that of the send governor"`
}

type broadcastStarted struct {
	outcome
	Data struct {
		ID    string `json:"broadcastId" from:"/job_id"`
		Total int    `json:"total" from:"/total"`
	} `json:"data"`
}

// Limits of repeated messages that the document exceeds by default: its values are cut to them.
const (
	mostRepeats     = 10
	leastRepeatWait = 2000 // milliseconds
)

type repeatRequest struct {
	sessionRequest
	JID     string     `rest:"jid,path,param=/to" doc:"JID of the chat"`
	Message string     `rest:"message,required,param=/content/text" bad:"message is required" doc:"text"`
	Count   *int       `rest:"count,param=/count" doc:"how often, at most and by default 10"`
	Delay   repeatWait `rest:"delay,param=/delay_seconds" doc:"pause between two messages in milliseconds, at least and by default 2000"`
}

// CompleteParams implements rest.Completer.
func (in *repeatRequest) CompleteParams(p rest.Params) error {
	if in.Count == nil {
		in.Count = new(int)
		*in.Count = mostRepeats
	}
	*in.Count = min(*in.Count, mostRepeats)
	p["count"] = *in.Count
	var err error
	p["delay_seconds"], err = in.Delay.ToParam("")
	return err
}

// repeatWait is a pause in milliseconds that methods have in seconds.
type repeatWait int

// ToParam implements rest.Converter.
func (w repeatWait) ToParam(string) (any, error) { return float64(max(w, leastRepeatWait)) / 1000, nil }

type repeatStarted struct {
	outcome
	Count int `json:"-" from:"/count"`
}

// FinishAnswer implements rest.Finisher.
func (r *repeatStarted) FinishAnswer() error {
	r.Message = fmt.Sprintf("Bombing %d messages started", r.Count)
	return nil
}
