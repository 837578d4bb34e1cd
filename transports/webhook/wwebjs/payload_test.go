package wwebjs

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/webhook/payload"
)

// Chat fields of events as emitted by sessions.
const (
	private = `"message_id": "3EB0", "chat": "2@s.whatsapp.net", "sender": "2@s.whatsapp.net", "pn": "2@s.whatsapp.net", "sender_name": "John",
		"from_me": false, "is_group": false, "timestamp": "2023-11-14T22:13:20Z", "sender_device": "web", "raw": {}`
	own = `"message_id": "3EB0", "chat": "77@lid", "chat_pn": "2@s.whatsapp.net", "sender": "1@s.whatsapp.net", "pn": "1@s.whatsapp.net",
		"from_me": true, "is_group": false, "timestamp": "2023-11-14T22:13:20Z", "sender_device": "web", "raw": {}`
	group = `"message_id": "3EB0", "chat": "9@g.us", "sender": "77@lid", "pn": "2@s.whatsapp.net", "lid": "77@lid", "from_me": false, "is_group": true,
		"timestamp": "2023-11-14T22:13:20Z", "sender_device": "android"`
	change = `"chat": "2@s.whatsapp.net", "chat_pn": "2@s.whatsapp.net", "chat_lid": "77@lid", "chat_key": "77@lid", "timestamp": "2023-11-14T22:13:20Z"`
)

// cases have data as in the events of sessions, and parts of the expected payload, by path.
var cases = []struct {
	name, event, data, wantType string
	want                        map[string]any
}{
	{"text", "Message", `{` + private + `, "type": "text", "text": "Hello", "mentions": ["3@s.whatsapp.net"], "status": "delivered"}`, "message", map[string]any{
		"message.id._serialized": "false_2@c.us_3EB0", "message.body": "Hello", "message.type": "chat", "message.from": "2@c.us", "message.to": "",
		"message.timestamp": 1700000000.0, "message._data.notifyName": "John", "message.mentionedIds": []any{"3@c.us"}, "message.ack": 2.0,
		"message.hasMedia": false, "message.author": nil, "message.deviceType": "web",
	}},
	{"own", "Message", `{` + own + `, "type": "text", "text": "Hello", "quoted": {"message_id": "3A"}}`, "message_create", map[string]any{
		"message.id._serialized": "true_2@c.us_3EB0", "message.from": "1@c.us", "message.to": "2@c.us", "message.fromMe": true, "message.hasQuotedMsg": true,
	}},
	{"hidden addresses", "Message", `{` + group + `, "type": "text", "text": "@77", "mentions": ["77@lid", "78@lid"]}`, "message", map[string]any{
		"message.mentionedIds": []any{"2@c.us", "78@lid"},
	}},
	{"voice note in a group", "Message", `{` + group + `, "type": "audio", "media": {"keys": {"media_key": "BBA=", "duration_seconds": 5}},
		"raw": {"ephemeralMessage": {"message": {"audioMessage": {"PTT": true}}}}}`, "message", map[string]any{
		"message.id._serialized": "false_9@g.us_3EB0_2@c.us", "message.from": "9@g.us", "message.author": "2@c.us", "message.type": "ptt",
		"message.mediaKey": "BBA=", "message.duration": "5", "message.hasMedia": true,
	}},
	{"gif", "Message", `{` + private + `, "type": "video", "media": {}, "raw": {"videoMessage": {"gifPlayback": true}}}`, "message", map[string]any{
		"message.isGif": true, "message.type": "video",
	}},
	{"own gif from the phone", "Message", `{` + own + `, "type": "video", "media": {}, "raw": {"deviceSentMessage": {"message": {"videoMessage": {"gifPlayback": true}}}}}`, "message_create", map[string]any{
		"message.isGif": true,
	}},
	{"voice note that plays once", "Message", `{` + private + `, "type": "audio", "media": {}, "raw": {"viewOnceMessageV2Extension": {"message": {"audioMessage": {"PTT": true}}}}}`, "message", map[string]any{
		"message.type": "ptt",
	}},
	{"place", "Message", `{` + private + `, "type": "location", "location": {"latitude": -6.2, "longitude": 106.8, "name": "Jakarta"}}`, "message", map[string]any{
		"message.location": map[string]any{"latitude": -6.2, "longitude": 106.8, "description": "Jakarta"}, "message.type": "location",
	}},
	{"cards", "Message", `{` + private + `, "type": "contact", "contacts": [{"vcard": "A"}, {"vcard": "B"}]}`, "message", map[string]any{
		"message.vCards": []any{"A", "B"}, "message.type": "multi_vcard",
	}},
	{
		"invite", "Message", `{` + private + `, "type": "group_invite", "group_invite": {"group": "9@g.us", "code": "c", "expires_at": "2023-11-14T22:13:20Z", "inviter": "2@s.whatsapp.net"}}`,
		"message",
		map[string]any{"message.inviteV4": map[string]any{
			"inviteCode": "c", "inviteCodeExp": 1700000000.0, "groupId": "9@g.us", "groupName": "", "fromId": "2@c.us", "toId": "",
		}},
	},
	{"order", "Message", `{` + private + `, "type": "order", "order": {"order_id": "o", "token": "t"}}`, "message", map[string]any{"message.orderId": "o", "message.token": "t"}},
	{"unknown", "Message", `{` + private + `, "type": "event", "raw": null}`, "message", map[string]any{"message.type": "unknown"}},
	{"protocol", "Message", `{` + private + `, "type": "system"}`, "", nil},
	{"pin", "Message", `{` + private + `, "type": "system", "target": {"action": "pin", "message_id": "3A"}}`, "", nil},
	{
		"reaction to an own message", "Message", `{` + private + `, "type": "reaction", "target": {"action": "reaction", "message_id": "3A", "sender": null, "emoji": "👍"}}`,
		"message_reaction",
		map[string]any{
			"reaction.reaction": "👍", "reaction.senderId": "2@c.us", "reaction.msgId._serialized": "true_2@c.us_3A", "reaction.id._serialized": "false_2@c.us_3EB0",
		},
	},
	{
		"reaction in a group", "Message", `{` + group + `, "type": "reaction", "target": {"action": "reaction", "message_id": "3A", "sender": "3@s.whatsapp.net", "emoji": ""}}`,
		"message_reaction",
		map[string]any{"reaction.reaction": "", "reaction.msgId._serialized": "false_9@g.us_3A_3@c.us"},
	},
	{"edit", "Message", `{` + group + `, "type": "text", "text": "new", "target": {"action": "edit", "message_id": "3A", "sender": null}}`, "message_edit", map[string]any{
		"newBody": "new", "prevBody": "", "message.body": "new", "message.id._serialized": "false_9@g.us_3A_2@c.us",
	}},
	{"own edit", "Message", `{` + own + `, "type": "text", "text": "new", "target": {"action": "edit", "message_id": "3A"}}`, "message_edit", map[string]any{
		"message.id._serialized": "true_2@c.us_3A",
	}},
	{"revocation", "Message", `{` + private + `, "type": "system", "target": {"action": "revoke", "message_id": "3A"}}`, "message_revoke_everyone", map[string]any{
		"message.type": "revoked", "message.id._serialized": "false_2@c.us_3A",
	}},
	{"vote", "Message", `{` + private + `, "type": "unknown", "target": {"action": "poll_vote", "message_id": "3A", "sender": null, "options": ["Cats"]}}`, "vote_update", map[string]any{
		"vote.voter": "2@c.us", "vote.selectedOptions": []any{map[string]any{"id": nil, "name": "Cats"}}, "vote.interractedAtTs": 1700000000000.0,
		"vote.parentMessage.id._serialized": "true_2@c.us_3A",
	}},
	{"unreadable", "UndecryptableMessage", `{` + group + `}`, "message_ciphertext", map[string]any{"message.type": "ciphertext", "message.author": "2@c.us"}},
	{"deleted here", "DeleteForMe", `{` + change + `, "message_id": "3A", "sender": "1@s.whatsapp.net", "pn": "1@s.whatsapp.net", "lid": "88@lid", "from_me": true}`, "message_revoke_me", map[string]any{
		"message.id._serialized": "true_2@c.us_3A",
	}},
	{
		"taken by WhatsApp", "MessageStatus", `{"message_id": "3A", "chat": "77@lid", "chat_pn": "2@s.whatsapp.net", "status": "sent", "timestamp": "2023-11-14T22:13:20Z"}`,
		"message_ack",
		map[string]any{"ack": 1.0, "message.ack": 1.0, "message.id._serialized": "true_2@c.us_3A", "ids": []any{"true_2@c.us_3A"}},
	},
	{"refused by WhatsApp", "MessageStatus", `{"message_id": "3A", "chat": "2@s.whatsapp.net", "status": "failed"}`, "message_ack", map[string]any{"ack": -1.0}},
	{
		"delivered", "Receipt", `{"message_ids": ["3A", "3B"], "chat": "77@lid", "sender": "77@lid", "pn": "2@s.whatsapp.net", "lid": "77@lid", "type": "delivered"}`,
		"message_ack",
		map[string]any{"ack": 2.0, "message.to": "2@c.us", "ids": []any{"true_2@c.us_3A", "true_2@c.us_3B"}},
	},
	{"played", "ReadReceipt", `{"message_ids": ["3A"], "chat": "9@g.us", "is_group": true, "type": "played"}`, "message_ack", map[string]any{"ack": 4.0}},
	{"read by the account elsewhere", "ReadReceipt", `{"message_ids": ["3A"], "chat": "77@lid", "sender": "88@lid", "from_me": true, "type": "read"}`, "", nil},
	{"read by the account", "ReadReceipt", `{"message_ids": ["3A"], "chat": "9@g.us", "is_group": true, "type": "read_self"}`, "", nil},
	{
		"added", "GroupInfo", `{"group": "9@g.us", "sender": "77@lid", "pn": "2@s.whatsapp.net", "timestamp": "2023-11-14T22:13:20Z", "joined": [{"contact": "78@lid", "pn": "3@s.whatsapp.net"}]}`,
		"group_join",
		map[string]any{
			"notification.type": "add", "notification.author": "2@c.us", "notification.recipientIds": []any{"3@c.us"}, "notification.chatId": "9@g.us",
			"notification.id._serialized": "false_9@g.us_01KABC", "notification.timestamp": 1700000000.0,
		},
	},
	{"came by a link", "GroupInfo", `{"group": "9@g.us", "join_reason": "invite", "joined": [{"contact": "3@s.whatsapp.net"}]}`, "group_join", map[string]any{"notification.type": "invite"}},
	{"left", "GroupInfo", `{"group": "9@g.us", "sender": "3@s.whatsapp.net", "left": [{"contact": "3@s.whatsapp.net"}]}`, "group_leave", map[string]any{"notification.type": "leave"}},
	{"removed", "GroupInfo", `{"group": "9@g.us", "sender": "2@s.whatsapp.net", "left": [{"contact": "3@s.whatsapp.net"}]}`, "group_leave", map[string]any{"notification.type": "remove"}},
	{"promoted", "GroupInfo", `{"group": "9@g.us", "promoted": [{"contact": "3@s.whatsapp.net"}]}`, "group_admin_changed", map[string]any{"notification.type": "promote"}},
	{"demoted", "GroupInfo", `{"group": "9@g.us", "demoted": [{"contact": "3@s.whatsapp.net"}]}`, "group_admin_changed", map[string]any{"notification.type": "demote"}},
	{"renamed", "GroupInfo", `{"group": "9@g.us", "name": "Shop"}`, "group_update", map[string]any{"notification.type": "subject", "notification.body": "Shop"}},
	{"description taken away", "GroupInfo", `{"group": "9@g.us", "description": null}`, "group_update", map[string]any{"notification.type": "description", "notification.body": ""}},
	{"admins write", "GroupInfo", `{"group": "9@g.us", "announce": true}`, "group_update", map[string]any{"notification.type": "announce", "notification.body": "on"}},
	{"all edit", "GroupInfo", `{"group": "9@g.us", "locked": false}`, "group_update", map[string]any{"notification.type": "restrict", "notification.body": "off"}},
	{"asked to join", "GroupInfo", `{"group": "9@g.us", "join_request_method": "invite_link", "join_requests": [{"contact": "78@lid", "pn": "3@s.whatsapp.net"}]}`, "group_membership_request", map[string]any{
		"notification.type": "created_membership_requests", "notification.author": "3@c.us", "notification.chatId": "9@g.us",
	}},
	{"deleted", "GroupInfo", `{"group": "9@g.us", "deleted": true}`, "", nil},
	{"joined", "JoinedGroup", `{"group": "9@g.us", "reason": "invite"}`, "group_join", map[string]any{"notification.type": "invite", "notification.recipientIds": []any{}}},
	{"picture of a group", "Picture", `{"jid": "9@g.us", "author": "2@s.whatsapp.net"}`, "group_update", map[string]any{"notification.type": "picture", "notification.author": "2@c.us"}},
	{"picture of a person", "Picture", `{"jid": "2@s.whatsapp.net"}`, "", nil},
	{"archived", "Archive", `{` + change + `, "archived": true}`, "chat_archived", map[string]any{
		"chat.id": map[string]any{"server": "c.us", "user": "2", "_serialized": "2@c.us"}, "chat.archived": true, "currState": true, "prevState": false,
	}},
	{"chat deleted", "DeleteChat", `{"chat": "9@g.us"}`, "chat_removed", map[string]any{"chat.isGroup": true, "chat.id._serialized": "9@g.us"}},
	{"marked as unread", "MarkChatAsRead", `{` + change + `, "read": false}`, "unread_count", map[string]any{"chat.unreadCount": -1.0}},
	{"marked as read", "MarkChatAsRead", `{` + change + `, "read": true}`, "unread_count", map[string]any{"chat.unreadCount": 0.0}},
	{"call", "CallOffer", `{"call_id": "C", "from": "77@lid", "pn": "2@s.whatsapp.net", "group": null, "timestamp": "2023-11-14T22:13:20Z", "media": "video"}`, "call", map[string]any{
		"call.id": "C", "call.from": "2@c.us", "call.isVideo": true, "call.isGroup": false, "call.timestamp": 1700000000.0,
	}},
	{"call of a group", "CallOfferNotice", `{"call_id": "C", "from": "2@s.whatsapp.net", "group": "9@g.us", "media": null}`, "call", map[string]any{"call.isGroup": true}},
	{"code", "QR", `{"code": "2@x"}`, "qr", map[string]any{"qr": "2@x"}},
	{"paired", "PairSuccess", `{}`, "authenticated", nil},
	{"not paired", "PairError", `{"error": "no"}`, "status", map[string]any{"msg": "no"}},
	{"connected", "Connected", `{"state": "connected"}`, "ready", nil},
	{"logged out", "LoggedOut", `{"state": "logged_out", "code": 401, "on_connect": false}`, "disconnected", map[string]any{"reason": "LOGOUT"}},
	{"stopped", "Disconnected", `{"state": "disconnected", "reason": "stopped"}`, "disconnected", map[string]any{"reason": "UNLAUNCHED"}},
	{"lost", "Disconnected", `{"state": "disconnected", "reason": "connection_lost"}`, "change_state", map[string]any{"state": "TIMEOUT"}},
	{"connecting", "SessionState", `{"state": "connecting"}`, "change_state", map[string]any{"state": "OPENING"}},
	{"made", "SessionState", `{"state": "created"}`, "", nil},
	{"test", "WebhookTest", `{"webhook_id": "default"}`, "WebhookTest", map[string]any{"webhook_id": "default"}},
}

func TestPayload(t *testing.T) {
	documented := documents(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			body, err := Payload(&payload.Event{ID: "01KABC", Type: c.event, Session: "ABCD", Time: time.Unix(1700000000, 0), Data: json.RawMessage(c.data)})
			if err != nil {
				t.Fatal(err)
			}
			if c.wantType == "" {
				if body != nil {
					t.Fatalf("got %s, and wwebjs-api sends nothing", body)
				}
				return
			}
			var got map[string]any
			if err = json.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
			if got["dataType"] != c.wantType || got["sessionId"] != "ABCD" {
				t.Errorf("%s", body)
			}
			for path, want := range c.want {
				at := got["data"]
				for name := range strings.SplitSeq(path, ".") {
					inner, _ := at.(map[string]any)
					at = inner[name]
				}
				if !reflect.DeepEqual(at, want) {
					t.Errorf("%s is %v, want %v", path, at, want)
				}
			}
			if c.event == "WebhookTest" {
				return
			}
			doc := documented.Event(c.wantType)
			if doc == nil {
				t.Fatalf("%s is not documented", c.wantType)
			}
			for _, finding := range doc.Compare(got, beyond) {
				t.Error(finding)
			}
		})
	}
}

// beyond the document are the keys of all messages of an acknowledgement; the number of an option is not known.
var beyond = resttest.Rules{Extra: []string{"data.ids"}, Absent: []string{"data.vote.selectedOptions[].id"}}

func documents(t *testing.T) *resttest.Events {
	t.Helper()
	events, err := resttest.LoadEvents("wwebjs")
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// All documented types are sent except those excluded in the package comment.
func TestDataTypes(t *testing.T) {
	missing := map[string]bool{}
	for _, e := range documents(t).Events {
		missing[e.Name] = true
	}
	for _, c := range cases {
		delete(missing, c.wantType)
	}
	want := []string{"code", "contact_changed", "loading_screen", "media", "media_uploaded"} // media: TestMediaParts
	if got := slices.Sorted(maps.Keys(missing)); !slices.Equal(got, want) {
		t.Errorf("no test makes %v, want %v", got, want)
	}
}

func TestDamagedData(t *testing.T) {
	for name := range format.Shapes {
		if name == "Connected" || name == "PairSuccess" { // sent without data
			continue
		}
		if _, err := Payload(&payload.Event{Type: name, Data: json.RawMessage(`{"chat":`)}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestMediaParts(t *testing.T) {
	parts := func(data string) (head, tail []byte) {
		t.Helper()
		head, tail, err := MediaParts(&payload.Event{ID: "01KABC", Type: "Message", Session: "ABCD", Data: json.RawMessage(data)})
		if err != nil {
			t.Fatal(err)
		}
		return head, tail
	}
	head, tail := parts(`{` + private + `, "type": "image", "media": {}}`)
	var got map[string]any
	body := string(head) + `"mimetype":"image/jpeg","data":"QQ==","filename":"a.jpg","filesize":1` + string(tail)
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	for _, finding := range documents(t).Event("media").Compare(got, beyond) {
		t.Error(finding)
	}
	for name, data := range map[string]string{
		"own": `{` + own + `, "media": {}}`, "text": `{` + private + `}`, "edit": `{` + private + `, "media": {}, "target": {"action": "edit"}}`,
	} {
		if head, tail := parts(data); head != nil || tail != nil {
			t.Errorf("%s: %s%s", name, head, tail)
		}
	}
	if _, _, err := MediaParts(&payload.Event{Data: json.RawMessage(`{`)}); err == nil {
		t.Error("no error")
	}
}
