package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/signal"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
)

// handle processes an event from whatsmeow. Its result decides whether WhatsApp gets an acknowledgement: it returns
// true only after the records of the event are committed. A panic counts as a failure here, because whatsmeow would
// count it as success.
func (s *Session) handle(cli *whatsmeow.Client, evt any) (ok bool) {
	if !s.b.gate.enter() {
		return false
	}
	defer s.b.gate.leave()
	defer func() {
		if cause := recover(); cause != nil {
			ok = false
			s.log().Error("an event handler panicked", "event", fmt.Sprintf("%T", evt), "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			s.redeliver(cli)
		}
	}()
	if !s.work.enter() { // the session is deleted
		return false
	}
	defer s.work.leave()
	if s.lifeCycle(cli, evt) {
		return true
	}
	if err := s.record(cli, evt); wa.NeverRecorded(err) {
		s.log().Error("an event that can never be recorded was dropped", "event", fmt.Sprintf("%T", evt), "error", err)
	} else if err != nil {
		s.log().Error("an event could not be recorded; WhatsApp will deliver it again", "event", fmt.Sprintf("%T", evt), "error", err)
		s.redeliver(cli)
		return false
	}
	if _, done := evt.(*events.OfflineSyncCompleted); done {
		s.deliveredAll(cli)
	}
	return true
}

// record translates an event and commits the resulting records.
func (s *Session) record(cli *whatsmeow.Client, evt any) error {
	t := &translation{s: s, cli: cli, ctx: s.b.ctx, settings: s.Settings()}
	if e, ok := evt.(*events.Message); ok {
		t.message = signal.Message{ID: e.Info.ID, Sender: e.Info.Sender}
	}
	translate := s.b.translators[reflect.TypeOf(evt)]
	if translate == nil {
		t.unknown(evt)
	} else if err := translate(t, evt); err != nil {
		return err
	}
	for _, signal := range t.signals {
		s.b.journal.Signal(signal)
	}
	if len(t.records) > 0 {
		if err := t.append(); err != nil {
			return err
		}
	}
	for _, then := range t.after {
		then()
	}
	return nil
}

// append commits the records. whatsmeow acknowledges the answer to a request for a missing message regardless of the
// handler's result, so that append retries such an answer for longer.
func (t *translation) append() error {
	deadline := time.Now().Add(t.insist)
	for pause := appendRetryMin; ; pause = min(2*pause, appendRetryMax) {
		err := t.commit()
		if err == nil || time.Now().Add(pause).After(deadline) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-t.ctx.Done():
			return errors.Join(err, t.ctx.Err())
		}
	}
}

// commit appends the records and stores, in the same transaction, the changes made by decrypting their message.
func (t *translation) commit() (err error) {
	var taken atomic.Bool // set by the committer
	d := signal.DecryptionsOf(t.cli)
	records := t.records
	if d != nil {
		if u := d.Claim(t.message); u != nil {
			records = slices.Clone(records)
			project := records[0].Project
			records[0].Project = func(ctx context.Context) error {
				taken.Store(true)
				if err := d.Write(ctx, u); err != nil || project == nil {
					return err
				}
				return project(ctx)
			}
			// A duplicate is not projected; its unit stays pending.
			defer func() { d.Release(err == nil && taken.Load()) }()
		}
	}
	_, err = t.s.b.journal.Append(t.ctx, t.s.id, records...)
	return err
}

const (
	appendRetryMin = 50 * time.Millisecond
	appendRetryMax = 5 * time.Second
	// insistFor bounds the retries for an event that would not be redelivered. It is below the five minutes after which
	// whatsmeow stops waiting.
	insistFor = 2 * time.Minute
)

// translation is one event on its way to the journal.
type translation struct {
	s        *Session
	cli      *whatsmeow.Client
	ctx      context.Context
	settings Settings
	records  []journal.Record
	signals  []journal.Signal
	after    []func() // run once the records are committed
	insist   time.Duration
	known    map[types.JID]wa.Person // pairs of addresses in the event
	lids     store.LIDStore          // resolves addresses without a client
	message  signal.Message          // the message of this event; nothing follows it when whatsmeow handles the message
}

// later runs fn in a goroutine once the records are committed: a session's reaction to an event must not delay the
// following events.
func (t *translation) later(limit time.Duration, fn func(context.Context)) {
	b := t.s.b
	t.after = append(t.after, func() {
		b.spawn(func() {
			ctx, cancel := context.WithTimeout(b.ctx, limit)
			defer cancel()
			fn(ctx)
		})
	})
}

// allTranslators returns one function per whatsmeow event. Each family of events has a file.
func allTranslators() map[reflect.Type]translator {
	return gather(
		messageFamily, receiptFamily, presenceFamily, groupFamily, contactFamily, appStateFamily, accountFamily,
		callFamily, newsletterFamily, syncFamily, connectionFamily,
	)
}

type translator func(*translation, any) error

type family []struct {
	event reflect.Type
	fn    translator
}

func on[T any](fn func(*translation, *T) error) struct {
	event reflect.Type
	fn    translator
} {
	return struct {
		event reflect.Type
		fn    translator
	}{reflect.TypeFor[*T](), func(t *translation, evt any) error { return fn(t, evt.(*T)) }}
}

func gather(families ...family) map[reflect.Type]translator {
	all := make(map[reflect.Type]translator)
	for _, members := range families {
		for _, m := range members {
			if all[m.event] != nil {
				panic("bridge: two translators for " + m.event.String())
			}
			all[m.event] = m.fn
		}
	}
	return all
}

// fields is the data of an event before encoding.
type fields map[string]any

// emit adds a durable event. key is its dedupe key; empty = none.
func (t *translation) emit(name string, at time.Time, key string, chats []string, data any) error {
	if err := t.name(data); err != nil {
		return fmt.Errorf("name %s: %w", name, err)
	}
	raw, err := t.encode(data)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	t.records = append(t.records, journal.Record{
		Type: name, Origin: journal.OriginWhatsApp, Time: eventTime(at), Chats: wa.ValidChats(chats), Key: key, Data: raw,
	})
	return nil
}

// signal adds a volatile event.
func (t *translation) signal(name string, at time.Time, chats []string, data any) error {
	if err := t.name(data); err != nil {
		return fmt.Errorf("name %s: %w", name, err)
	}
	raw, err := t.encode(data)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	t.signals = append(t.signals, journal.Signal{Session: t.s.id, Type: name, Time: eventTime(at), Chats: wa.ValidChats(chats), Data: raw})
	return nil
}

// project attaches a row write to the last record, executed in the record's transaction.
func (t *translation) project(fn func(context.Context) error) {
	last := &t.records[len(t.records)-1]
	if before := last.Project; before != nil {
		last.Project = func(ctx context.Context) error { return errors.Join(before(ctx), fn(ctx)) }
		return
	}
	last.Project = fn
}

// rawHolder is event data with a part that may be omitted when the data is too large.
type rawHolder interface {
	dropRaw()
}

// encode encodes data within the limit. It removes the raw part first; if the data is still too large, it shortens
// texts and marks the event as truncated.
func (t *translation) encode(data any) (json.RawMessage, error) {
	limit := t.s.b.cfg.EventDataLimit
	raw, err := wa.MarshalData(data)
	if err != nil || len(raw) <= limit {
		return raw, err
	}
	if holder, ok := data.(rawHolder); ok {
		holder.dropRaw()
		if raw, err = wa.MarshalData(data); err != nil || len(raw) <= limit {
			return raw, err
		}
	}
	if f, ok := data.(fields); ok {
		for _, key := range []string{"raw", "value", "group_info"} {
			if f[key] == nil {
				continue
			}
			f[key], f[key+"_truncated"] = nil, true
			if raw, err = wa.MarshalData(f); err != nil || len(raw) <= limit {
				return raw, err
			}
		}
	}
	return shorten(raw, limit)
}

// shorten cuts the long texts and lists of an object so that its JSON fits the limit. It searches the greatest length
// of a text, in bytes, that fits; shorter texts stay whole.
func shorten(raw json.RawMessage, limit int) (json.RawMessage, error) {
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, err
	}
	object["truncated"] = true
	var fitting json.RawMessage
	low, high := 0, limit // the greatest length known to fit, the least known not to fit
	for low+1 < high {
		keep := (low + high) / 2
		out, err := json.Marshal(cutTexts(object, keep))
		if err != nil {
			return nil, err
		}
		if len(out) <= limit {
			low, fitting = keep, out
		} else {
			high = keep
		}
	}
	if fitting == nil {
		return json.Marshal(fields{"truncated": true})
	}
	return fitting, nil
}

// cutTexts returns a copy of a value whose texts have at most keep bytes, cut between characters, and whose lists have
// at most keep members.
func cutTexts(value any, keep int) any {
	switch v := value.(type) {
	case string:
		if len(v) > keep {
			for keep > 0 && !utf8.RuneStart(v[keep]) {
				keep--
			}
			return v[:keep]
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, inner := range v {
			out[key] = cutTexts(inner, keep)
		}
		return out
	case []any:
		out := make([]any, min(len(v), keep))
		for i := range out {
			out[i] = cutTexts(v[i], keep)
		}
		return out
	}
	return value
}

// eventTime returns WhatsApp's time of an event, or the present time if there is none.
func eventTime(at time.Time) time.Time {
	if at.IsZero() || at.Unix() == 0 || !wa.HasForm(at) {
		return time.Now().UTC()
	}
	return at.UTC()
}

// unknown logs, at level debug, the type of a whatsmeow event without a translator.
func (t *translation) unknown(evt any) {
	kind := reflect.TypeOf(evt)
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	t.s.log().Debug("an event has no translation", "event", kind.Name())
}
