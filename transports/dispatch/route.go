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

// topic is the topic to which sinks subscribe.
const topic = "journal"

// source is the subscriber of a sink's handler: lanes publish messages, each after its previous one has ended. The router runs every message on its
// own goroutine, so no message waits for another lane's.
type source struct {
	out  chan *message.Message
	once sync.Once

	mu   sync.Mutex
	jobs map[*message.Message]*job // of the messages in progress
}

var _ message.Subscriber = (*source)(nil)

func newSource() *source {
	return &source{out: make(chan *message.Message), jobs: map[*message.Message]*job{}}
}

// newMessage returns the message of a lane's job, which has to be forgotten after it ended.
func (s *source) newMessage(l *lane, j *job) *message.Message {
	msg := j.newMessage(l.metadata)
	msg.SetContext(l.t.life)
	s.mu.Lock()
	s.jobs[msg] = j
	s.mu.Unlock()
	return msg
}

func (s *source) forgetMessage(msg *message.Message) {
	s.mu.Lock()
	delete(s.jobs, msg)
	s.mu.Unlock()
}

// jobOf returns the job of a message in progress.
func (s *source) jobOf(msg *message.Message) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jobs[msg]
}

// Subscribe implements message.Subscriber.
func (s *source) Subscribe(context.Context, string) (<-chan *message.Message, error) {
	return s.out, nil
}

// Close implements message.Subscriber. The lanes have ended.
func (s *source) Close() error {
	s.once.Do(func() { close(s.out) })
	return nil
}

// sink is a registered transport with its policy, targets and breakers.
type sink struct {
	d        *Dispatcher
	name     string
	sink     Sink
	policy   Policy
	source   *source
	breakers breakers
	outages  outages
	stats    sinkStats
	observe  func(took time.Duration) // gets the duration of each attempt; nil = not observed
	targets  map[string]*target       // by id; guarded by d.mu
	keys     map[string]int           // number of targets of each breaker key; guarded by d.mu
}

var (
	// errAbandoned ends a job that continues after a restart, or never because its target was removed.
	errAbandoned = errors.New("dispatch: abandoned")
	// errNotAdmitted is returned if a sink has no free slot for an attempt.
	errNotAdmitted = errors.New("no free slot for an attempt")
	// errNothingDelivered is returned if a Batcher violates its contract.
	errNothingDelivered = errors.New("the transport delivered nothing and returned no error")
)

// jobHandler handles a job, whose message is msg.
type jobHandler func(j *job, msg *message.Message) error

// handler returns the handler of the router. It looks up the job of a message once; the middlewares get it as a parameter.
func (s *sink) handler() message.NoPublishHandlerFunc {
	handle := s.concludeJob(s.retryFailed(s.waitForBreaker(s.waitForSlot(s.recoverPanic(s.attemptJob)))))
	return func(msg *message.Message) error { return handle(s.source.jobOf(msg), msg) }
}

// attemptJob makes one attempt at each delivery of the job, until one fails or the window time has expired. The first is always made.
func (s *sink) attemptJob(j *job, msg *message.Message) error {
	began := s.d.cfg.Now()
	var limit attemptContext
	defer limit.end()
	for now := began; ; {
		if err := s.attemptNext(limit.at(msg.Context(), s.policy.AttemptTimeout, now), msg, j, now); err != nil {
			return err
		}
		now = s.d.cfg.Now()
		if j.isOver() || now.Sub(began) >= s.policy.WindowTime || j.t.isEnding() {
			return nil
		}
	}
}

// attemptContext limits the duration of attempts. Attempts in quick succession share a context, since creating one costs a tenth of an attempt; this
// shortens the timeout of a hanging attempt by at most a hundredth.
type attemptContext struct {
	ctx    context.Context
	cancel context.CancelFunc
	since  time.Time
}

// at returns the context of an attempt that begins now.
func (l *attemptContext) at(ctx context.Context, timeout time.Duration, now time.Time) context.Context {
	if l.ctx == nil || now.Sub(l.since) > timeout/100 {
		l.end()
		l.since = now
		l.ctx, l.cancel = context.WithTimeout(ctx, timeout)
	}
	return l.ctx
}

func (l *attemptContext) end() {
	if l.cancel != nil {
		l.cancel()
	}
}

// attemptNext attempts the next delivery, or all remaining ones, within the timeout.
func (s *sink) attemptNext(ctx context.Context, msg *message.Message, j *job, now time.Time) error {
	j.beginAttempt(now)
	j.updateMessage(msg)
	taken, code, err := DeliverAll(ctx, s.sink, j.t.settings().Target, j.deliveries[j.ended:])
	if err == nil && taken == 0 {
		err = errNothingDelivered
	}
	ended := s.d.cfg.Now()
	for range taken {
		j.beginAttempt(now)
		j.endAttempt(ended, code, nil)
		j.finishDelivery(Delivered)
	}
	if err != nil {
		j.beginAttempt(now)
		j.endAttempt(ended, code, err)
	}
	return err
}

// concludeJob converts the remaining error into the outcome of the delivery: dead letter, or no outcome if the job was abandoned. The message is
// always acknowledged.
func (s *sink) concludeJob(next jobHandler) jobHandler {
	return func(j *job, msg *message.Message) error {
		err := next(j, msg)
		switch {
		case err == nil:
		case errors.Is(err, errAbandoned):
			j.abandoned = true
		default:
			j.finishDelivery(DeadLetter)
		}
		return nil
	}
}

// retryFailed repeats failed attempts after a pause, according to their class and the policy.
func (s *sink) retryFailed(next jobHandler) jobHandler {
	return func(j *job, msg *message.Message) error {
		for {
			changed := j.t.settings().changed
			err := next(j, msg)
			if err == nil || errors.Is(err, errAbandoned) {
				return err
			}
			if j.t.life.Err() != nil || !j.narrowToCurrent() { // most likely the cause of the failure
				return errAbandoned
			}
			wait, again := s.retryDelay(j, err)
			if !again {
				return err
			}
			if !j.t.pause(wait, changed) {
				return errAbandoned
			}
		}
	}
}

// retryDelay returns whether a job is retried, and after which pause.
func (s *sink) retryDelay(j *job, err error) (wait time.Duration, again bool) {
	class, after := classOf(err)
	var tooLong *heldTooLongError
	switch {
	case class == classPermanent, j.currentDelivery().Signal:
		return 0, false
	case errors.As(err, &tooLong):
		j.noteFailure(err)
		return 0, false
	case j.open && (class == classUnreachable || class == classApart || class == classRefused):
		return 0, true // the breaker holds it without using attempts
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

// backoff returns the pause after a number of attempts: full jitter, so that lanes that failed together do not retry together.
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

// waitForBreaker delays attempts to an unreachable target until the breaker of its key permits one.
func (s *sink) waitForBreaker(next jobHandler) jobHandler {
	return func(j *job, msg *message.Message) error {
		p, err := s.acquirePermit(j)
		if err != nil {
			return err
		}
		err = next(j, msg)
		class, _ := classOf(err)
		switch {
		case errors.Is(err, errAbandoned), errors.Is(err, errNotAdmitted), err != nil && j.t.life.Err() != nil:
			s.breakers.releaseUnused(p)
			return err
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
			if j.open, opened = s.breakers.reportUnreachable(p, false); opened {
				s.logHeld(j.t, err)
			}
			if p.key != j.t.ownKey() && !s.usesKey(p.key) { // the last target of the key was removed during the attempt
				s.breakers.forgetKey(p.key)
			}
		default:
			s.breakers.reportAnswer(p)
			j.t.apart.Store(false)
		}
		return err
	}
}

// setApart assigns a separate breaker to a target: others of the key continue. certain opens it immediately.
func (s *sink) setApart(t *target, p permit, certain bool) (open, opened bool) {
	own := permit{key: t.ownKey()}
	if p.key == own.key {
		own = p
	} else {
		s.breakers.reportAnswer(p)
	}
	t.apart.Store(true)
	return s.breakers.reportUnreachable(own, certain)
}

// acquirePermit waits for the breaker of the target's key, which may change meanwhile.
func (s *sink) acquirePermit(j *job) (permit, error) {
	if j.currentDelivery().Signal {
		p, ok := s.breakers.tryAcquire(j.t.breakerKey(j.t.settings()))
		if !ok {
			return permit{}, errors.New("the target is unreachable or rejects every event")
		}
		return p, nil
	}
	for {
		set := j.t.settings()
		p, again, err := s.breakers.acquire(j.t.waiting, j.t.breakerKey(set), j.since, set.changed)
		if !again {
			return p, err
		}
	}
}

// waitForSlot waits for a free slot if the sink limits concurrent attempts.
func (s *sink) waitForSlot(next jobHandler) jobHandler {
	admitter, ok := s.sink.(Admitter)
	if !ok {
		return next
	}
	return func(j *job, msg *message.Message) error {
		ctx := j.t.waiting
		if j.currentDelivery().Signal { // late signals are worth little
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, s.policy.AttemptTimeout)
			defer cancel()
		}
		release, err := admitter.Admit(ctx, j.t.settings().Target)
		if err != nil {
			if j.t.isEnding() {
				return errAbandoned
			}
			return fmt.Errorf("%w: %w", errNotAdmitted, err)
		}
		defer release()
		return next(j, msg)
	}
}

// recoverPanic converts a panic into an error, which uses up one attempt of the delivery.
func (s *sink) recoverPanic(next jobHandler) jobHandler {
	return func(j *job, msg *message.Message) (err error) {
		defer func() {
			if r := recover(); r != nil {
				s.d.cfg.Log.Error("a sink panicked", "transport", s.name, "panic", r, "stack", string(debug.Stack()))
				err = fmt.Errorf("internal error in the %s transport", s.name)
				j.endAttempt(s.d.cfg.Now(), 0, err)
			}
		}()
		return next(j, msg)
	}
}

// routerLog passes on the router's errors; operators do not need the rest.
type routerLog struct{ d *Dispatcher }

func (l routerLog) Error(text string, err error, _ watermill.LogFields) {
	l.d.cfg.Log.Error("dispatch router: "+text, "error", err)
}
func (routerLog) Info(string, watermill.LogFields)  {}
func (routerLog) Debug(string, watermill.LogFields) {}
func (routerLog) Trace(string, watermill.LogFields) {}

// With implements watermill.LoggerAdapter.
func (l routerLog) With(watermill.LogFields) watermill.LoggerAdapter { return l }
