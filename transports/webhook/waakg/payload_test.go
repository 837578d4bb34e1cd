package waakg

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/webhook/payload"
)

const (
	inbound = `{"message_id": "3EB0ABCD1234567890", "chat": "628123456789@s.whatsapp.net", "sender": "628123456789@s.whatsapp.net",
		"sender_name": "John", "from_me": false, "is_group": false, "timestamp": "2023-11-14T22:13:20Z"`
	quote = `"quoted": {"message_id": "3EB0ABCD", "chat": "628123456789@s.whatsapp.net", "sender": "628123456789@s.whatsapp.net", "text": "..."}`
)

// cases have data as in the events of sessions, and the expected payload.
var cases = []struct{ name, event, data, wantEvent, want string }{
	{"text", "Message", inbound + `, "type": "text", "text": "Hello", "media": null, "raw": {"conversation": "Hello"}, ` + quote + `}`, "message.received", `{
		"key": {"id": "3EB0ABCD1234567890", "remoteJid": "628123456789@s.whatsapp.net", "fromMe": false, "participant": ""},
		"pushName": "John", "messageTimestamp": 1700000000, "from": "628123456789@s.whatsapp.net", "sender": "628123456789@s.whatsapp.net",
		"isGroup": false, "chatType": "PERSONAL", "type": "TEXT", "content": "Hello", "fileUrl": null,
		"quoted": {"key": {"remoteJid": null, "participant": "628123456789@s.whatsapp.net", "fromMe": false, "id": "3EB0ABCD"}, "type": "TEXT", "content": "...", "fileUrl": null},
		"raw": {"key": {"id": "3EB0ABCD1234567890", "remoteJid": "628123456789@s.whatsapp.net", "fromMe": false, "participant": ""},
			"message": {"conversation": "Hello"}, "messageTimestamp": 1700000000, "pushName": "John"}}`},
	{
		"image in a group under hidden addresses", "Message", `{"message_id": "3A", "chat": "1@g.us", "sender": "77@lid", "pn": "2@s.whatsapp.net", "lid": "77@lid",
		"sender_name": null, "from_me": false, "is_group": true, "timestamp": "2023-11-14T22:13:20Z", "type": "image", "text": "look", "media": {"mime_type": "image/jpeg"}, "raw": null}`,
		"message.received", `{
		"key": {"id": "3A", "remoteJid": "1@g.us", "fromMe": false, "participant": "2@s.whatsapp.net"},
		"messageTimestamp": 1700000000, "from": "1@g.us", "sender": "2@s.whatsapp.net", "isGroup": true, "chatType": "GROUP", "type": "IMAGE",
		"content": "look", "caption": "look", "fileUrl": null, "quoted": null,
		"raw": {"key": {"id": "3A", "remoteJid": "1@g.us", "fromMe": false, "participant": "2@s.whatsapp.net"}, "message": null, "messageTimestamp": 1700000000}}`,
	},
	{
		"sent", "Message", `{"message_id": "3A", "chat": "77@lid", "chat_pn": "2@s.whatsapp.net", "sender": "1@s.whatsapp.net", "pn": "1@s.whatsapp.net",
		"from_me": true, "is_group": false, "timestamp": "2023-11-14T22:13:20Z", "type": "location", "location": {"latitude": -6.2, "longitude": 106.8},
		"raw": {"deviceSentMessage": {"message": {"locationMessage": {}}}}}`,
		"message.sent", `{
		"key": {"id": "3A", "remoteJid": "2@s.whatsapp.net", "fromMe": true, "participant": "ME"}, "from": "2@s.whatsapp.net", "sender": "ME",
		"isGroup": false, "chatType": "PERSONAL", "type": "LOCATION", "content": "-6.2,106.8", "fileUrl": null, "quoted": null, "timestamp": 1700000000000,
		"raw": {"key": {"id": "3A", "remoteJid": "2@s.whatsapp.net", "fromMe": true, "participant": "ME"}, "message": {"locationMessage": {}}, "messageTimestamp": 1700000000}}`,
	},
	{"reaction", "Message", inbound + `, "type": "reaction", "target": {"action": "reaction", "message_id": "3B"}}`, "", ``},
	{"protocol", "Message", inbound + `, "type": "system"}`, "", ``},
	{
		"edit", "Message", inbound + `, "type": "text", "text": "new", "target": {"action": "edit", "message_id": "3B"}}`, "message.edited",
		`{"keyId": "3B", "newContent": "new", "remoteJid": "628123456789@s.whatsapp.net", "fromMe": false}`,
	},
	{
		"revocation", "Message", inbound + `, "type": "system", "target": {"action": "revoke", "message_id": "3B"}}`, "message.deleted",
		`{"keyId": "3B", "remoteJid": "628123456789@s.whatsapp.net", "fromMe": false}`,
	},
	{
		"taken by WhatsApp", "MessageStatus", `{"message_id": "3A", "chat": "77@lid", "chat_pn": "2@s.whatsapp.net", "status": "sent"}`, "message.status",
		`{"keyId": "3A", "remoteJid": "2@s.whatsapp.net", "status": "SENT"}`,
	},
	{"refused by WhatsApp", "MessageStatus", `{"message_id": "3A", "chat": "2@s.whatsapp.net", "status": "failed"}`, "", ``},
	{
		"delivered", "Receipt", `{"message_ids": ["3A", "3B"], "chat": "77@lid", "sender": "77@lid", "pn": "2@s.whatsapp.net", "lid": "77@lid", "type": "delivered"}`, "message.status",
		`{"keyId": "3A", "remoteJid": "2@s.whatsapp.net", "status": "DELIVERED", "keyIds": ["3A", "3B"]}`,
	},
	{
		"played", "ReadReceipt", `{"message_ids": ["3A"], "chat": "1@g.us", "is_group": true, "type": "played"}`, "message.status",
		`{"keyId": "3A", "remoteJid": "1@g.us", "status": "READ", "keyIds": ["3A"]}`,
	},
	{"read by the account elsewhere", "ReadReceipt", `{"message_ids": ["3A"], "chat": "77@lid", "sender": "88@lid", "from_me": true, "type": "read"}`, "", ``},
	{"read by the account", "ReadReceipt", `{"message_ids": ["3A"], "chat": "1@g.us", "is_group": true, "type": "read_self"}`, "", ``},
	{
		"address book", "Contact", `{"contact": "77@lid", "pn": "2@s.whatsapp.net", "full_name": "John", "first_name": null}`, "contact.update",
		`{"jid": "2@s.whatsapp.net", "name": "John"}`,
	},
	{"shown name", "PushName", `{"contact": "2@s.whatsapp.net", "push_name": "John"}`, "contact.update", `{"jid": "2@s.whatsapp.net", "notify": "John"}`},
	{
		"group renamed", "GroupInfo", `{"group": "1@g.us", "name": "Shop", "locked": true}`, "group.update",
		`{"jid": "1@g.us", "id": "1@g.us", "subject": "Shop", "restrict": true}`,
	},
	{"description taken away", "GroupInfo", `{"group": "1@g.us", "description": null}`, "group.update", `{"jid": "1@g.us", "id": "1@g.us", "desc": ""}`},
	{"group deleted", "GroupInfo", `{"group": "1@g.us", "deleted": true}`, "", ``},
	{
		"member added", "GroupInfo", `{"group": "1@g.us", "joined": [{"contact": "77@lid", "pn": "2@s.whatsapp.net"}, {"contact": "78@lid", "pn": null}]}`, "group.participant",
		`{"jid": "1@g.us", "action": "add", "participants": ["2@s.whatsapp.net", "78@lid"]}`,
	},
	{
		"member demoted", "GroupInfo", `{"group": "1@g.us", "demoted": [{"contact": "2@s.whatsapp.net"}]}`, "group.participant",
		`{"jid": "1@g.us", "action": "demote", "participants": ["2@s.whatsapp.net"]}`,
	},
	{
		"joined", "JoinedGroup", `{"group": "1@g.us", "group_info": {"name": "Shop", "description": "All", "announce": true, "locked": false, "disappearing_seconds": 0, "join_approval_required": false}}`,
		"group.update", `{"jid": "1@g.us", "id": "1@g.us", "subject": "Shop", "desc": "All", "announce": true, "restrict": false, "ephemeralDuration": 0, "joinApprovalMode": false}`,
	},
	{"connected", "Connected", `{"state": "connected", "reason": null}`, "connection.update", `{"status": "CONNECTED", "qr": null}`},
	{"stopped", "Disconnected", `{"state": "disconnected", "reason": "stopped"}`, "connection.update", `{"status": "STOPPED", "qr": null}`},
	{"lost", "Disconnected", `{"state": "disconnected", "reason": "connection_lost"}`, "connection.update", `{"status": "DISCONNECTED", "qr": null}`},
	{"logged out", "LoggedOut", `{"state": "logged_out", "reason": "x", "code": 401, "on_connect": false}`, "connection.update", `{"status": "LOGGED_OUT", "qr": null}`},
	{"pairing", "SessionState", `{"state": "pairing", "code_number": 1}`, "", ``},
	{"code", "QR", `{"code": "2@x", "code_number": 1}`, "connection.update", `{"status": "SCAN_QR", "qr": "2@x"}`},
	{"test", "WebhookTest", `{"webhook_id": "default"}`, "test", `{"webhook_id": "default"}`},
}

func TestPayload(t *testing.T) {
	at := time.Date(2026, 1, 15, 8, 0, 0, 0, time.UTC)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := Payload(&payload.Event{Type: c.event, Session: "marketing-1", Time: at, Data: json.RawMessage(c.data)})
			if err != nil {
				t.Fatal(err)
			}
			if c.wantEvent == "" {
				if got != nil {
					t.Fatalf("got %s, and WA-AKG sends nothing", got)
				}
				return
			}
			want := map[string]any{
				"event": c.wantEvent, "sessionId": "marketing-1", "timestamp": "2026-01-15T08:00:00.000Z", "data": decoded(t, []byte(c.want)),
			}
			if !reflect.DeepEqual(decoded(t, got), any(want)) {
				t.Errorf("got %s\nwant %s %s", got, c.wantEvent, c.want)
			}
		})
	}
}

// The owner of the quoted message follows from the sender, except for received messages in groups.
func TestQuotesOwn(t *testing.T) {
	const me, other = `"sender": "77@lid", "pn": "1@s.whatsapp.net", "lid": "77@lid"`, `"sender": "78@lid", "pn": "2@s.whatsapp.net", "lid": "78@lid"`
	for _, c := range []struct {
		name, by, quoted string
		fromMe, isGroup  bool
		want             bool
	}{
		{"me quoting myself", me, "77@lid", true, false, true},
		{"me quoting myself by number", me, "1@s.whatsapp.net", true, true, true},
		{"me quoting another", me, "78@lid", true, false, false},
		{"another quoting me", other, "77@lid", false, false, true},
		{"another quoting themselves", other, "2@s.whatsapp.net", false, false, false},
		{"another in a group", other, "77@lid", false, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, err := Payload(&payload.Event{Type: "Message", Data: fmt.Appendf(nil,
				`{%s, "chat": "78@lid", "from_me": %t, "is_group": %t, "type": "text", "quoted": {"message_id": "3A", "sender": %q}}`, c.by, c.fromMe, c.isGroup, c.quoted)})
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Data struct {
					Quoted struct {
						Key struct{ FromMe bool }
					}
				}
			}
			if err = json.Unmarshal(body, &got); err != nil || got.Data.Quoted.Key.FromMe != c.want {
				t.Errorf("%s, %v", body, err)
			}
		})
	}
}

func decoded(t *testing.T, raw []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return v
}

// beyond the document are the keys of all messages of a receipt, and more properties of a group.
var beyond = resttest.Rules{Extra: []string{"data.keyIds", "data.ephemeralDuration", "data.joinApprovalMode"}}

// Every payload is as documented, and all documented events are sent except those excluded in the package comment.
func TestDocumented(t *testing.T) {
	documented, err := resttest.LoadEvents("waakg")
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{}
	for _, e := range documented.Events {
		missing[e.Name] = true
	}
	for _, c := range cases {
		if c.wantEvent == "" || c.wantEvent == "test" {
			continue
		}
		delete(missing, c.wantEvent)
		t.Run(c.name, func(t *testing.T) {
			body, err := Payload(&payload.Event{Type: c.event, Data: json.RawMessage(c.data)})
			if err != nil {
				t.Fatal(err)
			}
			for _, finding := range documented.Event(c.wantEvent).Compare(decoded(t, body), beyond) {
				t.Error(finding)
			}
		})
	}
	if got := slices.Sorted(maps.Keys(missing)); !slices.Equal(got, []string{"status.update"}) {
		t.Errorf("no test makes %v", got)
	}
}

// The value comes from openssl: printf '{"a":1}' | openssl dgst -sha256 -hmac key-number-one-00
func TestSign(t *testing.T) {
	if got, want := Sign([]byte(`{"a":1}`), "key-number-one-00"), "sha256=065dd63a6ba547fcd5c8e6b52aefbb3ca70e31030ec8a4655e5b50f9fde43d80"; got != want {
		t.Error(got)
	}
}

func TestDamagedData(t *testing.T) {
	for name := range format.Shapes {
		if _, err := Payload(&payload.Event{Type: name, Data: json.RawMessage(`{"chat":`)}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
