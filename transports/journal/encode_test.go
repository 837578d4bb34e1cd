package journal

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestBodyIsOneLineOfJSON(t *testing.T) {
	j := open(t, nil, Config{})
	r := Record{Type: "Mess\"age\\é\u2028", Data: json.RawMessage("{\n\t\"a\": \"\\n <&>\",\r\n \"b\": [1, 2]}")}
	e := appendOne(t, j, `s"1\<`, r).Event
	if bytes.ContainsAny(e.Body(), "\n\r") {
		t.Errorf("line feed in %s", e.Body())
	}
	var got struct {
		Session, Type, Origin string
		Data                  struct{ A string }
	}
	if err := json.Unmarshal(e.Body(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Session != `s"1\<` || got.Type != r.Type || got.Origin != OriginServer || got.Data.A != "\n <&>" {
		t.Errorf("%+v", got)
	}
	if empty := appendOne(t, j, "s", Record{Type: "Connected"}).Event; string(empty.Data) != "{}" {
		t.Errorf("no data became %s", empty.Data)
	}
	byHand := Event{Session: "s", Type: "x", Data: json.RawMessage("1")}
	if !json.Valid(byHand.Body()) {
		t.Errorf("body of an event constructed without the journal: %s", byHand.Body())
	}
}

func TestTimeIsAlwaysRFC3339(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 123_456_789, time.FixedZone("", -3600))
	clock := func() time.Time { return now }
	for _, at := range []time.Time{{}, time.Unix(1<<50, 0), time.Unix(-1<<40, 0), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if got := eventTime(at, clock).Format(timeForm); got != "2026-05-06T08:08:09.123Z" {
			t.Errorf("%v became %s", at, got)
		}
	}
	if got := eventTime(time.Unix(1, 999e6), clock).Format(timeForm); got != "1970-01-01T00:00:01.999Z" {
		t.Error(got)
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "a\"b\\c", "\x00\x1f\x7f", "\xff\xfe", "\u2028 😀", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		if err := json.Unmarshal(appendString(nil, s), &back); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		want := s
		if !utf8.ValidString(s) {
			want = strings.ToValidUTF8(back, "") // only replaced bytes may differ
		}
		if back != want {
			t.Fatalf("%q came back as %q", s, back)
		}
	})
}

func TestIDsGrowWhenTheClockGoesBack(t *testing.T) {
	now := time.Now()
	j := open(t, nil, Config{Now: func() time.Time { now = now.Add(-time.Second); return now }})
	last := ""
	for range 50 {
		e := appendOne(t, j, "s", record("", `1`)).Event
		if e.ID <= last {
			t.Fatalf("%s after %s", e.ID, last)
		}
		last = e.ID
	}
}
