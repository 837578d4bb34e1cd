package redis

import (
	"cmp"
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// entry is an event as it is written.
type entry struct {
	stream, channel string // empty = not there
	fields          []any
	payload         []byte
	id              string
	truncated       bool
	half            bool // it is in the stream, and the channel did not take it
}

// run is consecutive entries of one lane. Several are written in a transaction: a server that takes no writes at the moment
// then refuses all of them, and not some in the middle.
type run struct {
	lane    laneKey
	entries []entry
	bytes   int

	// How it went, with the error of the gatherer.
	taken int // entries that were written
	at    int // the entry that the error is of; those before it and after taken were not written because of it
}

// add puts an entry at the end.
func (r *run) add(e entry) {
	r.entries = append(r.entries, e)
	r.bytes += len(e.payload)
}

// commands are those of a run in a pipeline.
type commands struct {
	of          []entryCommands
	multi, exec *redis.Cmd // around them; nil = they are no transaction
}

type entryCommands struct {
	added     *redis.StringCmd
	published *redis.Cmd
}

// writeRuns sends runs in one pipeline and returns the error of each.
func (s *Sink) writeRuns(batch []*run) []error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Timeout)
	defer cancel()
	pipe := s.client.Pipeline()
	sent := make([]commands, len(batch))
	for i, r := range batch {
		sent[i] = s.queueRun(ctx, pipe, r)
	}
	copied := s.requireReplicas(ctx, pipe)
	_, failed := pipe.Exec(ctx)
	errs := make([]error, len(batch))
	for i, r := range batch {
		if sent[i].ranSeparately() {
			s.apart.Store(true)
		}
		errs[i] = r.outcome(&sent[i], failed)
		if err := copied(); err != nil && errs[i] == nil {
			r.taken, r.at, errs[i] = 0, 0, err
		}
	}
	return errs
}

func (s *Sink) queueRun(ctx context.Context, pipe redis.Pipeliner, r *run) commands {
	c := commands{of: make([]entryCommands, len(r.entries))}
	if len(r.entries) > 1 {
		c.multi = pipe.Do(ctx, "MULTI")
	}
	for i := range r.entries {
		e := &r.entries[i]
		if e.stream != "" {
			c.of[i].added = pipe.XAdd(ctx, &redis.XAddArgs{Stream: e.stream, MaxLen: max(s.cfg.MaxLen, 0), Approx: true, Values: e.fields})
		}
		if e.channel != "" {
			c.of[i].published = pipe.Do(ctx, "PUBLISH", e.channel, e.payload)
		}
	}
	if len(r.entries) > 1 {
		c.exec = pipe.Do(ctx, "EXEC")
	}
	return c
}

var errNoAnswer = errors.New("redis did not answer")

// ranSeparately reports whether Redis rejected the transaction because the user lacks the right to it, and executed each command separately.
func (c *commands) ranSeparately() bool {
	var refused redis.Error
	return c.multi != nil && errors.As(c.multi.Err(), &refused) && !networkError(refused)
}

// outcome notes how a run went and returns its error. failed is that of the pipeline as a whole: go-redis leaves its
// commands without error when the connection was refused while it logged in.
func (r *run) outcome(c *commands, failed error) error {
	done := c.exec == nil || c.ranSeparately()
	for i := range c.of {
		if err := c.of[i].wasRefused(failed); err != nil {
			r.at = i
			r.entries[i].half = r.entries[i].half || done && c.of[i].wasEntered()
			return err
		}
		if done {
			r.taken++
		}
	}
	if done {
		return nil
	}
	results, err := c.exec.Slice()
	if err != nil {
		return err
	}
	for i := range c.of {
		n := c.of[i].storedCount()
		if len(results) < n {
			return errNoAnswer
		}
		for _, result := range results[:n] {
			if err, is := result.(error); is {
				r.at = i
				return err
			}
		}
		results = results[n:]
		r.taken++
	}
	return nil
}

// storedCount is how many commands an entry is.
func (c *entryCommands) storedCount() (n int) {
	if c.added != nil {
		n++
	}
	if c.published != nil {
		n++
	}
	return n
}

// wasEntered reports whether the entry is in its stream, if it was sent there separately.
func (c *entryCommands) wasEntered() bool {
	return c.added != nil && c.added.Err() == nil && c.added.Val() != ""
}

// wasRefused is why a command of the entry was not taken, or not queued for the transaction.
func (c *entryCommands) wasRefused(failed error) error {
	if c.added != nil && (c.added.Err() != nil || c.added.Val() == "") {
		return cmp.Or(c.added.Err(), failed, errNoAnswer)
	}
	if c.published != nil && (c.published.Err() != nil || c.published.Val() == nil) {
		return cmp.Or(c.published.Err(), failed, errNoAnswer)
	}
	return nil
}
