package publisher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/dispatch"
)

// Sink delivers events through a Watermill publisher, for any number of targets. Its methods may be called concurrently.
type Sink struct {
	cfg   Config
	topic broker.Pattern
	meter broker.Meter

	mu      sync.Mutex
	closed  bool
	running map[laneKey]*call // at most one of a lane
	calls   sync.WaitGroup
}

var _ dispatch.Sink = (*Sink)(nil)

// laneKey identifies a lane of the dispatcher: events, replays and signals of a target are independent of each other.
type laneKey struct {
	target         string
	replay, signal bool
}

// call is a call of Publish.
type call struct {
	event string        // id of the event; empty for a signal
	done  chan struct{} // closed when err is set
	err   error
}

// NewSink returns a sink. The error is that of Config.Validate. End the sink with Close, after the dispatcher.
func NewSink(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	topic, err := broker.ParsePattern(cfg.Topic)
	if err != nil {
		return nil, err
	}
	return &Sink{cfg: cfg, topic: topic, running: map[laneKey]*call{}}, nil
}

// Stats returns the state and counts of the sink.
func (s *Sink) Stats() broker.Figures { return s.meter.Figures() }

// Deliver implements dispatch.Sink. There are no codes.
func (s *Sink) Deliver(ctx context.Context, t dispatch.Target, d *dispatch.Delivery) (int, error) {
	limited, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	payload, truncated := broker.Payload(d, s.cfg.MaxBytes)
	msg := dispatch.NewMessage(t, d)
	msg.Payload = payload
	msg.SetContext(limited)
	lane := laneKey{t.ID, d.Replay, d.Signal}
	err := s.classifyError(limited, s.publishInOrder(limited, lane, s.topic.Expand(d.Event.Session, d.Event.Type), msg))
	s.meter.Attempted(ctx, truncated, err)
	return 0, err
}

// publishInOrder publishes a message after the running call of its lane has ended. If that call has the same event, its outcome is that of the message.
func (s *Sink) publishInOrder(ctx context.Context, lane laneKey, topic string, msg *message.Message) error {
	for {
		c, isNew, err := s.beginCall(lane, topic, msg)
		if err != nil {
			return err
		}
		select {
		case <-c.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if isNew || c.event != "" && c.event == msg.UUID {
			return c.err
		}
	}
}

// beginCall returns the running call of a lane, else a new one.
func (s *Sink) beginCall(lane laneKey, topic string, msg *message.Message) (c *call, isNew bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false, broker.ErrClosed
	}
	if c = s.running[lane]; c != nil {
		return c, false, nil
	}
	c = &call{event: msg.UUID, done: make(chan struct{})}
	s.running[lane] = c
	s.calls.Go(func() {
		err := s.callPublisher(topic, msg)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.running, lane)
		c.err = err
		close(c.done)
	})
	return c, true, nil
}

// callPublisher converts a panic of the publisher into an error.
func (s *Sink) callPublisher(topic string, msg *message.Message) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the publisher panicked: %v", r)
		}
	}()
	return s.cfg.Publisher.Publish(topic, msg)
}

// errStillRunning is returned by Close if a call of Publish does not return.
var errStillRunning = errors.New("publisher: Publish did not return")

// Close rejects further deliveries, waits up to Config.Timeout for running calls, and closes the publisher, which interrupts the remaining ones. The
// error is the publisher's, or reports calls that do not return within another Config.Timeout.
func (s *Sink) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return nil
	}
	ended := make(chan struct{})
	go func() {
		s.calls.Wait()
		close(ended)
	}()
	endedInTime := waitFor(ended, s.cfg.Timeout)
	err := s.cfg.Publisher.Close()
	if !endedInTime && !waitFor(ended, s.cfg.Timeout) {
		err = errors.Join(err, errStillRunning)
	}
	return err
}

// waitFor waits until a channel is closed, and returns false if the time expires first.
func waitFor(done <-chan struct{}, atMost time.Duration) bool {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
