package sqs

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"go.uber.org/goleak"

	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/dispatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func setup(queue, endpoint string) Config {
	return Config{Queue: queue, Endpoint: endpoint, Region: "us-east-1", AccessKey: "key", SecretKey: "s3cret"}
}

func open(t testing.TB, cfg Config) *Sink {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// created is a sink that makes its queues.
func created(t testing.TB, queue, endpoint string) *Sink {
	t.Helper()
	cfg := setup(queue, endpoint)
	cfg.Create = true
	return open(t, cfg)
}

var event = brokertest.Event

func (s *Sink) try(t testing.TB, d *dispatch.Delivery) (int, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return s.Deliver(ctx, dispatch.Target{Transport: Transport, Session: d.Event.Session}, d)
}

func (s *Sink) must(t testing.TB, d *dispatch.Delivery) {
	t.Helper()
	if code, err := s.try(t, d); err != nil {
		t.Fatal(code, err)
	}
}

// receive takes up to ten messages off a queue, for good.
func (s *Sink) receive(t testing.TB, queue string) []types.Message {
	t.Helper()
	url, err := s.lookupQueue(context.Background(), queue)
	if err != nil {
		return nil
	}
	out, err := s.client.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(url), MaxNumberOfMessages: 10, AttributeNames: []types.QueueAttributeName{"All"}, //nolint:staticcheck // the test's server knows no other name

	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range out.Messages {
		if _, err := s.client.DeleteMessage(context.Background(), &sqs.DeleteMessageInput{QueueUrl: aws.String(url), ReceiptHandle: m.ReceiptHandle}); err != nil {
			t.Fatal(err)
		}
	}
	return out.Messages
}

// read records the messages of a queue in a ledger.
func (s *Sink) read(t testing.TB, queue string, to *brokertest.Ledger) {
	t.Helper()
	for _, m := range s.receive(t, queue) {
		var e struct {
			Session, ID string
			Offset      uint64
		}
		if err := json.Unmarshal([]byte(*m.Body), &e); err != nil {
			t.Fatal(err)
		}
		to.Add(e.Session, e.Offset, e.ID)
	}
}
