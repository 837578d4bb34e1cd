package webhook

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/journal"
)

// ErrNoURL says that a webhook without an address cannot be tried.
var ErrNoURL = errors.New("webhook: no url")

// Trial is the outcome of Test.
type Trial struct {
	EventID  string
	Status   int           // HTTP status; 0 = there was no answer
	Duration time.Duration // from sending to the end of the answer
	Error    string        // why a delivery would have failed; empty = it would have been delivered
	Body     string        // beginning of the answer
}

const (
	testType    = "WebhookTest"
	maxTestBody = 1024 // bytes of an answer that are shown
)

// Test sends an event of the type WebhookTest at once, in one attempt, also to a webhook that is switched off. A
// failed attempt is an outcome and no error. After a successful one, held events are sent at once.
func (w *Webhooks) Test(ctx context.Context, key Key) (Trial, error) {
	hook, err := w.store.get(ctx, key)
	if err != nil {
		return Trial{}, err
	}
	if hook.URL == "" {
		return Trial{}, ErrNoURL
	}
	out, err := w.sink.try(ctx, hook)
	if err == nil && out.Error == "" {
		w.dispatcher.ReleaseTarget(Transport, targetID(key))
	}
	return out, err
}

func (s *sink) try(ctx context.Context, w *Webhook) (Trial, error) {
	now := s.cfg.Now()
	event := &journal.Event{
		Session: w.Session, ID: ulid.MustNew(ulid.Timestamp(now), rand.Reader).String(), Type: testType, Origin: journal.OriginServer,
		Time: now, Data: json.RawMessage(`{"webhook_id":"` + w.ID + `"}`),
	}
	out := Trial{EventID: event.ID}
	attempt, cancel := context.WithTimeout(ctx, s.cfg.Policy.AttemptTimeout)
	defer cancel()
	request, free, err := s.cfg.newRequest(attempt, w, &dispatch.Delivery{Event: event, Body: event.Body(), Attempt: 1})
	defer free()
	if err != nil {
		return out, err
	}
	release, err := s.room(w.Key == globalKey).take(attempt, address(w.URL), w.Key)
	if err != nil {
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		out.Error = "too many requests to this host are under way"
		return out, nil
	}
	defer release()
	began := time.Now()
	a, err := s.post(request, maxTestBody)
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	out.Duration, out.Status, out.Body = time.Since(began), a.status, strings.ToValidUTF8(string(a.excerpt), "\ufffd")
	if err == nil {
		err = s.statusError(a, s.cfg.Now())
	}
	if err != nil {
		out.Error = err.Error()
	}
	return out, nil
}
