package wa

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/transports/journal"
)

type embedded struct{ Inner time.Time }

// TestDataWithoutAJSONFormIsReplaced checks times and numbers that JSON cannot represent, at each place that data of events may have.
func TestDataWithoutAJSONFormIsReplaced(t *testing.T) {
	late, good := time.Unix(1<<40, 0), time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	type data struct {
		embedded
		At       time.Time
		Maybe    *time.Time
		Kept     *time.Time
		Number   float64
		MaybeNum *float64
		List     []time.Time
		Array    [1]float32
		Map      map[string]any
		Any      any
		Nested   *struct{ At *time.Time }
		Raw      []byte
		hidden   float64
	}
	infinite := math.Inf(1)
	in := data{
		embedded: embedded{late}, At: late, Maybe: &late, Kept: &good, Number: math.NaN(), MaybeNum: &infinite, List: []time.Time{good, late}, Array: [1]float32{float32(infinite)},
		Map: map[string]any{"at": late, "n": infinite, "text": "x", "nil": nil}, Any: late, Nested: &struct{ At *time.Time }{&late}, Raw: []byte{1}, hidden: infinite,
	}
	began := time.Now().Truncate(time.Second)
	raw, err := MarshalData(in)
	if err != nil {
		t.Fatal(err)
	}
	var out data
	if err = json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	if out.Maybe != nil || out.MaybeNum != nil || out.Nested.At != nil || out.Number != 0 || out.Array[0] != 0 || !out.Kept.Equal(good) || !out.List[0].Equal(good) || string(out.Raw) != "\x01" || out.Map["n"] != 0.0 || out.Map["text"] != "x" {
		t.Errorf("%s", raw)
	}
	for name, at := range map[string]any{"field": out.At, "embedded": out.Inner, "list": out.List[1], "map": out.Map["at"], "any": out.Any} {
		text := fmt.Sprint(at)
		if parsed, ok := at.(time.Time); ok {
			text = parsed.Format(time.RFC3339)
		}
		if got, err := time.Parse(time.RFC3339, text); err != nil || got.Before(began) || got.After(time.Now()) {
			t.Errorf("%s: %s is not the present", name, text)
		}
	}
	if raw, err = MarshalData(&data{At: good}); err != nil || !strings.Contains(string(raw), "2026-05-01T10:00:00Z") {
		t.Errorf("data with a form: %s, %v", raw, err)
	}
	if _, err = MarshalData(struct{ Bad chan int }{}); err == nil {
		t.Error("a channel has a form")
	}
}

func TestStanzaTimesAreRepaired(t *testing.T) {
	for given, kept := range map[string]bool{"0": true, "1700000000": true, "253402300799": true, "x": true, "": true, "253402300800": false, "-1": false, "99999999999999999999": false} {
		n := &waBinary.Node{Attrs: waBinary.Attrs{"t": given}}
		before := time.Now().Unix()
		RepairStanzaTime(n)
		got, _ := n.Attrs["t"].(string)
		at, err := strconv.ParseInt(got, 10, 64)
		if kept && got != given || !kept && (err != nil || at < before || at > time.Now().Unix()) {
			t.Errorf("%q became %q", given, got)
		}
	}
	for _, attrs := range []waBinary.Attrs{nil, {}, {"t": int64(-1)}} {
		n := &waBinary.Node{Attrs: attrs}
		if RepairStanzaTime(n); len(n.Attrs) != len(attrs) {
			t.Errorf("%v became %v", attrs, n.Attrs)
		}
	}
}

func TestHasForm(t *testing.T) {
	for year, want := range map[int]bool{-1: false, 0: true, 2026: true, 9999: true, 10000: false} {
		at := time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)
		if _, err := json.Marshal(at); HasForm(at) != want || (err == nil) != want {
			t.Errorf("year %d: %v, encoded with %v", year, HasForm(at), err)
		}
	}
	// The year in UTC counts, which encoding/json writes after the bridge has converted times.
	if eve := time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200)); HasForm(eve) {
		t.Errorf("%v has a form in UTC", eve.UTC())
	}
}

func TestValidChats(t *testing.T) {
	good := []string{"a", strings.Repeat("b", 512), "ü"}
	if got := ValidChats(good); &got[0] != &good[0] || len(got) != 3 {
		t.Errorf("valid addresses became %q", got)
	}
	mixed := []string{"a", "", "b", "c\x00", "d\n", strings.Repeat("e", 513), "\xff", "f"}
	before := slices.Clone(mixed)
	if got := ValidChats(mixed); !slices.Equal(got, []string{"a", "b", "f"}) || !slices.Equal(mixed, before) {
		t.Errorf("%q of %q", got, mixed)
	}
	if got := ValidChats(nil); len(got) != 0 {
		t.Errorf("none became %q", got)
	}
}

func TestRecordsThatAreNeverRecorded(t *testing.T) {
	for err, want := range map[error]bool{journal.ErrInvalid: true, journal.ErrTooLarge: true, BadParam("x", "y"): false} {
		if NeverRecorded(fmt.Errorf("append: %w", err)) != want {
			t.Errorf("%v: %v", err, !want)
		}
	}
	if NeverRecorded(nil) {
		t.Error("a success is never recorded")
	}
}

func TestTextsOfPeersAreCleaned(t *testing.T) {
	for in, want := range map[string]string{"": "", "ü": "ü", "a\x00b": "a\ufffdb", "a\xffb": "a\ufffdb", "\x00\xff": "\ufffd\ufffd"} {
		if got := CleanText(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	dirty := "a\x00b"
	m := &waE2E.Message{
		Conversation:   &dirty,
		ContactMessage: &waE2E.ContactMessage{DisplayName: proto.String("ok"), Vcard: proto.String(dirty)},
		ExtendedTextMessage: &waE2E.ExtendedTextMessage{ContextInfo: &waE2E.ContextInfo{
			MentionedJID: []string{"ok", dirty}, GroupMentions: []*waE2E.GroupMention{{GroupSubject: proto.String(dirty)}},
		}},
	}
	raw, err := ProtoJSON(m)
	if err != nil || strings.Contains(string(raw), `\u0000`) || strings.Count(string(raw), "\ufffd") != 4 {
		t.Errorf("%s, %v", raw, err)
	}
	if m.GetConversation() != "a\ufffdb" || m.GetContactMessage().GetDisplayName() != "ok" || m.GetExtendedTextMessage().GetContextInfo().GetMentionedJID()[1] != "a\ufffdb" {
		t.Errorf("the message itself: %v", m)
	}
	if raw, err = ProtoJSON(nil); raw != nil || err != nil {
		t.Errorf("no message: %s, %v", raw, err)
	}
	for range MaxRawDepth {
		m = &waE2E.Message{EphemeralMessage: &waE2E.FutureProofMessage{Message: m}}
	}
	if raw, err = ProtoJSON(m); raw != nil || err != nil {
		t.Errorf("a deep message: %.50s, %v", raw, err)
	}
}

func TestDepthOfJSON(t *testing.T) {
	for raw, depth := range map[string]int{`1`: 0, `"{[{["`: 0, `"\"{[{["`: 0, `{}`: 1, `[1,[2],{"a":[3]}]`: 3, `{"a":"\\","b":{}}`: 2, `[[],[],[]]`: 2} {
		if DeeperThan([]byte(raw), depth) || depth > 0 && !DeeperThan([]byte(raw), depth-1) {
			t.Errorf("%s is not %d levels deep", raw, depth)
		}
	}
}

func TestJSONObject(t *testing.T) {
	for in, want := range map[string]string{`{"a" : [1 ]}`: `{"a":[1]}`, ` { } `: `{}`, `null`: `null`} {
		var o JSONObject
		if err := json.Unmarshal([]byte(in), &o); err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if raw, err := json.Marshal(o); err != nil || string(raw) != want {
			t.Errorf("%s became %s, %v", in, raw, err)
		}
	}
	for _, in := range []string{`[]`, `"{}"`, `1`, `true`} {
		if err := json.Unmarshal([]byte(in), new(JSONObject)); err == nil || !strings.Contains(err.Error(), "must be an object") {
			t.Errorf("%s: %v", in, err)
		}
	}
	for _, in := range []string{``, `{`, `{"a":}`} {
		if err := new(JSONObject).UnmarshalJSON([]byte(in)); err == nil {
			t.Errorf("%q was accepted", in)
		}
	}
	if JSONObject(nil).JSONSchema()["type"] != "object" {
		t.Error("the schema is not that of an object")
	}
}
