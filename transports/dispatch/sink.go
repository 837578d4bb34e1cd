package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/waystation/waystation/transports/journal"
)

// Sink delivers events to the targets of one transport. Its methods are called concurrently, but never more than once at a time for one lane (target
// and session), and must return when ctx ends.
type Sink interface {
	// Deliver makes one attempt. code is the response code of the transport (an HTTP status, a broker's reply code), 0 without a response; it is
	// archived.
	//
	// nil means that the target has received the event. Permanent ends the delivery as a dead letter, RetryAfter delays the retry, Unreachable
	// reports that the remote system as a whole does not respond, Refused that it responds but rejects every event of this target; any other error is
	// retried by the policy. ctx ends with the policy's timeout, with the target and with the dispatcher. The text of an error is stored and
	// displayed: no secrets, no bodies, no credentials of a URL.
	Deliver(ctx context.Context, t Target, d *Delivery) (code int, err error)
}

// Batcher is implemented by sinks that accept several events of a lane in one call.
type Batcher interface {
	Sink
	// DeliverAll makes one attempt at consecutive deliveries of a lane. The first taken of them have arrived; err is the reason why the next one has
	// not, classified as in Deliver; the deliveries after that one must not have arrived, or the target would receive the events in another order.
	// Without an error it may deliver fewer than all, but at least one. ctx and code are those of Deliver, for all of them together.
	DeliverAll(ctx context.Context, t Target, all []Delivery) (taken, code int, err error)
}

// DeliverAll attempts all consecutive deliveries if the sink is a Batcher, else the first one.
func DeliverAll(ctx context.Context, s Sink, t Target, all []Delivery) (taken, code int, err error) {
	if batcher, ok := s.(Batcher); ok && len(all) > 1 {
		return batcher.DeliverAll(ctx, t, all)
	}
	if code, err = s.Deliver(ctx, t, &all[0]); err == nil {
		taken = 1
	}
	return taken, code, err
}

// Admitter is implemented by sinks that limit concurrent attempts, per host for example. Admit waits for a free slot and returns a function that
// releases it. Waiting uses no attempt and is not part of an attempt's timeout; ctx ends with the target and the dispatcher.
type Admitter interface {
	Admit(ctx context.Context, t Target) (release func(), err error)
}

// Delivery is an event sent to one target, as seen by one attempt. Neither it nor the values it points to may be changed, or kept after the attempt.
type Delivery struct {
	// Event is the event to send. For a signal, Offset is 0 and ID is empty.
	Event *journal.Event
	// Body is the JSON object that sockets receive for it, on one line.
	Body []byte
	// Signal marks a volatile event: one attempt, no retry, not archived.
	Signal bool
	// Replay marks an event that has already been delivered or given up and is sent again on request.
	Replay bool
	// Attempt counts from 1.
	Attempt int
}

// failure is an error with a class.
type failure struct {
	error
	class class
	after time.Duration
}

// class selects the handling of a failed attempt in the retry middleware.
type class int

const (
	classRetry class = iota
	classRetryAfter
	classUnreachable
	classApart
	classRefused
	classPermanent
	classes // number of classes
)

// classNames are the labels of failure counts.
var classNames = [classes]string{"retry", "retry_after", "unreachable", "unreachable", "refused", "permanent"}

func (f *failure) Unwrap() error { return f.error }

// Permanent marks an error that a retry cannot resolve: the delivery becomes a dead letter immediately.
func Permanent(err error) error { return &failure{err, classPermanent, 0} }

// RetryAfter marks an error with a retry delay requested by the target. The next attempt is made after that time, or the backoff if that is longer,
// but at most Policy.RetryAfterCap later.
func RetryAfter(err error, after time.Duration) error { return &failure{err, classRetryAfter, after} }

// Unreachable marks an error that is independent of the event: the target does not respond (connection refused, no such name, a proxy without its
// server). Such errors trip the target's breaker and, once it is open, use no attempts.
func Unreachable(err error) error { return &failure{err, classUnreachable, 0} }

// UnreachableApart is Unreachable for one target whose key may have other, reachable targets.
func UnreachableApart(err error) error { return &failure{err, classApart, 0} }

// IsUnreachable reports whether an error is marked by Unreachable or UnreachableApart.
func IsUnreachable(err error) bool {
	class, _ := classOf(err)
	return class == classUnreachable || class == classApart
}

// Refused marks an error that an operator has to repair, and that is independent of the event and of other targets of the same key: a right is
// missing, a queue does not exist or has other arguments. The target's events are held immediately, behind a separate breaker, and use no attempts.
func Refused(err error) error { return &failure{err, classRefused, 0} }

func classOf(err error) (class, time.Duration) {
	var f *failure
	if errors.As(err, &f) {
		return f.class, f.after
	}
	return classRetry, 0
}
