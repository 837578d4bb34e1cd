package amqp

import (
	"cmp"
	"context"
	"errors"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waystation/waystation/transports/broker"
)

// Report is the result of a connection test.
type Report struct {
	Address        string // as it may be shown
	Host           string
	Port           int
	Exchange       string
	ExchangeExists bool // true for the default one
	QueueExists    bool // false when the name differs by session or event
	Took           time.Duration
}

// Test opens a new connection and checks whether the exchange and the queue exist and match the settings, and whether an event of a session may be
// published. It creates nothing: a missing object is no error, since it is declared with the first event. The error is that of a delivery.
func (s *Sink) Test(ctx context.Context, session string) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ConnectTimeout)
	defer cancel()
	began := time.Now()
	at, err := parseURL(s.cfg.URL)
	if err != nil {
		return Report{}, err
	}
	r := Report{Address: broker.Mask(s.cfg.URL), Host: at.Host, Port: at.Port, Exchange: s.cfg.Exchange}
	l, err := dialBroker(ctx, &s.cfg)
	if err == nil {
		asked := make(chan error, 1)
		go func() { asked <- narrowToRoute(s.inspectTopology(l.conn, session, &r)) }() // ends with the connection
		select {
		case err = <-asked:
			l.close()
		case <-ctx.Done():
			l.close()
			err = cmp.Or(ctx.Err(), <-asked)
		}
	}
	_, err = classify(err)
	r.Took = time.Since(began)
	return r, err
}

func (s *Sink) inspectTopology(conn *amqp.Connection, session string, r *Report) (err error) {
	declare, find := exchangeOf(&s.cfg.Settings)
	if r.ExchangeExists, err = checkDeclared(conn, declare, find); err != nil {
		return err
	}
	if q := s.router.queue; !q.Empty() && !q.BySession() && !q.ByEvent() {
		declare, find = queueOf(&s.cfg.Settings, q.Expand("", ""))
		if r.QueueExists, err = checkDeclared(conn, declare, find); err != nil {
			return err
		}
	}
	if !r.ExchangeExists {
		return nil
	}
	to, err := s.router.route(session, "Message")
	if err != nil {
		return err
	}
	return mayPublish(conn, s.cfg.Exchange, to.key)
}

// mayPublish checks whether the user may publish: in a transaction the broker checks the rights immediately, and a rolled back message is not
// delivered.
func mayPublish(conn *amqp.Connection, exchange, key string) error {
	c, err := conn.Channel()
	if err != nil {
		return err
	}
	closed := c.NotifyClose(make(chan *amqp.Error, 1))
	if err = c.Tx(); err == nil {
		err = c.Publish(exchange, key, false, false, amqp.Publishing{})
	}
	if err == nil {
		err = c.TxRollback()
	}
	if errors.Is(err, amqp.ErrClosed) { // the reason arrives at the latest with the end of the connection
		if reason := <-closed; reason != nil {
			return reason
		}
	}
	return err
}

// checkDeclared asks whether something is there, and if so, whether it can be declared as the settings say, which changes
// nothing, or may only be used. A queue of another connection of ours is there.
func checkDeclared(conn *amqp.Connection, declare, find func(c *amqp.Channel) error) (bool, error) {
	c, err := conn.Channel()
	if err != nil {
		return false, err
	}
	if err = find(c); err == nil {
		if err = declare(c); isForbidden(err) {
			err = nil
		}
		return true, err
	}
	var answer *amqp.Error
	if errors.As(err, &answer) {
		switch answer.Code {
		case amqp.NotFound:
			return false, nil
		case amqp.ResourceLocked:
			return true, nil
		}
	}
	return false, err
}
