package amqp

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/dispatch"
)

// Transport is the name of this kind of sink among the transports.
const Transport = "amqp"

// Sink delivers to one broker, for any number of sessions. Its methods may be called concurrently.
type Sink struct {
	cfg        Config
	router     router
	meter      broker.Meter
	unroutable atomic.Uint64
	suspects   unconfirmed

	life   context.Context
	end    context.CancelFunc
	worker sync.WaitGroup

	mu      sync.Mutex
	link    *link         // nil = not connected
	trouble error         // why the last attempt to connect failed, while the next one waits
	changed chan struct{} // closed when link or trouble change
}

var _ dispatch.Sink = (*Sink)(nil)

// Open makes a sink, which begins to connect, and connects again after each loss, until it is closed: a broker that is away is
// no error, events wait for it. The error is that of Config.Validate or names a file of Config.TLS. End the sink with
// Close, after the dispatcher.
func Open(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Sink{cfg: cfg.withDefaults(), changed: make(chan struct{})}
	s.suspects.most = s.cfg.MaxRoutes
	if _, err := s.cfg.TLS.Config(""); err != nil {
		return nil, err
	}
	var err error
	if s.router, err = newRouter(&s.cfg.Settings); err != nil {
		return nil, err
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.worker.Go(s.stayConnected)
	return s, nil
}

// Close ends the connection.
func (s *Sink) Close() error {
	s.end()
	s.worker.Wait()
	return nil
}

func (s *Sink) stayConnected() {
	for failures := 0; s.life.Err() == nil; {
		l, err := dialBroker(s.life, &s.cfg)
		if err != nil {
			s.unreachableError(err)
			s.setState(nil, err)
			select {
			case <-time.After(s.reconnectPause(failures)):
			case <-s.life.Done():
			}
			failures++
			s.setState(nil, nil) // deliveries wait for the attempt that comes now
			continue
		}
		failures = 0
		s.meter.Checked(nil)
		s.setState(l, nil)
		select {
		case <-l.done:
			s.unreachableError(l.reason)
		case <-s.life.Done():
		}
		s.setState(nil, nil)
		l.close()
	}
	s.setState(nil, broker.ErrClosed)
}

func (s *Sink) unreachableError(err error) {
	_, shown := classify(err)
	s.meter.Checked(shown)
}

// reconnectPause is how long to wait after a number of failures: it doubles up to the cap, less a random half.
func (s *Sink) reconnectPause(failures int) time.Duration {
	wait := s.cfg.ReconnectBase
	for range failures {
		if wait *= 2; wait >= s.cfg.ReconnectCap || wait <= 0 {
			break
		}
	}
	wait = min(wait, s.cfg.ReconnectCap)
	return wait - rand.N(wait/2+1)
}

func (s *Sink) setState(l *link, trouble error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.link, s.trouble = l, trouble
	close(s.changed)
	s.changed = make(chan struct{})
}

// isConnected returns the link, after the attempt to connect that is under way. Between attempts it fails at once.
func (s *Sink) isConnected(ctx context.Context) (*link, error) {
	for {
		s.mu.Lock()
		l, trouble, changed := s.link, s.trouble, s.changed
		s.mu.Unlock()
		if l != nil && l.isUp() || trouble != nil {
			return l, trouble
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Deliver implements dispatch.Sink. Codes are those of the protocol, 312 for an unroutable message.
func (s *Sink) Deliver(ctx context.Context, _ dispatch.Target, d *dispatch.Delivery) (int, error) {
	limited, cancel := context.WithTimeout(ctx, s.cfg.publishTimeout())
	defer cancel()
	truncated, err := s.deliverOne(limited, d)
	code, err := classify(err)
	s.meter.Attempted(ctx, truncated, err)
	return code, err
}

func (s *Sink) deliverOne(ctx context.Context, d *dispatch.Delivery) (truncated bool, err error) {
	to, err := s.router.route(d.Event.Session, d.Event.Type)
	if err != nil {
		return false, err
	}
	for {
		truncated, err := s.publish(ctx, to, d)
		switch {
		case ctx.Err() != nil:
			return truncated, err
		case isSuspect(err):
			s.suspects.add(to)
		case !isOversized(err):
			return truncated, err
		}
	}
}

// publish sends a message once, alone if it may have been refused before.
func (s *Sink) publish(ctx context.Context, to route, d *dispatch.Delivery) (truncated bool, err error) {
	l, err := s.isConnected(ctx)
	if err != nil {
		return false, err
	}
	if err := l.rejectIfFull(); err != nil {
		return false, err
	}
	body, truncated := broker.Payload(d, l.clampSize(s.cfg.MaxBytes))
	if err = l.topology.ensureRoute(ctx, to); err == nil {
		if s.suspects.has(to) {
			if err = l.alone.publish(ctx, s.cfg.Exchange, to.key, s.newMessage(d, body)); err == nil {
				s.suspects.clear(to)
			} else if tooLarge(err) && !truncated {
				l.learnLimit(len(body))
				return false, &outsize{err}
			}
		} else {
			err = l.publish(ctx, s.cfg.Exchange, to.key, s.newMessage(d, body))
		}
	}
	if errors.Is(err, errLost) || errors.Is(err, amqp.ErrClosed) {
		return false, l.lossReason(ctx)
	}
	var back *unroutable
	if errors.As(err, &back) {
		s.unroutable.Add(1)
		l.topology.forgetRoute(to) // the queue may have been deleted
	}
	return truncated, err
}

func (s *Sink) newMessage(d *dispatch.Delivery, body []byte) amqp.Publishing {
	e := d.Event
	m := amqp.Publishing{
		MessageId: e.ID, Type: e.Type, Timestamp: e.Time, AppId: "waystation", ContentType: "application/json",
		DeliveryMode: uint8(s.cfg.DeliveryMode), Body: body,
		Headers: amqp.Table{"id": e.ID, "session": e.Session, "offset": int64(e.Offset), "type": e.Type, "time": broker.Time(e.Time)},
	}
	if d.Replay {
		m.Headers["replay"] = true
	}
	if m.MessageId == "" { // a signal; a returned message is found by its id
		m.MessageId = "signal-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	}
	if len(m.Type) > maxName { // a property is short; the header has the whole
		m.Type = ""
	}
	return m
}

// Stats are the state and counts of a sink since it was opened.
type Stats struct {
	broker.Figures
	Unroutable uint64   // attempts whose message no queue took
	Blocked    string   // why the broker takes no messages now, memory for example; empty = it does
	Queues     []string // declared over the present connection, sorted
}

// Stats returns the state and counts of the sink.
func (s *Sink) Stats() Stats {
	st := Stats{Figures: s.meter.Figures(), Unroutable: s.unroutable.Load()}
	s.mu.Lock()
	l := s.link
	s.mu.Unlock()
	if st.Connected = l != nil; st.Connected {
		st.Queues, st.Blocked = l.topology.openChannel(), l.blockedBy()
	}
	return st
}
