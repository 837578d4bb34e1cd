package publisher

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/brokertest"
	"github.com/waystation/waystation/transports/dispatch"
)

// A message has the topic of its session and type, the metadata of the delivery, and a body within the limit.
func TestMessage(t *testing.T) {
	var topics []string
	var messages []*message.Message
	s := open(t, Config{Topic: "wa.{session}.{event_type}", MaxBytes: 200, Publisher: fake{publish: func(topic string, msg *message.Message) error {
		topics, messages = append(topics, topic), append(messages, msg)
		if deadline, limited := msg.Context().Deadline(); !limited || time.Until(deadline) > DefaultTimeout {
			t.Errorf("deadline %v, %v", deadline, limited)
		}
		return nil
	}}})
	d := event("shop", 7)
	d.Attempt = 3
	large := event("shop", 8)
	large.Event.Data = []byte(`{"text":"` + strings.Repeat("x", 300) + `"}`)
	large.Body = large.Event.Body()
	for _, each := range []*dispatch.Delivery{d, large} {
		if err := s.deliver(t, each, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	m, err := dispatch.ParseMetadata(messages[0])
	if want := (dispatch.Metadata{Session: "shop", Offset: 7, Type: "Message", Target: "own/shop", Attempt: 3}); err != nil || m != want {
		t.Errorf("%+v, %v", m, err)
	}
	if topics[0] != "wa.shop.Message" || messages[0].UUID != "id-shop-7" || string(messages[0].Payload) != string(d.Body) {
		t.Errorf("%s: %s %s", topics[0], messages[0].UUID, messages[0].Payload)
	}
	if body := string(messages[1].Payload); !strings.HasSuffix(body, `"offset":8,"id":"id-shop-8","type":"Message","time":"2026-01-01T00:00:00.123Z","truncated":true}`) {
		t.Errorf("%s", body)
	}
	if got := s.Stats(); got.Published != 2 || got.Truncated != 1 || !got.Connected || got.LastPublish.IsZero() {
		t.Errorf("%+v", got)
	}
}

func TestClassify(t *testing.T) {
	custom := func(err error) error {
		switch {
		case strings.Contains(err.Error(), "too large"):
			return dispatch.Permanent(err)
		case strings.Contains(err.Error(), "no right"):
			return dispatch.Refused(err)
		}
		return nil
	}
	for _, c := range []struct {
		err      error
		classify func(error) error
		want     string
		text     string
	}{
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, nil, "unreachable", "the broker cannot be reached: connect: connection refused"},
		{fmt.Errorf("publish: %w", context.DeadlineExceeded), nil, "unreachable", "the broker did not answer in time"},
		{net.ErrClosed, nil, "unreachable", "use of closed network connection"},
		{errors.New("Pub/Sub closed"), nil, "unreachable", "Pub/Sub closed"},
		{errors.New("message too large"), nil, "retry", "message too large"},
		{errors.New("at nats://way:s3cret@h:4222/: no right, amqp://:s3cret@h"), nil, "retry", "at nats://***@h:4222/: no right, amqp://***@h"},
		{errors.New("message too large"), custom, "permanent", "message too large"},
		{errors.New("no right at http://way:s3cret@h"), custom, "refused", "no right at http://***@h"},
		{errors.New("Pub/Sub closed"), custom, "retry", "Pub/Sub closed"},
	} {
		s := open(t, Config{Classify: c.classify, Publisher: fake{publish: func(string, *message.Message) error { return c.err }}})
		err := s.deliver(t, event("shop", 1), time.Minute)
		if got := brokertest.Meaning(err); got != c.want || err == nil || err.Error() != c.text {
			t.Errorf("%v is %s: %v, want %s: %s", c.err, got, err, c.want, c.text)
		}
		if got := s.Stats(); got.Failed != 1 || got.LastError != c.text || got.Connected != (c.want != "unreachable") {
			t.Errorf("%v: %+v", c.err, got)
		}
	}
}

// An attempt ends with its time although Publish does not. The next attempt waits for the call and returns its outcome; the next event of the lane is
// published afterwards, and other targets do not wait.
func TestHangingPublish(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	var published []string
	s := open(t, Config{Publisher: fake{publish: func(_ string, msg *message.Message) error {
		mu.Lock()
		published = append(published, msg.UUID)
		first := len(published) == 1
		mu.Unlock()
		if first {
			close(started)
			<-release
		}
		return nil
	}}})
	attempt := func(session string, offset uint64, timeout time.Duration, want string, wantPublished ...string) {
		t.Helper()
		if err := s.deliver(t, event(session, offset), timeout); brokertest.Meaning(err) != want {
			t.Fatalf("%s: %v, want %s", brokertest.Meaning(err), err, want)
		}
		<-started
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(published, wantPublished) {
			t.Fatalf("published %v, want %v", published, wantPublished)
		}
	}
	const first, second, other = "id-shop-1", "id-shop-2", "id-other-1"
	attempt("shop", 1, 10*time.Millisecond, "unreachable", first)
	attempt("shop", 1, 10*time.Millisecond, "unreachable", first)
	attempt("shop", 2, 10*time.Millisecond, "unreachable", first)
	attempt("other", 1, time.Minute, "delivered", first, other)
	waiting := observedContext{t.Context(), make(chan struct{}, 10)}
	outcome := make(chan error, 1)
	go func() {
		d := event("shop", 1)
		outcome <- s.publishInOrder(waiting, laneKey{target: targetOf(d).ID}, "topic", dispatch.NewMessage(targetOf(d), d))
	}()
	<-waiting.waits
	close(release)
	if err := <-outcome; err != nil {
		t.Fatal(err)
	}
	attempt("shop", 2, time.Minute, "delivered", first, other, second)
}

// observedContext reports when it is waited for.
type observedContext struct {
	context.Context
	waits chan struct{}
}

func (o observedContext) Done() <-chan struct{} {
	o.waits <- struct{}{}
	return o.Context.Done()
}

// The attempt's own time is limited by Config.Timeout.
func TestTimeout(t *testing.T) {
	s := open(t, Config{Timeout: 10 * time.Millisecond, Publisher: fake{publish: func(_ string, msg *message.Message) error {
		<-msg.Context().Done()
		return msg.Context().Err()
	}}})
	if err := s.deliver(t, event("shop", 1), time.Minute); brokertest.Meaning(err) != "unreachable" || err.Error() != "the broker did not answer in time" {
		t.Errorf("%s: %v", brokertest.Meaning(err), err)
	}
}

// An attempt that is cancelled with its target says nothing about the broker.
func TestCancelled(t *testing.T) {
	s := open(t, Config{Publisher: fake{publish: func(_ string, msg *message.Message) error {
		<-msg.Context().Done()
		return msg.Context().Err()
	}}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := event("shop", 1)
	if _, err := s.Deliver(ctx, targetOf(d), d); !errors.Is(err, context.Canceled) || brokertest.Meaning(err) != "retry" {
		t.Errorf("%s: %v", brokertest.Meaning(err), err)
	}
	if got := s.Stats(); got.Failed != 0 || got.LastError != "" {
		t.Errorf("%+v", got)
	}
}

func TestPanic(t *testing.T) {
	s := open(t, Config{Publisher: fake{publish: func(string, *message.Message) error { panic("oops") }}})
	if err := s.deliver(t, event("shop", 1), time.Minute); brokertest.Meaning(err) != "retry" || err.Error() != "the publisher panicked: oops" {
		t.Errorf("%s: %v", brokertest.Meaning(err), err)
	}
}

// Close waits for running calls, interrupts hanging ones by closing the publisher, and reports those that still do not return.
func TestClose(t *testing.T) {
	for name, c := range map[string]struct {
		releaseBefore, interrupted bool
		want                       error
	}{
		"ends": {releaseBefore: true}, "interrupted": {interrupted: true}, "hangs": {want: errStillRunning},
	} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			endOnce := sync.OnceFunc(func() { close(release) })
			var returned atomic.Bool
			timeout := 30 * time.Millisecond
			if c.releaseBefore {
				timeout = time.Minute
			}
			s, err := NewSink(Config{Timeout: timeout, Publisher: fake{
				publish: func(string, *message.Message) error { <-release; returned.Store(true); return nil },
				close: func() error {
					if returned.Load() != c.releaseBefore {
						t.Errorf("closed when Publish had returned: %v", returned.Load())
					}
					if c.interrupted {
						endOnce()
					}
					return nil
				},
			}})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.deliver(t, event("shop", 1), 10*time.Millisecond); err == nil {
				t.Fatal("delivered")
			}
			if c.releaseBefore {
				time.AfterFunc(20*time.Millisecond, endOnce)
			}
			if err := s.Close(); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if err := s.deliver(t, event("shop", 2), time.Minute); !errors.Is(err, broker.ErrClosed) {
				t.Error(err)
			}
			endOnce()
		})
	}
	broken := errors.New("cannot be closed")
	s, err := NewSink(Config{Publisher: fake{close: func() error { return broken }}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A publisher that fails, and often returns after the attempt has ended, breaks no order: an event is never published after a later one.
func TestOrderWithSlowPublisher(t *testing.T) {
	const sessions, each = 5, 40
	var ledger brokertest.Ledger
	var mu sync.Mutex
	calls, last := 0, map[string]uint64{}
	publish := func(_ string, msg *message.Message) error {
		mu.Lock()
		calls++
		n := calls
		mu.Unlock()
		switch {
		case n%5 == 0:
			return errors.New("not now")
		case n%11 == 0:
			time.Sleep(30 * time.Millisecond)
		}
		m, err := dispatch.ParseMetadata(msg)
		if err != nil {
			return err
		}
		ledger.Add(m.Session, m.Offset, msg.UUID)
		mu.Lock()
		defer mu.Unlock()
		if m.Offset < last[m.Session] {
			t.Errorf("offset %d of %s came after %d", m.Offset, m.Session, last[m.Session])
		}
		last[m.Session] = m.Offset
		return nil
	}
	// Errors without a class: no breaker holds the retries.
	s := open(t, Config{Timeout: 5 * time.Millisecond, Classify: func(err error) error { return err }, Publisher: fake{publish: publish}})
	run := brokertest.NewRun(t, s, sessions)
	run.Append(each, 10)
	run.Await(sessions * each)
	t.Logf("%d events came twice", ledger.Check(t, sessions, each))
}

func TestValidate(t *testing.T) {
	p := fake{}
	for field, cfg := range map[string]Config{
		"publisher": {}, "topic": {Publisher: p, Topic: "{nobody}"}, "timeout": {Publisher: p, Timeout: -1}, "max_bytes": {Publisher: p, MaxBytes: -1},
	} {
		_, err := NewSink(cfg)
		if got := brokertest.Problems(err); len(got) != 1 || !got[field] {
			t.Errorf("%+v: %v, want a problem of %s", cfg, err, field)
		}
	}
	if err := (Config{Publisher: p}).Validate(); err != nil {
		t.Error(err)
	}
}
