package payload

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestPayload(t *testing.T) {
	broken := errors.New("broken")
	f := &Format{
		Name: "api",
		Shapes: map[string]Shape{
			"Message": func(e *Event) (string, any, error) { return "said", e.Data, nil },
			"Call":    func(*Event) (string, any, error) { return "", nil, nil },
			"Receipt": func(*Event) (string, any, error) { return "", nil, broken },
			"Picture": func(*Event) (string, any, error) { return "seen", func() {}, nil },
		},
		Test:     func(e *Event) (string, any, error) { return e.Type, nil, nil },
		Envelope: func(e *Event, name string, data any) any { return []any{e.Session, name, data} },
	}
	for name, want := range map[string]string{"Message": `["shop","said",{"a":1}]`, "Call": "", "Trial": `["shop","Trial",null]`} {
		if body, err := f.Payload(&Event{Type: name, Session: "shop", Data: json.RawMessage(`{"a":1}`)}); string(body) != want || err != nil {
			t.Errorf("%s: %s, %v", name, body, err)
		}
	}
	if body, err := f.Payload(&Event{Type: "Receipt"}); body != nil || !errors.Is(err, broken) || err.Error() != "api: Receipt: broken" {
		t.Errorf("%s, %v", body, err)
	}
	if body, err := f.Payload(&Event{Type: "Picture"}); body != nil || err == nil || !strings.HasPrefix(err.Error(), "api: ") {
		t.Errorf("%s, %v", body, err)
	}
	if got := f.Types(); !slices.Equal(got, []string{"Call", "Message", "Picture", "Receipt"}) {
		t.Errorf("%v", got)
	}
}

func TestKnown(t *testing.T) {
	private := `{"chat": "77@lid", "chat_lid": "77@lid", "chat_pn": "2@s.whatsapp.net", "sender": "88@lid", "lid": "88@lid", "pn": "1@s.whatsapp.net"}`
	for _, c := range []struct{ name, data, jid, want string }{
		{"the sender", private, "88@lid", "1@s.whatsapp.net"},
		{"the other", private, "77@lid", "2@s.whatsapp.net"},
		{"somebody else", private, "78@lid", "78@lid"},
		{"a number", private, "2@s.whatsapp.net", "2@s.whatsapp.net"},
		{"nobody", private, "", ""},
		{"in a group", `{"chat": "1@g.us", "is_group": true, "sender": "88@lid", "lid": "88@lid", "pn": "1@s.whatsapp.net"}`, "88@lid", "1@s.whatsapp.net"},
		{"the group", `{"chat": "1@g.us", "is_group": true, "sender": "88@lid"}`, "1@g.us", "1@g.us"},
	} {
		var o Origin
		if err := json.Unmarshal([]byte(c.data), &o); err != nil || o.Known(c.jid) != c.want {
			t.Errorf("%s: %s, want %s, %v", c.name, o.Known(c.jid), c.want, err)
		}
	}
}

func TestOrigin(t *testing.T) {
	for _, c := range []struct{ name, data, chat, by string }{
		{"group", `{"chat": "1@g.us", "sender": "77@lid", "pn": "2@s.whatsapp.net", "lid": "77@lid", "is_group": true}`, "1@g.us", "2@s.whatsapp.net"},
		{"chat of two", `{"chat": "77@lid", "sender": "1@s.whatsapp.net", "pn": "1@s.whatsapp.net", "chat_pn": "2@s.whatsapp.net"}`, "2@s.whatsapp.net", "1@s.whatsapp.net"},
		{"the sender's chat", `{"chat": "77@lid", "sender": "77@lid", "pn": "2@s.whatsapp.net"}`, "2@s.whatsapp.net", "2@s.whatsapp.net"},
		{"the sender's chat, by another address", `{"chat": "77@lid", "sender": "2:1@s.whatsapp.net", "lid": "77@lid", "pn": "2@s.whatsapp.net"}`, "2@s.whatsapp.net", "2@s.whatsapp.net"},
		{"own, in a chat under a hidden address", `{"chat": "77@lid", "sender": "88@lid", "lid": "88@lid", "pn": "1@s.whatsapp.net", "from_me": true}`, "77@lid", "1@s.whatsapp.net"},
		{"no numbers", `{"chat": "77@lid", "sender": "77@lid"}`, "77@lid", "77@lid"},
		{"nobody", `{"chat": "1@newsletter"}`, "1@newsletter", ""},
	} {
		var o Origin
		if err := json.Unmarshal([]byte(c.data), &o); err != nil || o.InChat() != c.chat || o.By() != c.by {
			t.Errorf("%s: in %s by %s, %v", c.name, o.InChat(), o.By(), err)
		}
	}
}
