package amqp

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waystation/waystation/transports/broker"
)

// link is a connection to the broker, from its greeting to its loss.
type link struct {
	cfg     *Config
	conn    *amqp.Connection
	raw     net.Conn         // below conn
	channel *amqp.Channel    // publishes, with confirms
	alone   *serialPublisher // publishes messages that may have caused the closing of the last channel
	done    chan struct{}    // closed when it is lost
	reason  error            // why, once done is closed
	passed  chan struct{}    // signals that all earlier returns have been marked
	workers sync.WaitGroup

	topology topology

	mu      sync.Mutex
	flights map[string]*pendingPublish // messages on their way, by id
	blocked string                     // why the broker takes no messages; empty = it does
	refused int                        // bytes of the smallest message that was too large for the broker; 0 = none so far
}

// pendingPublish is a message, or several copies of it at the same time, that the broker may return.
type pendingPublish struct {
	count    int
	returned *amqp.Return
}

// dialBroker makes a link. ctx ends the attempt.
func dialBroker(ctx context.Context, cfg *Config) (*link, error) {
	at, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	secure, err := cfg.TLS.Config(at.Host)
	if err != nil {
		return nil, err
	}
	// The client waits for answers as long as anything comes, heartbeats for example: the connection is cut below it.
	opening, cancel := context.WithTimeout(ctx, 2*cfg.ConnectTimeout) // time for the connection and its handshake
	defer cancel()
	var raw net.Conn
	inTime := func() bool { return true }
	conn, err := amqp.DialConfig(cfg.URL, amqp.Config{
		Heartbeat: cfg.Heartbeat, Locale: "en_US", TLSClientConfig: secure,
		Properties: amqp.Table{"product": "waystation", "connection_name": "waystation"},
		Dial: func(network, address string) (_ net.Conn, err error) {
			if raw, err = dialAddress(opening, cfg, network, address); err == nil {
				inTime = context.AfterFunc(opening, func() { _ = raw.Close() })
			}
			return raw, err
		},
	})
	if err != nil {
		inTime()
		return nil, err
	}
	l := &link{cfg: cfg, conn: conn, raw: raw, done: make(chan struct{}), passed: make(chan struct{}), flights: map[string]*pendingPublish{}}
	l.alone = newAlone(l)
	l.topology.link, l.topology.routes, l.topology.queues = l, map[route]*declaration{}, map[string]bool{}
	if l.channel, err = conn.Channel(); err == nil {
		err = l.channel.Confirm(false)
	}
	if !inTime() && err == nil {
		err = opening.Err()
	}
	if err != nil {
		l.hangUp()
		return nil, err
	}
	l.watchClose()
	return l, nil
}

// dialAddress connects, for the length of the handshake with a deadline; the client takes it off after that.
func dialAddress(ctx context.Context, cfg *Config, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout)
	defer cancel()
	dial := cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(cfg.ConnectTimeout)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &deadlineConn{Conn: conn, timeout: cfg.publishTimeout()}, nil
}

// deadlineConn is a connection whose writes end in time: the client waits for ever for a peer that reads nothing.
type deadlineConn struct {
	net.Conn
	timeout time.Duration
}

// Write implements net.Conn.
func (c *deadlineConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// watchClose handles notifications of the broker, until the link is lost.
func (l *link) watchClose() {
	closed := l.conn.NotifyClose(make(chan *amqp.Error, 1))
	channelClosed := l.channel.NotifyClose(make(chan *amqp.Error, 1))
	blocked := l.conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	// Not buffered: a return arrives here before any goroutine sees the confirm of the same message (see settled).
	returns := l.channel.NotifyReturn(make(chan amqp.Return))
	l.workers.Go(func() {
		for {
			select {
			case r, open := <-returns:
				if !open {
					return
				}
				l.markReturned(&r)
			case <-l.passed:
			}
		}
	})
	l.workers.Go(func() {
		for b := range blocked {
			l.mu.Lock()
			l.blocked = ""
			if b.Active {
				l.blocked = b.Reason
			}
			l.mu.Unlock()
		}
	})
	l.workers.Go(func() {
		var reason *amqp.Error
		select {
		case reason = <-closed:
		case reason = <-channelClosed:
		}
		switch {
		case reason == nil:
			l.reason = errLost
		case reason.Server && soft[reason.Code]:
			l.reason = &suspectedError{reason}
		default:
			l.reason = reason
		}
		close(l.done)
		l.hangUp()
	})
}

// closeTimeout is the time for an orderly close.
const closeTimeout = time.Second

// hangUp ends the connection, with a farewell if the broker answers it in time.
func (l *link) hangUp() {
	cut := time.AfterFunc(closeTimeout, func() { _ = l.raw.Close() })
	defer cut.Stop()
	_ = l.conn.CloseDeadline(time.Now().Add(closeTimeout))
}

var errLost = errors.New("the connection to the broker is lost")

// markReturned notes that a message came back.
func (l *link) markReturned(r *amqp.Return) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.flights[r.MessageId]; f != nil {
		f.returned = r
	}
}

func (l *link) takeOff(id string) *pendingPublish {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.flights[id]
	if f == nil {
		f = &pendingPublish{}
		l.flights[id] = f
	}
	f.count++
	return f
}

func (l *link) finishPublish(id string, f *pendingPublish) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.count--; f.count == 0 {
		delete(l.flights, id)
	}
}

// publish sends a message and waits until the broker has confirmed it. The errors are those of classify.
func (l *link) publish(ctx context.Context, exchange, key string, m amqp.Publishing) error {
	f := l.takeOff(m.MessageId)
	defer l.finishPublish(m.MessageId, f)
	confirm, err := l.channel.PublishWithDeferredConfirm(exchange, key, true, false, m)
	if err != nil {
		return err
	}
	select {
	case <-confirm.Done():
	case <-l.done:
		return l.reason
	case <-ctx.Done():
		return ctx.Err()
	}
	if !confirm.Acked() {
		if l.channel.IsClosed() { // all waiting publishes have been notified
			return errLost
		}
		return errRefused
	}
	return l.wasReturned(ctx, f)
}

// wasReturned reports whether a confirmed message was returned as unroutable. The broker returns before it confirms, and the reader of the connection
// passes on a return before it processes the confirm: once the marking goroutine receives here, it has marked that return.
func (l *link) wasReturned(ctx context.Context, f *pendingPublish) error {
	select {
	case l.passed <- struct{}{}:
	case <-l.done:
		return l.reason
	case <-ctx.Done():
		return ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.returned != nil {
		return &unroutable{int(f.returned.ReplyCode)}
	}
	return nil
}

// isUp reports whether the link is not known to be lost.
func (l *link) isUp() bool {
	select {
	case <-l.done:
		return false
	default:
		return true
	}
}

// rejectIfFull is an error while the broker takes no messages.
func (l *link) rejectIfFull() error {
	if reason := l.blockedBy(); reason != "" {
		return broker.NewTrouble(broker.ReasonNotReady, "the broker takes no messages now: "+broker.Clip(reason))
	}
	return nil
}

// blockedBy is why the broker takes no messages now; empty = it does.
func (l *link) blockedBy() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.blocked
}

// clampSize is how many bytes a message may have, of those that the settings allow: a broker has a limit of its own, and the
// connection ends with each message that is over it.
func (l *link) clampSize(most int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refused > 0 {
		most = min(most, l.refused-1)
	}
	return most
}

// learnLimit notes that a message was too large.
func (l *link) learnLimit(size int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refused == 0 || size < l.refused {
		l.refused = size
	}
}

// close ends the connection and waits for all that belongs to it.
func (l *link) close() {
	l.hangUp()
	l.workers.Wait()
	l.topology.close()
	l.alone.close()
}
