package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// maxNameBytes limits session names, types, origins and chats: far above real values, below a size that would burden an index.
const maxNameBytes = 512

// operation is one Append, or one function that must not run during a commit.
type operation struct {
	ctx     context.Context
	session string
	entries []entry
	bytes   int                             // of the entries' data
	run     func(ctx context.Context) error // instead of entries

	done    chan struct{}
	err     error    // set before done
	results []Result // set before done, when err is nil
}

// entry is a checked record.
type entry struct {
	record Record
	keyed  bool
	hash   keyHash
}

func newOperation(ctx context.Context, session string) *operation {
	return &operation{ctx: ctx, session: session, done: make(chan struct{})}
}

func (op *operation) finish(err error) {
	op.err = err
	close(op.done)
}

// setRecords validates records: a record that cannot be stored or encoded is rejected before it can fail a batch.
func (op *operation) setRecords(records []Record, cfg *Config) error {
	if err := checkSession(op.session); err != nil {
		return err
	}
	if len(records) > cfg.MaxBatchRecords {
		return fmt.Errorf("%w: %d records in one append, at most %d", ErrTooLarge, len(records), cfg.MaxBatchRecords)
	}
	op.entries = make([]entry, len(records))
	for i := range records {
		e := &op.entries[i]
		e.record = records[i]
		if err := e.validate(cfg); err != nil {
			return err
		}
		op.bytes += len(e.record.Data)
	}
	return nil
}

func checkSession(session string) error {
	if session == "" {
		return fmt.Errorf("%w: no session", ErrInvalid)
	}
	return checkName("session", session)
}

func checkName(what, name string) error {
	if len(name) > maxNameBytes {
		return fmt.Errorf("%w: %s of %d bytes, at most %d", ErrInvalid, what, len(name), maxNameBytes)
	}
	if !utf8.ValidString(name) || strings.ContainsAny(name, "\x00\n") {
		return fmt.Errorf("%w: %s is not one line of text", ErrInvalid, what)
	}
	return nil
}

func (e *entry) validate(cfg *Config) error {
	r := &e.record
	if r.Type == "" {
		return fmt.Errorf("%w: no type", ErrInvalid)
	}
	if r.Origin == "" {
		r.Origin = OriginServer
	}
	if err := checkName("type", r.Type); err != nil {
		return err
	}
	if err := checkName("origin", r.Origin); err != nil {
		return err
	}
	for _, chat := range r.Chats {
		if err := checkName("chat", chat); err != nil || chat == "" {
			return fmt.Errorf("%w: empty or malformed chat of a %s event", ErrInvalid, r.Type)
		}
	}
	r.Time = eventTime(r.Time, cfg.Now)
	if r.Key != "" {
		sum := sha256.Sum256([]byte(r.Key))
		e.keyed, e.hash = true, keyHash(sum[:len(keyHash{})])
	}
	return e.checkData(cfg)
}

func (e *entry) checkData(cfg *Config) error {
	r := &e.record
	if len(r.Data) == 0 {
		r.Data = json.RawMessage("{}")
	}
	if len(r.Data) > cfg.MaxData {
		return fmt.Errorf("%w: data of a %s event has %d bytes, at most %d", ErrTooLarge, r.Type, len(r.Data), cfg.MaxData)
	}
	if !utf8.Valid(r.Data) || !json.Valid(r.Data) {
		return fmt.Errorf("%w: data of a %s event is not JSON", ErrInvalid, r.Type)
	}
	// A line feed in valid JSON is white space between tokens. Transports rely on a
	// body being one line.
	if bytes.IndexByte(r.Data, '\n') >= 0 || bytes.IndexByte(r.Data, '\r') >= 0 {
		var line bytes.Buffer
		if err := json.Compact(&line, r.Data); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		r.Data = line.Bytes()
	}
	return nil
}

// eventTime rounds times to the stored resolution. Peers can send any number as a time; one that has no RFC 3339 form is replaced.
func eventTime(t time.Time, now func() time.Time) time.Time {
	if y := t.UTC().Year(); y < 1970 || y > 9999 {
		t = now()
	}
	return t.UTC().Truncate(time.Millisecond)
}
