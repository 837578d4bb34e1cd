package inbound

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
)

// TestFailedCommit checks that nothing of an event is kept if its records are not committed: the event can be delivered
// again.
func TestFailedCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.refusals, w.reachout = 1, map[string]any{"active": true}
	if err := w.events.Record(w.cli, received(fromAda, "M1", text("hello"))); !errors.Is(err, errRefused) {
		t.Errorf("the error is %v", err)
	}
	if _, err := w.Messages.Message(t.Context(), "owner", messages.Address{JID: ada.String()}, "M1"); !errors.Is(err, messages.ErrNotFound) {
		t.Errorf("the message of a failed commit: %v", err)
	}
	w.refusals = 1
	if err := w.events.Record(w.cli, &events.NotifyAccountReachoutTimelock{IsActive: true}); !errors.Is(err, errRefused) {
		t.Errorf("the error is %v", err)
	}
	if slices.Contains(w.calls, "timelock recorded") {
		t.Error("a reaction ran although its event was not committed")
	}
	if got := w.record(received(fromAda, "M1", text("hello"))); !strings.HasPrefix(got, "Message\n") {
		t.Errorf("the repeated event: %q", got)
	}
	w.stored(ada, "M1")
}

// TestAnswersOfPhonesAreRetried checks that the answer to a request for a missing message, which is acknowledged
// regardless of the result, is appended again after a failure, until the bridge ends.
func TestAnswersOfPhonesAreRetried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answer := received(fromAda, "M1", text("late"))
	answer.UnavailableRequestID = "R1"
	w.refusals = 2
	if got := w.record(answer); !strings.Contains(got, "resolved = true") {
		t.Errorf("after two failures: %q", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tr := &Translation{service: w.events, cli: w.cli, ctx: ctx, insist: insistFor, records: []journal.Record{{Type: "Message"}}}
	w.refusals = 100
	if err := tr.Append(); !errors.Is(err, errRefused) || !errors.Is(err, context.Canceled) {
		t.Errorf("at the end of the bridge: %v", err)
	}
	if w.refusals < 98 {
		t.Errorf("%d attempts after the end of the bridge", 100-w.refusals)
	}
}

// TestRepeatedMessage checks that a message that arrives twice is one event and one row.
func TestRepeatedMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	again := fromAda
	again.Chat, again.Sender, again.SenderAlt = ada, ada, types.EmptyJID // under the other address
	for _, source := range []types.MessageSource{fromAda, again} {
		if err := w.events.Record(w.cli, received(source, "M1", text("hello"))); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.records) != 1 {
		t.Errorf("%d events of one message", len(w.records))
	}
}

// TestUnknownEvents checks that an event without a translator is neither an error nor a record.
func TestUnknownEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, evt := range []any{&events.ManualLoginReconnect{}, struct{}{}, "text"} {
		checkText(t, w.record(evt), "")
	}
}

// TestProjectionsRunInOrder checks that several writes of one record run one after the other, and that an error of any
// of them fails the commit.
func TestProjectionsRunInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var order []int
	broken := errors.New("broken")
	fill := func(results ...error) *Translation {
		tr := w.events.New(t.Context(), w.cli)
		if err := tr.Emit("Pin", at, "", nil, fields{}); err != nil {
			t.Fatal(err)
		}
		for i, err := range results {
			tr.project(func(context.Context) error {
				order = append(order, i)
				return err
			})
		}
		return tr
	}
	if err := fill(nil, nil, nil).Append(); err != nil || !slices.Equal(order, []int{0, 1, 2}) {
		t.Errorf("order %v: %v", order, err)
	}
	if err := fill(nil, broken).Append(); !errors.Is(err, broken) {
		t.Errorf("a failed projection: %v", err)
	}
}

// TestOwnTranslations checks the translations that operations fill: with the client of a connection, with the keys of
// the device, and without keys.
func TestOwnTranslations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, cli := range map[string]bool{"client": true, "keys": false} {
		tr := w.events.New(t.Context(), w.cli)
		if !cli {
			tr = w.events.New(t.Context(), nil)
		}
		if p, err := tr.Person(adaLID); err != nil || p.PN != ada || p.LID != adaLID {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if err := tr.Emit("Message", at, "k-"+name, []string{ada.String()}, fields{"sender": adaLID.String()}); err != nil {
			t.Fatal(err)
		}
		tr.Last().Origin = journal.OriginAPI
		results, err := tr.AppendOnce()
		if err != nil || len(results) != 1 || results[0].Duplicate || tr.Len() != 1 {
			t.Errorf("%s: %+v, %v", name, results, err)
		}
		ran := false
		tr.after = append(tr.after, func() { ran = true })
		if tr.Committed(); !ran {
			t.Errorf("%s: the reaction did not run", name)
		}
	}
	w.Keys = nil
	if p, err := w.events.New(t.Context(), nil).Person(adaLID); err != nil || !p.PN.IsEmpty() || p.LID != adaLID {
		t.Errorf("without keys: %+v, %v", p, err)
	}
}

// TestPairsAreLearned checks that an event with both addresses of a person stores the pair, and that two keys of one
// person are merged with an Alias event before the event itself.
func TestPairsAreLearned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	carol := types.NewJID("15550000004", types.DefaultUserServer)
	w.record(&events.Presence{From: carolLID})
	w.record(&events.UserAbout{JID: carol, Timestamp: at}) // another key, because the pair is not known
	got := w.record(&events.ChatPresence{MessageSource: types.MessageSource{Chat: carolLID, Sender: carolLID, SenderAlt: carol}})
	checkText(t, got, `
		Alias
		  chats: 15550000004@s.whatsapp.net 100000000000004@lid
		    contact_key = "100000000000004@lid"
		    lid = "100000000000004@lid"
		    pn = "15550000004@s.whatsapp.net"
		    replaced_contact_key = "15550000004@s.whatsapp.net"
		ChatPresence
		  chats: 15550000004@s.whatsapp.net 100000000000004@lid
		  volatile: true
		    chat = "15550000004@s.whatsapp.net"
		    chat_key = "100000000000004@lid"
		    chat_lid = "100000000000004@lid"
		    chat_pn = "15550000004@s.whatsapp.net"
		    contact_key = "100000000000004@lid"
		    is_group = false
		    lid = "100000000000004@lid"
		    pn = "15550000004@s.whatsapp.net"
		    sender = "15550000004@s.whatsapp.net"
		    state = ""
	`)
	if pn, err := w.Keys.LIDs.GetPNForLID(t.Context(), carolLID); err != nil || pn != carol {
		t.Errorf("the stored number is %s, %v", pn, err)
	}
}

// TestNameResult checks that results of operations name chats and people as events do.
func TestNameResult(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	result := struct {
		Chat string `json:"chat"`
		wa.ChatNames
		Sender string `json:"sender"`
		wa.PersonNames
	}{Chat: adaLID.String(), Sender: bob.String()}
	w.events.NameResult(t.Context(), &result)
	if result.Chat != ada.String() || *result.ChatPN != ada.String() || *result.ChatLID != adaLID.String() || result.ChatKey == "" {
		t.Errorf("chat: %+v", result)
	}
	if result.Sender != bob.String() || *result.PN != bob.String() || result.LID != nil || *result.ContactKey != bob.String() {
		t.Errorf("sender: %+v", result)
	}
	w.events.NameResult(t.Context(), nil)
	number := 7
	if w.events.NameResult(t.Context(), &number); number != 7 || len(w.records) > 0 {
		t.Errorf("a result without addresses: %d, %d records", number, len(w.records))
	}
}
