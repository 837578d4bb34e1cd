package redis

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/dispatch"
)

// Transport is the name of this kind of sink among the transports.
const Transport = "redis"

// Sink delivers to one Redis, for any number of sessions. Its methods may be called concurrently.
type Sink struct {
	cfg             Config
	client          redis.UniversalClient
	stream, channel broker.Pattern
	apart           atomic.Bool // entries of a lane go one by one: in a cluster, where they may be of several servers, and without transactions
	gatherer        broker.Gatherer[*run]
	meter           broker.Meter
	halves          pendingHalves
}

var _ dispatch.Batcher = (*Sink)(nil)

// Open makes a sink without connecting: a Redis that is away is no error, events wait for it. The error is that of
// Config.Validate or names a file of Config.TLS. End the sink with Close, after the dispatcher.
func Open(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	s := &Sink{cfg: cfg, halves: pendingHalves{most: cfg.MaxHalves}}
	// They were validated.
	s.stream, _ = broker.ParsePattern(cfg.Stream)
	s.channel, _ = broker.ParsePattern(cfg.Channel)
	at, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	if s.client, err = newClient(at, &s.cfg); err != nil {
		return nil, err
	}
	s.apart.Store(at.form == cluster)
	s.gatherer = broker.Gatherer[*run]{
		Run: s.writeRuns, Size: func(r *run) (items, bytes int) { return len(r.entries), r.bytes },
		MaxItems: cfg.Pipeline, MaxBytes: cfg.Bytes, Parallel: cfg.Pipelines,
	}
	return s, nil
}

// Close ends the connections, after the running requests.
func (s *Sink) Close() error {
	s.gatherer.Close()
	return s.client.Close()
}

// Stats returns the state and counts of the sink.
func (s *Sink) Stats() broker.Figures { return s.meter.Figures() }

// Deliver implements dispatch.Sink. There are no codes.
func (s *Sink) Deliver(ctx context.Context, t dispatch.Target, d *dispatch.Delivery) (int, error) {
	r := &run{lane: laneOf(t, d)}
	r.add(s.newEntry(r.lane, d))
	_, _, err := s.sendRun(ctx, r)
	return 0, err
}

// DeliverAll implements dispatch.Batcher.
func (s *Sink) DeliverAll(ctx context.Context, t dispatch.Target, all []dispatch.Delivery) (taken, code int, err error) {
	if s.apart.Load() {
		all = all[:1]
	}
	r := &run{lane: laneOf(t, &all[0]), entries: make([]entry, 0, len(all))}
	for i := range all {
		if r.add(s.newEntry(r.lane, &all[i])); r.bytes >= s.cfg.Bytes {
			break
		}
	}
	taken, at, err := s.sendRun(ctx, r)
	if err == nil || at == taken {
		return taken, 0, err
	}
	// Redis would not take one in the middle, which kept the others out.
	if taken, _, beforeErr := s.sendRun(ctx, &run{lane: r.lane, entries: r.entries[:at]}); beforeErr != nil {
		return taken, 0, beforeErr
	}
	return at, 0, err
}

// newEntry returns the stream entry of an event.
func (s *Sink) newEntry(lane laneKey, d *dispatch.Delivery) (e entry) {
	ev := d.Event
	e.id = ev.ID
	e.stream, e.channel = s.stream.Expand(ev.Session, ev.Type), s.channel.Expand(ev.Session, ev.Type)
	e.payload, e.truncated = broker.Payload(d, s.cfg.MaxBytes)
	if e.channel != "" && s.halves.has(lane, e.id) {
		e.stream, e.half = "", true
	}
	if e.stream != "" {
		e.fields = []any{
			"id", ev.ID, "session", ev.Session, "offset", strconv.FormatUint(ev.Offset, 10), "type", ev.Type,
			"time", broker.Time(ev.Time), "payload", e.payload,
		}
		if d.Replay {
			e.fields = append(e.fields, "replay", "true")
		}
	}
	return e
}

// sendRun writes a run and returns how many of its entries were stored, and which one was not, and why.
func (s *Sink) sendRun(ctx context.Context, r *run) (taken, at int, err error) {
	err = s.classify(s.gatherer.Do(ctx, r))
	if err == nil || ctx.Err() == nil { // else it may be on its way still, and nothing is known
		taken, at = r.taken, r.at
		if !s.channel.Empty() {
			s.halves.record(r.lane, r.entries[at].id, err != nil && r.entries[at].half)
		}
	}
	for i := range taken {
		s.meter.Attempted(ctx, r.entries[i].truncated, nil)
	}
	if err != nil {
		s.meter.Attempted(ctx, false, err)
	}
	return taken, at, err
}

// Report is the result of a connection test.
type Report struct {
	Address string // as it may be shown
	Took    time.Duration
}

// Test connects and asks whether events of a session would be taken: it sends a PING and, with streams, an entry that any
// Redis refuses for its id, but only after it checked the user's rights, its memory and whether it takes writes. Nothing is
// written or published.
func (s *Sink) Test(ctx context.Context, session string) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	began := time.Now()
	err := s.client.Ping(ctx).Err()
	if err == nil && !s.stream.Empty() {
		err = s.client.XAdd(ctx, &redis.XAddArgs{Stream: s.stream.Expand(session, "Message"), ID: "0-0", Values: []any{"test", ""}}).Err()
		if redis.HasErrorPrefix(err, "The ID specified in XADD must be greater than 0-0") {
			err = nil
		}
	}
	if err == nil && !s.channel.Empty() {
		err = s.mayPublish(ctx, s.channel.Expand(session, "Message"))
	}
	err = s.classify(err)
	s.meter.Checked(err)
	return Report{broker.Mask(s.cfg.URL), time.Since(began)}, err
}

// mayPublish checks whether the user has the right to a channel: a transaction rejects commands that the user may not run, and is discarded. It uses
// a separate connection, which ends with it. For a user without transactions the right stays unknown.
func (s *Sink) mayPublish(ctx context.Context, channel string) error {
	var client *redis.Client
	switch of := s.client.(type) {
	case *redis.Client:
		client = of
	case *redis.ClusterClient:
		node, err := of.MasterForKey(ctx, channel)
		if err != nil {
			return err
		}
		client = node
	}
	options := *client.Options()
	options.PoolSize = 1
	own := redis.NewClient(&options)
	defer own.Close()
	conn := own.Conn()
	defer conn.Close()
	err := conn.Do(ctx, "MULTI").Err()
	if redis.HasErrorPrefix(err, "NOPERM") {
		return nil
	}
	if err == nil {
		err = conn.Do(ctx, "PUBLISH", channel, "").Err()
	}
	if err == nil {
		err = conn.Do(ctx, "DISCARD").Err()
	}
	return err
}
