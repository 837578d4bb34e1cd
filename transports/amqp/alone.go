package amqp

import (
	"context"
	"errors"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// soft are the codes by which a broker closes a channel because of one thing that was asked over it. The connection stays.
var soft = map[int]bool{
	amqp.ContentTooLarge: true, amqp.AccessRefused: true, amqp.NotFound: true, amqp.ResourceLocked: true, amqp.PreconditionFailed: true,
}

// routeError is a rejection that concerns one route only; the connection stays usable for others.
type routeError struct{ answer *amqp.Error }

func (n *routeError) Error() string { return n.answer.Error() }

// narrowToRoute marks refusals that came over a channel on which nothing else was under way.
func narrowToRoute(err error) error {
	var answer *amqp.Error
	if errors.As(err, &answer) && answer.Server && soft[answer.Code] {
		return &routeError{answer}
	}
	return err
}

// tooLarge reports whether a message was rejected for its size: among the requests that carry a message, RabbitMQ returns this code for no other
// reason that this sink can cause.
func tooLarge(err error) bool {
	var one *routeError
	return errors.As(err, &one) && (one.answer.Code == amqp.PreconditionFailed || one.answer.Code == amqp.ContentTooLarge)
}

// outsize says that a message was refused for its size, and that it goes by reference next time.
type outsize struct{ error }

func isOversized(err error) bool {
	var o *outsize
	return errors.As(err, &o)
}

// suspectedError says that the broker closed the channel that all share because of one of the messages under way, and does not
// say of which.
type suspectedError struct{ answer *amqp.Error }

func (a *suspectedError) Error() string { return a.answer.Error() }
func (a *suspectedError) Unwrap() error { return a.answer }

func isSuspect(err error) bool {
	var a *suspectedError
	return errors.As(err, &a)
}

// unconfirmed are the routes of messages that were under way when the broker refused one of them. Theirs go alone until one
// was taken, so that a session without a right to its routing key costs the others one reconnect and no more.
type unconfirmed struct {
	mu   sync.Mutex
	most int
	set  map[route]bool
}

func (s *unconfirmed) add(r route) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set == nil || len(s.set) >= s.most {
		s.set = map[route]bool{}
	}
	s.set[r] = true
}

func (s *unconfirmed) has(r route) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set[r]
}

func (s *unconfirmed) clear(r route) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.set, r)
}

// serialPublisher is a channel with one message under way at a time, so that a refusal is that message's.
type serialPublisher struct {
	link *link
	turn chan struct{} // of one
	// Guarded by turn.
	channel *amqp.Channel
	returns chan amqp.Return
	closed  chan *amqp.Error
}

func newAlone(l *link) *serialPublisher {
	return &serialPublisher{link: l, turn: make(chan struct{}, 1)}
}

// close waits for the running publish, which ends with the connection, and prevents further ones.
func (a *serialPublisher) close() { a.turn <- struct{}{} }

// publish sends a message and waits until the broker has confirmed it. The errors are those of classify.
func (a *serialPublisher) publish(ctx context.Context, exchange, key string, m amqp.Publishing) error {
	select {
	case a.turn <- struct{}{}:
	case <-a.link.done:
		return errLost
	case <-ctx.Done():
		return ctx.Err()
	}
	done := make(chan error, 1)
	// On a goroutine of its own, because the client waits for answers without a deadline; it ends with the connection.
	go func() {
		defer func() { <-a.turn }()
		done <- narrowToRoute(a.sendConfirmed(exchange, key, m))
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *serialPublisher) sendConfirmed(exchange, key string, m amqp.Publishing) (err error) {
	if a.channel == nil || a.channel.IsClosed() {
		if err = a.openChannel(); err != nil {
			return err
		}
	}
	confirm, err := a.channel.PublishWithDeferredConfirm(exchange, key, true, false, m)
	if err == nil {
		<-confirm.Done() // also when the channel closes
		if confirm.Acked() {
			return a.checkReturned()
		}
	}
	select {
	case reason := <-a.closed: // noticed before the waiting confirms
		if reason != nil {
			return reason
		}
		return errLost
	default:
	}
	if err == nil {
		err = errRefused
	}
	return err
}

func (a *serialPublisher) openChannel() (err error) {
	if a.channel, err = a.link.conn.Channel(); err != nil {
		return err
	}
	a.returns = a.channel.NotifyReturn(make(chan amqp.Return, 1))
	a.closed = a.channel.NotifyClose(make(chan *amqp.Error, 1))
	return a.channel.Confirm(false)
}

// checkReturned reports whether the confirmed message was returned, which the broker does before it confirms.
func (a *serialPublisher) checkReturned() error {
	select {
	case r, open := <-a.returns:
		if open {
			return &unroutable{int(r.ReplyCode)}
		}
	default:
	}
	return nil
}

// lossReason returns why a link is lost, for callers that find a channel closed before the loss was noticed.
func (l *link) lossReason(ctx context.Context) error {
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case <-l.done:
		return l.reason
	case <-timer.C:
		return errLost
	case <-ctx.Done():
		return ctx.Err()
	}
}
