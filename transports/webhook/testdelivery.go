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

// ErrNoURL is returned if a webhook without an address is tested.
var ErrNoURL = errors.New("webhook: no url")

// TestResult is the outcome of Test.
type TestResult struct {
	EventID  string
	Status   int           // HTTP status; 0 = no response
	Duration time.Duration // from sending to the end of the response
	Error    string        // the error a delivery would have had; empty = it would have been delivered
	Body     string        // beginning of the response
}

const (
	testType    = "WebhookTest"
	maxTestBody = 1024 // displayed bytes of a response
)

// Test sends an event of the type WebhookTest immediately, in one attempt, also to a webhook that is switched off. A failed attempt is a result and
// no error. After a successful one, held events are sent immediately.
func (w *Webhooks) Test(ctx context.Context, key Key) (TestResult, error) {
	hook, err := w.store.get(ctx, key)
	if err != nil {
		return TestResult{}, err
	}
	if hook.URL == "" {
		return TestResult{}, ErrNoURL
	}
	out, err := w.sink.testWebhook(ctx, hook)
	if err == nil && out.Error == "" {
		w.dispatcher.ReleaseTarget(Transport, targetID(key))
	}
	return out, err
}

func (s *sink) testWebhook(ctx context.Context, w *Webhook) (TestResult, error) {
	now := s.cfg.Now()
	event := &journal.Event{
		Session: w.Session, ID: ulid.MustNew(ulid.Timestamp(now), rand.Reader).String(), Type: testType, Origin: journal.OriginServer,
		Time: now, Data: json.RawMessage(`{"webhook_id":"` + w.ID + `"}`),
	}
	out := TestResult{EventID: event.ID}
	attempt, cancel := context.WithTimeout(ctx, s.cfg.Policy.AttemptTimeout)
	defer cancel()
	request, free, err := s.cfg.newRequest(attempt, w, &dispatch.Delivery{Event: event, Body: event.Body(), Attempt: 1})
	defer free()
	if err != nil {
		return out, err
	}
	release, err := s.slotsFor(w.Key == globalKey).acquire(attempt, hostPort(w.URL), w.Key)
	if err != nil {
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		out.Error = "too many requests to this host are under way"
		return out, nil
	}
	defer release()
	began := time.Now()
	a, err := s.postRequest(request, maxTestBody)
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
