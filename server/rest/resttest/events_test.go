package resttest

import (
	"encoding/json"
	"slices"
	"testing"
)

// Each single change of a good body is noticed, and the finding names its place.
func TestEventMutationsAreFound(t *testing.T) {
	const good = `{"event": "message.received", "sessionId": "s", "timestamp": "2026-01-15T08:00:00.000Z", "data": {
		"key": {"id": "3A", "remoteJid": "1@g.us", "fromMe": false, "participant": ""}, "messageTimestamp": 1, "from": "1@g.us", "sender": "",
		"isGroup": false, "chatType": "GROUP", "type": "TEXT", "content": "", "fileUrl": null, "quoted": null, "raw": {"any": 1}}}`
	events, err := LoadEvents("waakg")
	if err != nil {
		t.Fatal(err)
	}
	e := events.Event("message.received")
	for _, c := range []struct {
		name, path string
		rules      Rules
		change     func(body, data map[string]any)
	}{
		{"good", "", Rules{}, func(_, _ map[string]any) {}},
		{"a key is missing", "data.from", Rules{}, func(_, data map[string]any) { delete(data, "from") }},
		{"an envelope without data", "data", Rules{}, func(body, _ map[string]any) { delete(body, "data") }},
		{"a key that may be missing", "", Rules{}, func(_, data map[string]any) { delete(data, "pushName") }},
		{"a key that need not be there", "", Rules{Absent: []string{"data.from"}}, func(_, data map[string]any) { delete(data, "from") }},
		{"another type", "data.isGroup", Rules{}, func(_, data map[string]any) { data["isGroup"] = "no" }},
		{"null", "data.from", Rules{}, func(_, data map[string]any) { data["from"] = nil }},
		{"null that is known", "", Rules{Absent: []string{"data.from"}}, func(_, data map[string]any) { data["from"] = nil }},
		{"a key of no document", "data.extra", Rules{}, func(_, data map[string]any) { data["extra"] = 1.0 }},
		{"a key of ours", "", Rules{Extra: []string{"data.extra"}}, func(_, data map[string]any) { data["extra"] = 1.0 }},
		{"a value that is not listed", "data.chatType", Rules{}, func(_, data map[string]any) { data["chatType"] = "CROWD" }},
		{"a key further down", "data.key.id", Rules{}, func(_, data map[string]any) {
			data["key"] = map[string]any{"remoteJid": "", "fromMe": true, "participant": ""}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var body map[string]any
			if err := json.Unmarshal([]byte(good), &body); err != nil {
				t.Fatal(err)
			}
			c.change(body, body["data"].(map[string]any))
			found := e.Compare(body, c.rules)
			if c.path == "" && len(found) > 0 || c.path != "" && (len(found) != 1 || found[0].Key != c.path) {
				t.Errorf("found %v, want one at %q", found, c.path)
			}
		})
	}
}

func TestFilled(t *testing.T) {
	e := Event{Fields: map[string]Type{"a": {}, "a.text": {}, "a.none": {}, "a.zero": {}, "a.list": {}, "a.list[].x": {}, "a.list[].y": {}, "b": {}}}
	var body any
	if err := json.Unmarshal([]byte(`{"a": {"text": "x", "none": "", "zero": 0, "list": [{"x": false}, {"x": true, "y": null}]}, "b": []}`), &body); err != nil {
		t.Fatal(err)
	}
	if got := e.FilledIn(body); !slices.Equal(got, []string{"a", "a.list", "a.list[].x", "a.text"}) {
		t.Errorf("%v", got)
	}
}
