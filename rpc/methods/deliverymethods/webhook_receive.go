package deliverymethods

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
	"github.com/waystation/waystation/transports/webhook"
)

type webhookReceiveParams struct {
	Event     string          `json:"event" rpc:"max=128" doc:"name of the event"`
	Data      json.RawMessage `json:"data" doc:"payload, of any type"`
	SessionID string          `json:"session_id" rpc:"max=256" doc:"session that the event names; not checked"`
}

type webhookReceiveResult struct {
	Received bool `json:"received" doc:"always true"`
}

type webhookReceivedTest struct {
	Event      string          `json:"event" doc:"name of the event"`
	SessionID  string          `json:"session_id" doc:"session that the event names"`
	Data       json.RawMessage `json:"data" doc:"payload; null if it is larger than 16 KiB"`
	SizeBytes  int             `json:"size_bytes" doc:"size of the payload"`
	ReceivedAt time.Time       `json:"received_at" doc:"when"`
}

type webhookReceivedTestsResult struct {
	Tests []webhookReceivedTest `json:"tests" doc:"the newest first"`
}

// receiverRetry is the pause after which a receiver that is busy accepts the next event.
const receiverRetry = time.Second

func registerWebhookReceiver(reg *rpc.Registry, d Deps) {
	rpc.Register(reg, rpc.Method{
		Name: "webhook.receiveTest", Summary: "Accept an event that is posted to this server itself, for trying webhooks out.", NoSession: true,
		Description: "Not supported unless webhook-test-rate is set.",
	}, func(_ context.Context, call *rpc.Call, p *webhookReceiveParams) (webhookReceiveResult, error) {
		err := d.TestReceiver.Receive(webhook.ReceivedTest{Poster: call.Principal.ID, Event: p.Event, Session: p.SessionID, Data: p.Data})
		switch {
		case errors.Is(err, webhook.ErrReceiverOff):
			return webhookReceiveResult{}, rpc.NotSupported("the receiver of tests is switched off (webhook-test-rate)")
		case errors.Is(err, webhook.ErrReceiverBusy):
			return webhookReceiveResult{}, rpc.RateLimited("too many tests (webhook-test-rate)", receiverRetry)
		}
		return webhookReceiveResult{Received: true}, err
	})
	rpc.Register(reg, rpc.Method{
		Name: "webhook.listReceivedTests", Summary: "List the last events that webhook.receiveTest accepted: 100 at most, kept in memory.", NoSession: true,
		Description: "Callers with the admin token see those of all callers.", MaxReply: shared.ListReply,
	}, func(_ context.Context, call *rpc.Call, _ *shared.None) (webhookReceivedTestsResult, error) {
		poster := call.Principal.ID
		if call.Principal.Kind == rpc.ScopeAdmin {
			poster = ""
		}
		out := webhookReceivedTestsResult{Tests: []webhookReceivedTest{}}
		for _, test := range d.TestReceiver.List(poster) {
			out.Tests = append(out.Tests, webhookReceivedTest{
				Event: test.Event, SessionID: test.Session, Data: test.Data, SizeBytes: test.Size, ReceivedAt: test.ReceivedAt,
			})
		}
		return out, nil
	})
}
