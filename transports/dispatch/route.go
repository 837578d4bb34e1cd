package dispatch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
)

// topic is what sinks subscribe to.
const topic = "journal"

// source is the journal as a sink's handler sees it: lanes put messages in, each after the end of its last one. The
// router runs every message on a goroutine of its own, so none waits for another lane's.
type source struct {
	out  chan *message.Message
	once sync.Once
}

var _ message.Subscriber = (*source)(nil)

// Subscribe implements message.Subscriber.
func (s *source) Subscribe(context.Context, string) (<-chan *message.Message, error) {
	return s.out, nil
}

// Close implements message.Subscriber. The lanes have ended.
func (s *source) Close() error {
	s.once.Do(func() { close(s.out) })
	return nil
}

// sink is a transport: what is sent where, and how.
type sink struct {
	d       *Dispatcher
	name    string
	sink    Sink
	policy  Policy
	source  *source
	gates   gates
	outages outages
	stats   sinkStats
	targets map[string]*target // by id; guarded by d.mu
	keys    map[string]int     // targets of each breaker key; guarded by d.mu
}

var (
	// errAbandoned ends a job that goes on after a restart, or never because its target is gone.
	errAbandoned = errors.New("dispatch: abandoned")
	// errNotAdmitted says that a sink found no room for an attempt.
	errNotAdmitted = errors.New("no room for an attempt")
	// errNothingTaken says that a Batcher broke its word.
	errNothingTaken = errors.New("the transport took nothing and does not tell why")
)

// middlewares lists what surrounds an attempt, outermost first.
func (s *sink) middlewares() []message.HandlerMiddleware {
	return []message.HandlerMiddleware{s.conclude, s.retry, s.hold, s.admit, s.recover}
}

// attempt is the handler: one attempt at each delivery of the job, until one fails or the window has had its time. The
// first is made in any case.
func (s *sink) attempt(msg *message.Message) error {
	j := jobOf(msg)
	began := s.d.cfg.Now()
	var limit limit
	defer limit.end()
	for now := began; ; {
		if err := s.try(limit.at(msg.Context(), s.policy.AttemptTimeout, now), j, now); err != nil {
			return err
		}
		now = s.d.cfg.Now()
		if j.over() || now.Sub(began) >= s.policy.WindowTime || j.t.ending() {
			return nil
		}
	}
}

// limit bounds attempts in time. Those that follow each other closely share a context, since making one costs as much as a
// tenth of an attempt; that takes a hundredth of its time from one that hangs, at most.
type limit struct {
	ctx    context.Context
	cancel context.CancelFunc
	since  time.Time
}

// at is the context of an attempt that begins now.
func (l *limit) at(ctx context.Context, timeout time.Duration, now time.Time) context.Context {
	if l.ctx == nil || now.Sub(l.since) > timeout/100 {
		l.end()
		l.since = now
		l.ctx, l.cancel = context.WithTimeout(ctx, timeout)
	}
	return l.ctx
}

func (l *limit) end() {
	if l.cancel != nil {
		l.cancel()
	}
}

// try makes an attempt that begins now at the next delivery, or at all that are left, within its time.
func (s *sink) try(ctx context.Context, j *job, now time.Time) error {
	j.begin(now)
	taken, code, err := DeliverAll(ctx, s.sink, j.t.settings().Target, j.deliveries[j.ended:])
	if err == nil && taken == 0 {
		err = errNothingTaken
	}
	ended := s.d.cfg.Now()
	for range taken {
		j.begin(now)
		j.end(ended, code, nil)
		j.finish(Delivered)
	}
	if err != nil {
		j.begin(now)
		j.end(ended, code, err)
	}
	return err
}

// conclude turns what is left of an error into the delivery's end: dead letter, or nothing when the job was abandoned. The
// message is acknowledged in any case.
func (s *sink) conclude(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		j := jobOf(msg)
		_, err := next(msg)
		switch {
		case err == nil:
		case errors.Is(err, errAbandoned):
			j.abandoned = true
		default:
			j.finish(DeadLetter)
		}
		return nil, nil
	}
}

// retry repeats failed attempts after a pause, as their class and the policy say.
func (s *sink) retry(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		j := jobOf(msg)
		for {
			changed := j.t.settings().changed
			_, err := next(msg)
			if err == nil || errors.Is(err, errAbandoned) {
				return nil, err
			}
			if j.t.life.Err() != nil || !j.narrow() { // most likely the reason of the failure
				return nil, errAbandoned
			}
			wait, again := s.verdict(j, err)
			if !again {
				return nil, err
			}
			if !j.t.pause(wait, changed) {
				return nil, errAbandoned
			}
		}
	}
}

// verdict says whether a job is tried again, and when.
func (s *sink) verdict(j *job, err error) (wait time.Duration, again bool) {
	class, after := classOf(err)
	var tooLong *held
	switch {
	case class == classPermanent, j.delivery().Signal:
		return 0, false
	case errors.As(err, &tooLong):
		j.note(err)
		return 0, false
	case j.open && (class == classUnreachable || class == classApart || class == classRefused):
		return 0, true // the breaker holds it, at no cost
	}
	if j.paid++; j.paid >= s.policy.MaxAttempts {
		return 0, false
	}
	wait = backoff(s.policy, j.paid)
	if class == classRetryAfter {
		wait = max(wait, min(after, s.policy.RetryAfterCap))
	}
	return wait, true
}

// backoff is the pause after a number of attempts: full jitter, so that lanes that failed together do not come back
// together.
func backoff(p Policy, attempts int) time.Duration {
	limit := p.BackoffBase
	for range attempts - 1 {
		if limit *= 2; limit >= p.BackoffCap || limit <= 0 {
			limit = p.BackoffCap
			break
		}
	}
	return rand.N(min(limit, p.BackoffCap) + 1)
}

// hold keeps attempts from a target that is away, until the breaker of its key lets one through.
func (s *sink) hold(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		j := jobOf(msg)
		p, err := s.enter(j)
		if err != nil {
			return nil, err
		}
		_, err = next(msg)
		class, _ := classOf(err)
		switch {
		case errors.Is(err, errAbandoned), errors.Is(err, errNotAdmitted), err != nil && j.t.life.Err() != nil:
			s.gates.unused(p)
			return nil, err
		case err != nil:
			s.stats.failures[class].Add(1)
		}
		s.logAttempt(j, err)
		switch class {
		case classRefused, classApart:
			var opened bool
			if j.open, opened = s.setApart(j.t, p, class == classRefused); opened {
				s.logHeld(j.t, err)
			}
		case classUnreachable:
			var opened bool
			if j.open, opened = s.gates.unreachable(p, false); opened {
				s.logHeld(j.t, err)
			}
			if p.key != j.t.ownKey() && !s.usesKey(p.key) { // its targets went while the attempt was under way
				s.gates.forget(p.key)
			}
		default:
			s.gates.answered(p)
			j.t.apart.Store(false)
		}
		return nil, err
	}
}

// setApart puts a target behind a breaker of its own: others of the key go on. certain opens it at once.
func (s *sink) setApart(t *target, p pass, certain bool) (open, opened bool) {
	own := pass{key: t.ownKey()}
	if p.key == own.key {
		own = p
	} else {
		s.gates.answered(p)
	}
	t.apart.Store(true)
	return s.gates.unreachable(own, certain)
}

// enter gets a job past the breaker of its target's key, which may change meanwhile.
func (s *sink) enter(j *job) (pass, error) {
	if j.delivery().Signal {
		p, ok := s.gates.enterNow(j.t.breakerKey(j.t.settings()))
		if !ok {
			return pass{}, errors.New("the target is away, or refuses all")
		}
		return p, nil
	}
	for {
		set := j.t.settings()
		p, again, err := s.gates.enter(j.t.waiting, j.t.breakerKey(set), j.since, set.changed)
		if !again {
			return p, err
		}
	}
}

// admit waits for room, where the sink has only so much.
func (s *sink) admit(next message.HandlerFunc) message.HandlerFunc {
	admitter, ok := s.sink.(Admitter)
	if !ok {
		return next
	}
	return func(msg *message.Message) ([]*message.Message, error) {
		j := jobOf(msg)
		ctx := j.t.waiting
		if j.delivery().Signal { // worth little when it is late
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, s.policy.AttemptTimeout)
			defer cancel()
		}
		release, err := admitter.Admit(ctx, j.t.settings().Target)
		if err != nil {
			if j.t.ending() {
				return nil, errAbandoned
			}
			return nil, fmt.Errorf("%w: %w", errNotAdmitted, err)
		}
		defer release()
		return next(msg)
	}
}

// recover makes an error of a panic, which costs the one delivery an attempt.
func (s *sink) recover(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) (out []*message.Message, err error) {
		defer func() {
			if r := recover(); r != nil {
				s.d.cfg.Log.Error("a sink panicked", "transport", s.name, "panic", r, "stack", string(debug.Stack()))
				err = fmt.Errorf("the %s transport failed inside", s.name)
				jobOf(msg).end(s.d.cfg.Now(), 0, err)
			}
		}()
		return next(msg)
	}
}

// routerLog passes on what the router has to complain about; the rest is not for operators.
type routerLog struct{ d *Dispatcher }

func (l routerLog) Error(text string, err error, _ watermill.LogFields) {
	l.d.cfg.Log.Error("dispatch router: "+text, "error", err)
}
func (routerLog) Info(string, watermill.LogFields)  {}
func (routerLog) Debug(string, watermill.LogFields) {}
func (routerLog) Trace(string, watermill.LogFields) {}

// With implements watermill.LoggerAdapter.
func (l routerLog) With(watermill.LogFields) watermill.LoggerAdapter { return l }
