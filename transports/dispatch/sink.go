package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/waystation/waystation/transports/journal"
)

// Sink hands events to the targets of one transport. Its methods are called concurrently, for one lane (target and
// session) never more than once at a time, and must return when ctx ends.
type Sink interface {
	// Deliver makes one attempt. code is what the other side answered in the transport's own numbers (an HTTP status, a
	// broker's reply code), 0 when there was none; it is kept in the archive.
	//
	// nil means that the target has the event. Permanent ends the delivery as a dead letter, RetryAfter tries again not
	// before its time, Unreachable says that the other side as a whole is away, Refused that it is there and takes nothing
	// of this target; any other error is tried again by the policy.
	// ctx ends with the policy's timeout, with the target and with the dispatcher. The text of an error is kept and
	// shown: no secrets, no bodies, no credentials of a URL.
	Deliver(ctx context.Context, t Target, d *Delivery) (code int, err error)
}

// Batcher is implemented by sinks that take several events of a lane in one go.
type Batcher interface {
	Sink
	// DeliverAll makes one attempt at consecutive deliveries of a lane. The first taken of them have arrived; err is why the
	// next one has not, classed as those of Deliver; what comes after that one must not have arrived, or the target would
	// see the events in another order. Without an error it may take fewer than it got, but one at least. ctx and code are
	// those of Deliver, for all of them together.
	DeliverAll(ctx context.Context, t Target, all []Delivery) (taken, code int, err error)
}

// DeliverAll makes an attempt at all of consecutive deliveries if the sink is a Batcher, else at the first one.
func DeliverAll(ctx context.Context, s Sink, t Target, all []Delivery) (taken, code int, err error) {
	if batcher, ok := s.(Batcher); ok && len(all) > 1 {
		return batcher.DeliverAll(ctx, t, all)
	}
	if code, err = s.Deliver(ctx, t, &all[0]); err == nil {
		taken = 1
	}
	return taken, code, err
}

// Admitter is implemented by sinks that allow only so many attempts at a time, per host for example. Admit waits until
// there is room for one and returns what gives the room back. Waiting costs the delivery no attempt and is not part of
// an attempt's timeout; ctx ends with the target and the dispatcher.
type Admitter interface {
	Admit(ctx context.Context, t Target) (release func(), err error)
}

// Delivery is an event on its way to one target, as one attempt sees it. Neither it nor what it points to may be changed
// or kept after the attempt.
type Delivery struct {
	// Event is what happened. Of a signal Offset is 0 and ID is empty.
	Event *journal.Event
	// Body is the JSON object that sockets get for it, on one line.
	Body []byte
	// Signal says that it is volatile: one attempt, no retry, no trace in the archive.
	Signal bool
	// Replay says that it was delivered or given up before and is sent once more because somebody asked for it.
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

// class says how the retry middleware goes on after a failed attempt.
type class int

const (
	classRetry class = iota
	classRetryAfter
	classUnreachable
	classApart
	classRefused
	classPermanent
	classes // how many there are
)

// classNames are what failures are counted by.
var classNames = [classes]string{"retry", "retry_after", "unreachable", "unreachable", "refused", "permanent"}

func (f *failure) Unwrap() error { return f.error }

// Permanent marks an error that no further attempt would change: the delivery becomes a dead letter at once.
func Permanent(err error) error { return &failure{err, classPermanent, 0} }

// RetryAfter marks an error whose sender said when to come again. The next attempt is made after that time, or the
// backoff if that is longer, but at most Policy.RetryAfterCap later.
func RetryAfter(err error, after time.Duration) error { return &failure{err, classRetryAfter, after} }

// Unreachable marks an error that says nothing about the event: nobody answers there (connection refused, no such name,
// a proxy without its server). Such errors trip the target's breaker and, once it is open, cost no attempts.
func Unreachable(err error) error { return &failure{err, classUnreachable, 0} }

// UnreachableApart is Unreachable for one target, where others of its key may be served by somebody who is there.
func UnreachableApart(err error) error { return &failure{err, classApart, 0} }

// IsUnreachable tells whether an error is marked by Unreachable or UnreachableApart.
func IsUnreachable(err error) bool {
	class, _ := classOf(err)
	return class == classUnreachable || class == classApart
}

// Refused marks an error that an operator mends, and that says nothing about the event nor about other targets of the same
// key: a right is missing, a queue is not there or has other arguments. The target's events are held at once, behind a
// breaker of its own, and cost no attempts.
func Refused(err error) error { return &failure{err, classRefused, 0} }

func classOf(err error) (class, time.Duration) {
	var f *failure
	if errors.As(err, &f) {
		return f.class, f.after
	}
	return classRetry, 0
}
