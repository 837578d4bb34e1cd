package inbound

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/waystation/waystation/bridge/message"
)

// TestLargeEventsAreShortened checks what an event loses that exceeds the limit: the raw part first, then large members,
// then the ends of texts and lists.
func TestLargeEventsAreShortened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.events.shared.DataLimit = 2000
	encode := func(data any) map[string]any {
		t.Helper()
		raw, err := w.events.New(t.Context(), w.cli).encode(data)
		if err != nil {
			t.Fatal(err)
		}
		if len(raw) > 2000 {
			t.Errorf("%d bytes", len(raw))
		}
		var out map[string]any
		if err := json.Unmarshal(raw, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	long := strings.Repeat("é", 3000)
	quoted, _ := json.Marshal(long)

	small := encode(fields{"raw": json.RawMessage(`{"a":1}`), "text": "short"})
	if small["truncated"] != nil || small["raw"] == nil || small["text"] != "short" {
		t.Errorf("within the limit: %v", small)
	}
	short := "short"
	event := &message.EventData{Raw: quoted, Message: message.Message{MessageID: "M1", Text: &short}}
	if got := encode(event); got["raw"] != nil || got["raw_truncated"] != true || got["truncated"] != nil || got["text"] != "short" {
		t.Errorf("with a large raw part: %v", got)
	}
	event = &message.EventData{Raw: quoted, Message: message.Message{MessageID: "M1", Text: &long}}
	got := encode(event)
	text, _ := got["text"].(string)
	if got["truncated"] != true || got["raw_truncated"] != true || got["message_id"] != "M1" || !strings.HasPrefix(long, text) || len(text) < 500 || !utf8.ValidString(text) {
		t.Errorf("with a large text: %v", got)
	}
	for _, key := range []string{"raw", "value", "group_info"} {
		if got := encode(fields{key: json.RawMessage(quoted), "text": "short"}); got[key] != nil || got[key+"_truncated"] != true || got["truncated"] != nil {
			t.Errorf("with a large %s: %v", key, got)
		}
	}
	list := make([]string, 1000)
	for i := range list {
		list[i] = "member"
	}
	got = encode(fields{"list": list, "nested": map[string]any{"text": long}, "number": 7})
	kept, _ := got["list"].([]any)
	if got["truncated"] != true || len(kept) == 0 || len(kept) >= 1000 || got["number"] != 7.0 {
		t.Errorf("with a long list: %v", got)
	}
}

// TestHugeKeys checks an object that stays too large when its texts are empty.
func TestHugeKeys(t *testing.T) {
	t.Parallel()
	raw, err := shorten(json.RawMessage(`{"`+strings.Repeat("k", 200)+`":1}`), 100)
	if err != nil || string(raw) != `{"truncated":true}` {
		t.Errorf("%s, %v", raw, err)
	}
	if _, err := shorten(json.RawMessage(`[]`), 100); err == nil {
		t.Error("a list was shortened as an object")
	}
}

// TestTimesOfEvents checks that an event without a usable time has the present time.
func TestTimesOfEvents(t *testing.T) {
	t.Parallel()
	for name, given := range map[string]time.Time{
		"zero": {}, "epoch": time.Unix(0, 0), "year 20000": time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		if got := eventTime(given); time.Since(got) > time.Minute || got.Location() != time.UTC {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := eventTime(at.In(time.FixedZone("east", 3600))); !got.Equal(at) || got.Location() != time.UTC {
		t.Errorf("a time in another zone: %s", got)
	}
	if got := millis(0); !got.IsZero() {
		t.Errorf("no milliseconds: %s", got)
	}
}
