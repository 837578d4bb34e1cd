package sqs

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/waystation/waystation/transports/brokertest"
)

// A queue without access for the credentials, from the start or later, and one that is deleted while events flow: the error reports it, the queues of
// other sessions continue, and waiting events arrive in order after the repair.
func TestRights(t *testing.T) {
	const sessions, each = 4, 40
	server := brokertest.SQS(t)
	for name, c := range map[string]struct {
		before bool // trouble is there when the sink opens
		text   string
		spoil  func(s *Sink, front *brokertest.SQSFront, queue string) error
		mend   func(s *Sink, front *brokertest.SQSFront, queue string) error
	}{
		"never": {
			before: true, text: "AccessDenied",
			spoil: func(_ *Sink, front *brokertest.SQSFront, queue string) error { front.Deny(queue); return nil },
			mend:  func(_ *Sink, front *brokertest.SQSFront, _ string) error { front.Allow(); return nil },
		},
		"taken away": {
			text:  "AccessDenied",
			spoil: func(_ *Sink, front *brokertest.SQSFront, queue string) error { front.Deny(queue); return nil },
			mend:  func(_ *Sink, front *brokertest.SQSFront, _ string) error { front.Allow(); return nil },
		},
		"deleted": {
			text: "the queue is not there",
			spoil: func(s *Sink, _ *brokertest.SQSFront, queue string) error {
				url, err := s.lookupQueue(t.Context(), queue)
				if err == nil {
					_, err = s.client.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: aws.String(url)})
				}
				return err
			},
			mend: func(s *Sink, _ *brokertest.SQSFront, queue string) error {
				_, err := s.createQueue(t.Context(), queue)
				return err
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			kind := strings.ReplaceAll(name, " ", "-")
			queue := func(i int) string { return fmt.Sprintf("%s-session-%d.fifo", kind, i) }
			direct := open(t, setup("unused", server.URL()))
			for i := range sessions {
				if _, err := direct.createQueue(t.Context(), queue(i)); err != nil {
					t.Fatal(err)
				}
			}
			front := brokertest.NewSQSFront(t, server)
			s := open(t, setup(kind+"-{session}.fifo", front.URL))
			run := brokertest.NewRun(t, s, sessions)
			var ledger brokertest.Ledger
			read := func() bool {
				for i := range sessions {
					direct.read(t, queue(i), &ledger)
				}
				return false
			}
			before := 0
			if !c.before {
				before = sessions * each
				run.Append(each, 50)
				run.Await(before)
				brokertest.Eventually(t, "the first events", func() bool { return read() || ledger.Total() == before })
			}
			if err := c.spoil(direct, front, queue(0)); err != nil {
				t.Fatal(err)
			}
			run.Append(each, 50)
			run.Await(before + (sessions-1)*each)
			brokertest.Eventually(t, "refusals", func() bool { return run.Stats()[0].Failures["refused"] >= 5 })
			if st := run.Stats()[0]; st.DeadLetters != 0 || st.OpenBreakers != 1 || st.Delivered != uint64(before+(sessions-1)*each) {
				t.Errorf("%+v", st)
			}
			if st := s.Stats(); !strings.Contains(st.LastError, c.text) || strings.Contains(st.LastError, "123456789012") || !st.Connected {
				t.Errorf("%+v", st)
			}
			if err := c.mend(direct, front, queue(0)); err != nil {
				t.Fatal(err)
			}
			run.Await(before + sessions*each)
			brokertest.Eventually(t, "all events", func() bool { return read() || ledger.Total() == before+sessions*each })
			if twice := ledger.Check(t, sessions, (before/sessions)+each); twice != 0 {
				t.Errorf("%d events came twice", twice)
			}
		})
	}
}

// A missing region or endpoint is an outage; the text names neither.
func TestNowhere(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		text   string
	}{
		"region":  {func(c *Config) { c.Endpoint, c.Region, c.Dial = "", "nowhere-1", unnamed }, "no address"},
		"host":    {func(c *Config) { c.Endpoint, c.Dial = "http://sqs.invalid", unnamed }, "no address"},
		"nobody":  {func(c *Config) { c.Endpoint = "http://127.0.0.1:1" }, "refused"},
		"no HTTP": {func(c *Config) { c.Endpoint = "https://" + plain(t) }, ""},
		"not SQS": {func(c *Config) { c.Endpoint = httpOnly(t) }, "404"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := setup("way", "")
			c.change(&cfg)
			s := open(t, cfg)
			if _, err := s.try(t, event("shop", 1)); brokertest.Meaning(err) != "unreachable" || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "sqs.") {
				t.Errorf("%s: %v", brokertest.Meaning(err), err)
			}
			if st := s.Stats(); st.Connected || st.LastError == "" {
				t.Errorf("%+v", st)
			}
		})
	}
}

// unnamed finds no host.
func unnamed(_ context.Context, network, address string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(address)
	return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
}

// httpOnly is a server that knows nothing of SQS.
func httpOnly(t *testing.T) string {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	return server.URL
}

// plain is the host of one that speaks no TLS.
func plain(t *testing.T) string { return strings.TrimPrefix(httpOnly(t), "http://") }
