package amqp

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waystation/waystation/transports/broker"
)

// route is how an event goes through the exchange.
type route struct {
	queue, key     string // queue is empty if no queue is declared
	session, event string // of the headers that a queue is bound to; empty = not by them
}

// topology tracks the declarations made over a link.
type topology struct {
	link    *link
	workers sync.WaitGroup

	mu     sync.Mutex
	routes map[route]*declaration
	queues map[string]bool
	closed bool // nothing is declared any more

	turn     sync.Mutex    // one declares at a time
	channel  *amqp.Channel // the broker closes it with each refusal
	exchange bool          // declared
}

// declaration is that of a route, under way or done.
type declaration struct {
	done chan struct{}
	err  error
}

// ensureRoute declares the objects of a route, unless they are known to exist.
func (t *topology) ensureRoute(ctx context.Context, r route) error {
	d := t.declaration(r)
	select {
	case <-d.done:
		return d.err
	case <-t.link.done:
		return t.link.reason
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *topology) declaration(r route) *declaration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d := t.routes[r]; d != nil {
		return d
	}
	if t.closed {
		d := &declaration{done: make(chan struct{}), err: errLost}
		close(d.done)
		return d
	}
	if len(t.routes) >= t.link.cfg.MaxRoutes {
		clear(t.routes)
		clear(t.queues)
	}
	d := &declaration{done: make(chan struct{})}
	t.routes[r] = d
	// On a goroutine of its own, because the client waits for the broker's answer without a deadline.
	t.workers.Go(func() {
		d.err = t.declareRoute(r)
		t.mu.Lock()
		switch {
		case t.routes[r] != d: // forgotten meanwhile
		case d.err != nil:
			delete(t.routes, r) // the next event tries again
		case r.queue != "":
			t.queues[r.queue] = true
		}
		t.mu.Unlock()
		close(d.done)
	})
	return d
}

// close waits for declarations, which end with the connection.
func (t *topology) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.workers.Wait()
}

// forgetRoute makes the next event of a route declare it once more.
func (t *topology) forgetRoute(r route) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.routes, r)
	delete(t.queues, r.queue)
}

// openChannel lists the queues that were declared, sorted.
func (t *topology) openChannel() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.queues))
}

func (t *topology) declareRoute(r route) (err error) {
	t.turn.Lock()
	defer t.turn.Unlock()
	if t.channel == nil || t.channel.IsClosed() {
		if t.channel, err = t.link.conn.Channel(); err != nil {
			return err
		}
	}
	defer func() {
		if err = narrowToRoute(err); err != nil {
			t.exchange = false // it may have been deleted
		}
	}()
	cfg := t.link.cfg
	if !t.exchange {
		if err := t.declareOrFind(exchangeOf(&cfg.Settings)); err != nil {
			return err
		}
		t.exchange = true
	}
	if r.queue == "" {
		return nil
	}
	if err := t.declareOrFind(queueOf(&cfg.Settings, r.queue)); err != nil || cfg.Exchange == "" {
		return err
	}
	return t.channel.QueueBind(r.queue, r.key, cfg.Exchange, false, bindingArguments(cfg.ExchangeType, r))
}

// isPredefined reports whether an exchange exists on every broker.
func isPredefined(exchange string) bool {
	return exchange == "" || strings.HasPrefix(exchange, reserved)
}

// declareOrFind declares something, or takes it as it is when the user may not declare it and it is there.
func (t *topology) declareOrFind(declare, find func(c *amqp.Channel) error) error {
	err := declare(t.channel)
	if !isForbidden(err) {
		return err
	}
	var openErr error
	if t.channel, openErr = t.link.conn.Channel(); openErr != nil { // a refusal closes it
		return openErr
	}
	if find(t.channel) != nil {
		return err
	}
	return nil
}

// isForbidden reports whether the user lacks a right.
func isForbidden(err error) bool {
	var answer *amqp.Error
	return errors.As(err, &answer) && answer.Code == amqp.AccessRefused
}

// exchangeOf declares the exchange, and looks whether there is one of its name.
func exchangeOf(s *Settings) (declare, find func(c *amqp.Channel) error) {
	if isPredefined(s.Exchange) {
		there := func(*amqp.Channel) error { return nil }
		return there, there
	}
	declare = func(c *amqp.Channel) error {
		args, err := toTable(s.ExchangeArguments)
		if err != nil {
			return err
		}
		return c.ExchangeDeclare(s.Exchange, s.ExchangeType, s.Durable, s.AutoDelete, false, false, args)
	}
	return declare, func(c *amqp.Channel) error {
		return c.ExchangeDeclarePassive(s.Exchange, s.ExchangeType, s.Durable, s.AutoDelete, false, false, nil)
	}
}

// queueOf declares a queue, and looks whether there is one of its name.
func queueOf(s *Settings, name string) (declare, find func(c *amqp.Channel) error) {
	declare = func(c *amqp.Channel) error {
		args, err := queueArguments(s)
		if err != nil {
			return err
		}
		_, err = c.QueueDeclare(name, s.Durable, s.AutoDelete, s.Exclusive, false, args)
		return err
	}
	return declare, func(c *amqp.Channel) error {
		_, err := c.QueueDeclarePassive(name, s.Durable, s.AutoDelete, s.Exclusive, false, nil)
		return err
	}
}

// queueArguments are the fields that have the form of an argument, and those set by hand.
func queueArguments(s *Settings) (amqp.Table, error) {
	args, err := toTable(s.QueueArguments)
	if err != nil {
		return nil, err
	}
	set := func(name string, value any, given bool) {
		if _, byHand := args[name]; given && !byHand {
			args[name] = value
		}
	}
	set(amqp.QueueTypeArg, s.QueueType, s.QueueType != "classic") // brokers default to classic
	set("x-dead-letter-exchange", s.DeadLetterExchange, s.DeadLetterExchange != "")
	set("x-dead-letter-routing-key", s.DeadLetterRoutingKey, s.DeadLetterRoutingKey != "")
	ttl := int64(math.Round(s.MessageTTL * 1000))
	set(amqp.QueueMessageTTLArg, ttl, ttl > 0)
	set(amqp.QueueMaxLenArg, s.MaxLength, s.MaxLength > 0)
	set(amqp.QueueMaxLenBytesArg, s.MaxLengthBytes, s.MaxLengthBytes > 0)
	return args, nil
}

func bindingArguments(exchangeType string, r route) amqp.Table {
	if exchangeType != "headers" {
		return nil
	}
	args := amqp.Table{"x-match": "all"}
	if r.session != "" {
		args["session"] = r.session
	}
	if r.event != "" {
		args["type"] = r.event
	}
	return args
}

// router makes routes of events.
type router struct {
	queue, key broker.Pattern
	direct     bool // through the default exchange, whose keys are the names of queues
	headers    bool
}

func newRouter(s *Settings) (router, error) {
	queue, err := broker.ParsePattern(s.Queue)
	key, keyErr := broker.ParsePattern(s.RoutingKey)
	return router{queue, key, s.Exchange == "", s.ExchangeType == "headers"}, cmp.Or(err, keyErr)
}

func (r *router) route(session, event string) (route, error) {
	to := route{queue: r.queue.Expand(session, event), key: r.key.Expand(session, event)}
	if r.direct {
		to.key = to.queue
	}
	if len(to.queue) > maxName || len(to.key) > maxName {
		return route{}, errLongName
	}
	if r.headers && r.queue.BySession() {
		to.session = session
	}
	if r.headers && r.queue.ByEvent() {
		to.event = event
	}
	return to, nil
}
