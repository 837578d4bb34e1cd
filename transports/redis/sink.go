package redis

import (
	"cmp"
	"context"
	"errors"
	"strconv"
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
	gatherer        broker.Gatherer[*entry]
	meter           broker.Meter
}

var _ dispatch.Sink = (*Sink)(nil)

// entry is an event as it is written.
type entry struct {
	stream, channel string // empty = not there
	fields          []any
	payload         []byte
}

// Open makes a sink without connecting: a Redis that is away is no error, events wait for it. The error is that of
// Config.Validate or names a file of Config.TLS. End the sink with Close, after the dispatcher.
func Open(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	s := &Sink{cfg: cfg}
	// They were validated.
	s.stream, _ = broker.ParsePattern(cfg.Stream)
	s.channel, _ = broker.ParsePattern(cfg.Channel)
	at, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	if s.client, err = connect(at, &s.cfg); err != nil {
		return nil, err
	}
	s.gatherer = broker.Gatherer[*entry]{
		Run: s.write, Size: func(e *entry) int { return len(e.payload) },
		MaxItems: cfg.Pipeline, MaxBytes: cfg.Bytes, Parallel: cfg.Pipelines,
	}
	return s, nil
}

// Close ends the connections, after what is under way.
func (s *Sink) Close() error {
	s.gatherer.Close()
	return s.client.Close()
}

// Stats tells how the sink does.
func (s *Sink) Stats() broker.Figures { return s.meter.Figures() }

// Deliver implements dispatch.Sink. There are no codes.
func (s *Sink) Deliver(ctx context.Context, _ dispatch.Target, d *dispatch.Delivery) (int, error) {
	e := d.Event
	payload, truncated := broker.Payload(d, s.cfg.MaxBytes)
	item := &entry{payload: payload, stream: s.stream.Expand(e.Session, e.Type), channel: s.channel.Expand(e.Session, e.Type)}
	if item.stream != "" {
		item.fields = []any{
			"id", e.ID, "session", e.Session, "offset", strconv.FormatUint(e.Offset, 10), "type", e.Type,
			"time", broker.Time(e.Time), "payload", payload,
		}
		if d.Replay {
			item.fields = append(item.fields, "replay", "true")
		}
	}
	err, away := classify(s.gatherer.Do(ctx, item))
	s.meter.Attempted(ctx, truncated, err, away)
	return 0, err
}

// write sends entries in one pipeline and returns the error of each.
func (s *Sink) write(batch []*entry) []error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Timeout)
	defer cancel()
	pipe := s.client.Pipeline()
	added := make([]*redis.StringCmd, len(batch))
	published := make([]*redis.Cmd, len(batch))
	for i, e := range batch {
		if e.stream != "" {
			added[i] = pipe.XAdd(ctx, &redis.XAddArgs{Stream: e.stream, MaxLen: max(s.cfg.MaxLen, 0), Approx: true, Values: e.fields})
		}
		if e.channel != "" {
			published[i] = pipe.Do(ctx, "PUBLISH", e.channel, e.payload)
		}
	}
	_, failed := pipe.Exec(ctx)
	errs := make([]error, len(batch))
	for i := range batch {
		if cmd := added[i]; cmd != nil {
			errs[i] = outcome(cmd.Err(), cmd.Val() != "", failed)
		}
		if cmd := published[i]; cmd != nil && errs[i] == nil {
			errs[i] = outcome(cmd.Err(), cmd.Val() != nil, failed)
		}
	}
	return errs
}

var errNoAnswer = errors.New("redis did not answer")

// outcome is how a command of a pipeline went: well only if there is an answer. go-redis leaves the commands of a pipeline
// without error when its connection was refused while it logged in.
func outcome(err error, answered bool, failed error) error {
	if err != nil || answered {
		return err
	}
	return cmp.Or(failed, errNoAnswer)
}

// Report is what a test of the connection found.
type Report struct {
	Address string // as it may be shown
	Took    time.Duration
}

// Test connects and asks whether events would be taken: it sends a PING and, with streams, an entry that any Redis refuses
// for its id, but only after it checked the user's rights, its memory and whether it takes writes. Nothing is written.
func (s *Sink) Test(ctx context.Context) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	began := time.Now()
	err := s.client.Ping(ctx).Err()
	if err == nil && !s.stream.Empty() {
		err = s.client.XAdd(ctx, &redis.XAddArgs{Stream: s.stream.Expand("test", "Test"), ID: "0-0", Values: []any{"test", ""}}).Err()
		if redis.HasErrorPrefix(err, "The ID specified in XADD must be greater than 0-0") {
			err = nil
		}
	}
	classified, away := classify(err)
	s.meter.Checked(classified, away)
	return Report{broker.Mask(s.cfg.URL), time.Since(began)}, classified
}
