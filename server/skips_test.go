package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"

	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// outletsOfTest are the global transports whose flags are flipped, each behind a real server.
var outletsOfTest = []string{"webhook", "redis", "amqp", "sqs", "websocket"}

// arrivals are the offsets received from each transport.
type arrivals struct {
	mu  sync.Mutex
	got map[string][]uint64
}

func (a *arrivals) add(outlet string, body []byte) {
	var e struct{ Offset uint64 }
	_ = json.Unmarshal(body, &e)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.got[outlet] = append(a.got[outlet], e.Offset)
}

func (a *arrivals) of(outlet string) []uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.got[outlet])
}

// span is the start and end of an operation, by a clock that ticks with each reading.
type span struct{ from, to int64 }

// skippedDuring reports whether a flag was set during an append; sure is false beside a flip. Flips set and clear in
// turn.
func skippedDuring(flips []span, s span) (skipped, sure bool) {
	for i, flip := range flips {
		switch {
		case s.to < flip.from:
			return i%2 == 1, true
		case s.from < flip.to:
			return false, false
		}
	}
	return len(flips)%2 == 1, true
}

// Every flag is flipped by calls while events are logged, in front of a real server each: events logged before a flip
// are received and those logged after it are not, and the reverse.
func TestSkipFlagsUnderLoad(t *testing.T) {
	events, flips := 1000, 20
	if testkit.FullSize() {
		events, flips = 5000, 100
	}
	const appenders = 10
	out := &arrivals{got: map[string][]uint64{}}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		out.add("webhook", body)
	}))
	t.Cleanup(hook.Close)
	cache, rabbit, queues := brokertest.Redis(t, brokertest.RedisOptions{}), brokertest.RabbitMQ(t), brokertest.SQS(t)
	file := filepath.Join(t.TempDir(), "env")
	text := strings.Join([]string{
		"GLOBAL_WEBHOOK_ENABLED=1", "GLOBAL_WEBHOOK_URL=" + hook.URL, "GLOBAL_REDIS_ENABLED=1", "GLOBAL_REDIS_URL=" + cache.URL(), "GLOBAL_REDIS_STREAM=events",
		"GLOBAL_RABBITMQ_ENABLED=1", "GLOBAL_RABBITMQ_URL=" + rabbit.URL(), "GLOBAL_RABBITMQ_QUEUE=skips", "GLOBAL_SQS_ENABLED=1", "GLOBAL_SQS_URL=skips.fifo",
		`GLOBAL_SQS_OPTIONS={"region":"us-east-1","endpoint":"` + queues.URL() + `","access_key":"key","secret_key":"secret","create":true}`,
	}, "\n")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, "-allow-hosts", "127.0.0.1", "-env-file", file, "-calls-per-second", "100000", "-call-burst", "100000", "-log-level", "info")
	s.must("session.create", object{"session_id": "a"})
	follower := dial(t, s.url("/v1/ws"), s.token, object{"filters": []object{{"sessions": []string{"*"}}}})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			_, raw, err := follower.ws.Read(context.Background())
			if err != nil {
				return
			}
			var frame struct {
				Method string
				Params json.RawMessage
			}
			if json.Unmarshal(raw, &frame) == nil && frame.Method == "event" {
				out.add("websocket", frame.Params)
			}
		}
	})
	t.Cleanup(reading.Wait)
	t.Cleanup(func() { _ = follower.ws.CloseNow() })

	var clock atomic.Int64
	var mu sync.Mutex
	spans := map[uint64]span{}
	var load sync.WaitGroup
	for range appenders {
		load.Go(func() {
			for range events / appenders {
				from := clock.Add(1)
				results, err := s.app.journal.Append(context.Background(), "a", journal.Record{Type: "Message"})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				spans[results[0].Event.Offset] = span{from, clock.Add(1)}
				mu.Unlock()
			}
		})
	}
	history := map[string][]span{}
	for range flips {
		for _, outlet := range outletsOfTest {
			list := []string{}
			for _, other := range outletsOfTest {
				if on := len(history[other])%2 == 1; on != (other == outlet) {
					list = append(list, other)
				}
			}
			from := clock.Add(1)
			s.must("session.updateSettings", object{"session": "a", "skip_global": list})
			history[outlet] = append(history[outlet], span{from, clock.Add(1)})
		}
	}
	load.Wait()
	results, err := s.app.journal.Append(context.Background(), "a", journal.Record{Type: "Message"}) // no flag is set: every transport receives it
	if err != nil {
		t.Fatal(err)
	}
	last := results[0].Event.Offset
	drain := map[string]func(){"redis": readStream(t, cache, out), "amqp": readQueue(t, rabbit, out), "sqs": readFIFO(t, queues, out)}
	for _, outlet := range outletsOfTest {
		for deadline := time.Now().Add(2 * patience); !slices.Contains(out.of(outlet), last); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: the last event did not come", outlet)
			}
			if read := drain[outlet]; read != nil {
				read()
			}
		}
		got := out.of(outlet)
		if !slices.IsSorted(got) {
			t.Errorf("%s: out of order", outlet)
		}
		sent := map[uint64]bool{}
		for _, offset := range got {
			sent[offset] = true
		}
		turns, sure, before := 0, 0, true
		for offset := uint64(1); offset < last; offset++ {
			skipped, certain := skippedDuring(history[outlet], spans[offset])
			if certain {
				sure++
			}
			if certain && sent[offset] == skipped {
				t.Fatalf("%s: offset %d came: %t, skipped for sure: %t", outlet, offset, sent[offset], skipped)
			}
			if sent[offset] != before {
				turns, before = turns+1, sent[offset]
			}
		}
		if turns > flips {
			t.Errorf("%s: %d changes between sent and not sent by %d flips", outlet, turns, flips)
		}
		t.Logf("%s: %d of %d events came, %d twice, in %d turns by %d flips; %d certain without the order of commits", outlet, len(sent)-1, last-1,
			len(got)-len(sent), turns, flips, sure)
	}
}

// readStream returns a function that reads new entries of the stream.
func readStream(t *testing.T, server *brokertest.RedisServer, out *arrivals) func() {
	options, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	after := "-"
	return func() {
		entries, err := client.XRange(t.Context(), "events", after, "+").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			out.add("redis", []byte(e.Values["payload"].(string)))
			after = "(" + e.ID
		}
	}
}

// readQueue returns a function that reads the waiting messages of the queue.
func readQueue(t *testing.T, server *brokertest.RabbitMQServer, out *arrivals) func() {
	conn, err := amqp091.Dial(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	channel, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		for {
			message, ok, err := channel.Get("skips", true)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				return
			}
			out.add("amqp", message.Body)
		}
	}
}

// readFIFO returns a function that reads the waiting messages of the FIFO queue.
func readFIFO(t *testing.T, server *brokertest.SQSServer, out *arrivals) func() {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL()), Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
		HTTPClient: &http.Client{Transport: transport},
	})
	queue, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("skips.fifo")})
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		for {
			batch, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, MaxNumberOfMessages: 10})
			if err != nil {
				t.Fatal(err)
			}
			if len(batch.Messages) == 0 {
				return
			}
			for _, m := range batch.Messages {
				out.add("sqs", []byte(*m.Body))
				if _, err = client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: queue.QueueUrl, ReceiptHandle: m.ReceiptHandle}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
