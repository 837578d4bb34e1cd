package dispatch

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// A message has the id, the body and the metadata of its delivery, and ParseMetadata returns them in their types.
func TestNewMessage(t *testing.T) {
	for _, c := range []struct {
		d    Delivery
		want Metadata
	}{
		{Delivery{Event: &journal.Event{Session: "s", Offset: 12345, ID: "id", Type: "Message"}, Attempt: 3}, Metadata{"s", 12345, "Message", "own/s", 3, false}},
		{Delivery{Event: &journal.Event{Session: "s", Type: "Typing"}, Signal: true, Attempt: 1}, Metadata{"s", 0, "Typing", "own/s", 1, false}},
		{Delivery{Event: &journal.Event{Session: "s", Offset: 1, ID: "id", Type: "Message"}, Replay: true, Attempt: 1}, Metadata{"s", 1, "Message", "own/s", 1, true}},
	} {
		c.d.Body = []byte(`{"n":1}`)
		msg := NewMessage(Target{ID: "own/s"}, &c.d)
		if msg.UUID != c.d.Event.ID || string(msg.Payload) != `{"n":1}` {
			t.Errorf("%s %s", msg.UUID, msg.Payload)
		}
		if got, err := ParseMetadata(msg); err != nil || got != c.want {
			t.Errorf("%+v, %v, want %+v", got, err, c.want)
		}
	}
}

func TestParseMetadataRejects(t *testing.T) {
	for key, values := range map[string][]string{
		MetadataSession: {""}, MetadataType: {""}, MetadataTarget: {""}, MetadataOffset: {"", "-1", "x", "99999999999999999999"}, MetadataAttempt: {"", "x"},
	} {
		for _, value := range values {
			msg := NewMessage(Target{ID: "t"}, &Delivery{Event: &journal.Event{Session: "s", Type: "Message"}})
			msg.Metadata.Set(key, value)
			if got, err := ParseMetadata(msg); !errors.Is(err, ErrMetadata) || got != (Metadata{}) {
				t.Errorf("%s=%q: %+v, %v", key, value, got, err)
			}
		}
	}
}

// Every attempt runs with a message of its own delivery: in a window, after a failure inside it, for retries, replays and signals.
func TestMessageOfEachAttempt(t *testing.T) {
	w := openWorld(t, openDatabase(t, filepath.Join(t.TempDir(), "d.db")), Config{})
	var mu sync.Mutex
	failed := map[uint64]bool{}
	var sink *sinkWithMessages
	sink = &sinkWithMessages{recorder: recorder{answer: func(_ context.Context, target Target, d *Delivery) (int, error) {
		msg := sink.find(d)
		want := Metadata{d.Event.Session, d.Event.Offset, d.Event.Type, target.ID, d.Attempt, d.Replay}
		if got, err := ParseMetadata(msg); err != nil || got != want {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
		if msg.UUID != d.Event.ID || string(msg.Payload) != string(d.Body) {
			t.Errorf("offset %d: %s %s", d.Event.Offset, msg.UUID, msg.Payload)
		}
		mu.Lock()
		defer mu.Unlock()
		if d.Event.Offset%7 == 0 && !failed[d.Event.Offset] {
			failed[d.Event.Offset] = true
			return 0, errors.New("once")
		}
		return 0, nil
	}}}
	w.addSink(sink, Policy{WindowShare: 1, BackoffBase: 1})
	sink.source = w.lookupSink("test").source
	target := allEvents("a")
	target.Filter.Signals = true
	w.putTargets(target)
	w.appendEvents("a", "Message", 100)
	sink.awaitAttempts(t, 114)
	testkit.Eventually(t, "the entries", func() bool { return len(w.listEntries(Query{Limit: 1000})) == 100 })
	if _, err := w.Replay(t.Context(), Replay{Query: Query{IDs: []int64{w.listEntries(Query{Limit: 1})[0].ID}}}); err != nil {
		t.Fatal(err)
	}
	w.journal.Signal(journal.Signal{Session: "a", Type: "Typing", Data: []byte(`{}`)})
	attempts := sink.awaitAttempts(t, 116)
	if kinds := fmt.Sprint(attempts[114].replay || attempts[115].replay, attempts[114].signal || attempts[115].signal); kinds != "true true" {
		t.Errorf("a replay and a signal: %s", kinds)
	}
	testkit.Eventually(t, "the end of all messages", func() bool { return sink.messages() == 0 })
}

// sinkWithMessages finds the messages in progress at its source.
type sinkWithMessages struct {
	recorder
	source *source
}

func (s *sinkWithMessages) find(d *Delivery) *message.Message {
	s.source.mu.Lock()
	defer s.source.mu.Unlock()
	for msg, j := range s.source.jobs {
		j.mu.Lock()
		found := !j.isOver() && j.currentDelivery() == d
		j.mu.Unlock()
		if found {
			return msg
		}
	}
	return &message.Message{}
}

func (s *sinkWithMessages) messages() int {
	s.source.mu.Lock()
	defer s.source.mu.Unlock()
	return len(s.source.jobs)
}
