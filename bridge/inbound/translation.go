package inbound

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/naming"
	"github.com/waystation/waystation/bridge/signal"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
)

// Translation is one event on its way to the journal.
type Translation struct {
	service   *Service
	cli       *whatsmeow.Client
	ctx       context.Context
	settings  Settings
	records   []journal.Record
	signals   []journal.Signal
	after     []func() // run once the records are committed
	insist    time.Duration
	known     map[types.JID]wa.Person // pairs of addresses in the event
	lids      store.LIDStore          // resolves addresses without a client
	requestID string                  // of a request that the event ends
	message   signal.Message          // the message of this event; nothing follows it when whatsmeow handles the message
}

// Last returns the record that was added last, for the caller to complete.
func (t *Translation) Last() *journal.Record { return &t.records[len(t.records)-1] }

// Len returns the number of records.
func (t *Translation) Len() int { return len(t.records) }

// AppendOnce commits the records in one attempt and returns the result of each. Committed must be called after it.
func (t *Translation) AppendOnce() ([]journal.Result, error) {
	return t.service.shared.Journal.Append(t.ctx, t.service.id, t.records...)
}

// Committed starts what waited for the commit of the records.
func (t *Translation) Committed() {
	for _, then := range t.after {
		then()
	}
}

// later runs fn in a goroutine once the records are committed: a session's reaction to an event must not delay the
// following events.
func (t *Translation) later(limit time.Duration, fn func(context.Context)) {
	conn := t.service.conn
	t.after = append(t.after, func() {
		conn.Spawn(func() {
			ctx, cancel := context.WithTimeout(conn.Context(), limit)
			defer cancel()
			fn(ctx)
		})
	})
}

// fields is the data of an event before encoding.
type fields = naming.Fields

// Emit adds a durable event. key is its dedupe key; empty = none.
func (t *Translation) Emit(name string, at time.Time, key string, chats []string, data any) error {
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
func (t *Translation) signal(name string, at time.Time, chats []string, data any) error {
	if err := t.name(data); err != nil {
		return fmt.Errorf("name %s: %w", name, err)
	}
	raw, err := t.encode(data)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	t.signals = append(t.signals, journal.Signal{Session: t.service.id, Type: name, Time: eventTime(at), Chats: wa.ValidChats(chats), Data: raw})
	return nil
}

// name rewrites the addresses in the data of an event.
func (t *Translation) name(data any) error {
	names := naming.New(t.ctx, t.addressBook(), t.known)
	if err := names.Apply(data); err != nil {
		return err
	}
	joined, err := names.FillKeys(t.service.shared.Keys, t.service.owner)
	if err != nil {
		return err
	}
	for _, j := range joined {
		if err := t.emitAlias(j.Person, j.Alias); err != nil {
			return err
		}
	}
	return nil
}

// project attaches a row write to the last record, executed in the record's transaction.
func (t *Translation) project(fn func(context.Context) error) {
	last := &t.records[len(t.records)-1]
	if before := last.Project; before != nil {
		last.Project = func(ctx context.Context) error { return errors.Join(before(ctx), fn(ctx)) }
		return
	}
	last.Project = fn
}

// answer lets note store, in the transaction of the last record, that an automatic answer may be needed; nil = none is.
func (t *Translation) answer(note func(context.Context) error) {
	if note != nil {
		t.project(note)
		t.after = append(t.after, t.service.conn.WakeAutomation)
	}
}

// eventTime returns WhatsApp's time of an event, or the present time if there is none.
func eventTime(at time.Time) time.Time {
	if at.IsZero() || at.Unix() == 0 || !wa.HasForm(at) {
		return time.Now().UTC()
	}
	return at.UTC()
}
