package wuzapi

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/webhook/payload"
)

// Data as sessions emit it, and what a receiver written for wuzapi gets: the keys and types of wuzapi's own examples.
var payloads = []struct {
	name, event, data, want string
}{
	{"text", "Message", `{
		"message_id": "3EB0ABCD1234567890", "chat": "99@lid", "sender": "99@lid",
		"sender_name": "John", "pn": "628123456789@s.whatsapp.net", "lid": "99@lid", "chat_pn": "628123456789@s.whatsapp.net", "from_me": false, "is_group": false, "timestamp": "2024-06-25T15:00:00Z", "type": "text", "text": "Hello",
		"view_once": false, "server_id": null, "retry_count": 0, "raw": {"conversation": "Hello"}}`, `{
		"event": {
			"Info": {
				"Chat": "628123456789@s.whatsapp.net", "Sender": "628123456789@s.whatsapp.net", "IsFromMe": false, "IsGroup": false,
				"BroadcastListOwner": "", "ID": "3EB0ABCD1234567890", "ServerID": 0, "Type": "text", "PushName": "John",
				"Timestamp": "2024-06-25T15:00:00Z", "Category": "", "Multicast": false, "MediaType": "", "Edit": "",
				"VerifiedName": null, "DeviceSentMeta": null},
			"Message": {"conversation": "Hello"},
			"IsEphemeral": false, "IsViewOnce": false, "IsViewOnceV2": false, "IsDocumentWithCaption": false, "IsEdit": false,
			"SourceWebMsg": null, "UnavailableRequestID": "", "RetryCount": 0, "NewsletterMeta": null,
			"RawMessage": {"conversation": "Hello"}},
		"type": "Message"}`},
	{"image in envelopes", "Message", `{
		"message_id": "3A", "chat": "1@g.us", "sender": "2@s.whatsapp.net", "sender_name": null, "from_me": true, "is_group": true,
		"timestamp": "2024-06-25T15:00:00Z", "type": "image", "view_once": true, "server_id": 5, "retry_count": 1,
		"raw": {"ephemeralMessage": {"message": {"viewOnceMessageV2": {"message": {"imageMessage": {
			"URL": "https://mmg.whatsapp.net/x", "mimetype": "image/jpeg", "fileSHA256": "AAA=", "fileLength": "98765", "mediaKey": "BBB=",
			"fileEncSHA256": "CCC=", "directPath": "/v/x", "mediaKeyTimestamp": "1719327600", "JPEGThumbnail": "DDD=",
			"contextInfo": {"stanzaID": "9", "mentionedJID": ["3@s.whatsapp.net"]}}}}}}}}`, `{
		"event": {
			"Info": {
				"Chat": "1@g.us", "Sender": "2@s.whatsapp.net", "IsFromMe": true, "IsGroup": true,
				"BroadcastListOwner": "", "ID": "3A", "ServerID": 5, "Type": "media", "PushName": "",
				"Timestamp": "2024-06-25T15:00:00Z", "Category": "", "Multicast": false, "MediaType": "image", "Edit": "",
				"VerifiedName": null, "DeviceSentMeta": null},
			"Message": {"imageMessage": {
				"url": "https://mmg.whatsapp.net/x", "mimetype": "image/jpeg", "fileSha256": "AAA=", "fileLength": 98765, "mediaKey": "BBB=",
				"fileEncSha256": "CCC=", "directPath": "/v/x", "mediaKeyTimestamp": 1719327600, "jpegThumbnail": "DDD=",
				"contextInfo": {"stanzaId": "9", "mentionedJid": ["3@s.whatsapp.net"]}}},
			"IsEphemeral": true, "IsViewOnce": true, "IsViewOnceV2": true, "IsDocumentWithCaption": false, "IsEdit": false,
			"SourceWebMsg": null, "UnavailableRequestID": "", "RetryCount": 1, "NewsletterMeta": null,
			"RawMessage": {"ephemeralMessage": {"message": {"viewOnceMessageV2": {"message": {"imageMessage": {
				"url": "https://mmg.whatsapp.net/x", "mimetype": "image/jpeg", "fileSha256": "AAA=", "fileLength": 98765, "mediaKey": "BBB=",
				"fileEncSha256": "CCC=", "directPath": "/v/x", "mediaKeyTimestamp": 1719327600, "jpegThumbnail": "DDD=",
				"contextInfo": {"stanzaId": "9", "mentionedJid": ["3@s.whatsapp.net"]}}}}}}}},
		"type": "Message"}`},
	{"edit that is too large to be repeated", "Message", `{
		"message_id": "3A", "chat": "2@s.whatsapp.net", "sender": "2@s.whatsapp.net", "sender_name": "Ann", "from_me": false, "is_group": false,
		"timestamp": "2024-06-25T15:00:00Z", "type": "text", "text": "Hello again", "target": {"action": "edit", "message_id": "39"},
		"raw": null, "raw_truncated": true}`, `{
		"event": {
			"Info": {
				"Chat": "2@s.whatsapp.net", "Sender": "2@s.whatsapp.net", "IsFromMe": false, "IsGroup": false,
				"BroadcastListOwner": "", "ID": "3A", "ServerID": 0, "Type": "text", "PushName": "Ann",
				"Timestamp": "2024-06-25T15:00:00Z", "Category": "", "Multicast": false, "MediaType": "", "Edit": "1",
				"VerifiedName": null, "DeviceSentMeta": null},
			"Message": {"conversation": "Hello again"},
			"IsEphemeral": false, "IsViewOnce": false, "IsViewOnceV2": false, "IsDocumentWithCaption": false, "IsEdit": true,
			"SourceWebMsg": null, "UnavailableRequestID": "", "RetryCount": 0, "NewsletterMeta": null,
			"RawMessage": {"conversation": "Hello again"}},
		"type": "Message"}`},
	{"document whose original is too large", "Message", `{
		"message_id": "3A", "chat": "2@s.whatsapp.net", "sender": "2@s.whatsapp.net", "sender_name": "Ann", "from_me": false, "is_group": false,
		"timestamp": "2024-06-25T15:00:00Z", "type": "document", "text": "the invoice", "raw": null, "raw_truncated": true, "media": {
			"media_id": "m1", "mime_type": "application/pdf", "filename": "invoice.pdf", "size": 98765, "keys": {
				"url": "https://mmg.whatsapp.net/x", "media_key": "BBA=", "direct_path": "/v/x", "file_sha256": "AAA=", "file_enc_sha256": "CCA=",
				"duration_seconds": 0, "width": 0, "height": 0}}}`, `{
		"event": {
			"Info": {
				"Chat": "2@s.whatsapp.net", "Sender": "2@s.whatsapp.net", "IsFromMe": false, "IsGroup": false,
				"BroadcastListOwner": "", "ID": "3A", "ServerID": 0, "Type": "media", "PushName": "Ann",
				"Timestamp": "2024-06-25T15:00:00Z", "Category": "", "Multicast": false, "MediaType": "document", "Edit": "",
				"VerifiedName": null, "DeviceSentMeta": null},
			"Message": {"documentMessage": {
				"url": "https://mmg.whatsapp.net/x", "mimetype": "application/pdf", "fileLength": 98765, "mediaKey": "BBA=", "directPath": "/v/x",
				"fileSha256": "AAA=", "fileEncSha256": "CCA=", "caption": "the invoice", "fileName": "invoice.pdf"}},
			"IsEphemeral": false, "IsViewOnce": false, "IsViewOnceV2": false, "IsDocumentWithCaption": false, "IsEdit": false,
			"SourceWebMsg": null, "UnavailableRequestID": "", "RetryCount": 0, "NewsletterMeta": null,
			"RawMessage": {"documentMessage": {
				"url": "https://mmg.whatsapp.net/x", "mimetype": "application/pdf", "fileLength": 98765, "mediaKey": "BBA=", "directPath": "/v/x",
				"fileSha256": "AAA=", "fileEncSha256": "CCA=", "caption": "the invoice", "fileName": "invoice.pdf"}}},
		"type": "Message"}`},
	{"read", "ReadReceipt", `{
		"message_ids": ["3EB0ABCD1234567890"], "chat": "628123456789@s.whatsapp.net", "sender": "628123456789@s.whatsapp.net",
		"from_me": false, "is_group": false, "type": "read", "timestamp": "2024-06-25T15:00:00Z", "message_sender": null, "device": 0}`, `{
		"event": {
			"Chat": "628123456789@s.whatsapp.net", "Sender": "628123456789@s.whatsapp.net", "IsFromMe": false, "IsGroup": false,
			"BroadcastListOwner": "", "MessageIDs": ["3EB0ABCD1234567890"], "Timestamp": "2024-06-25T15:00:00Z", "Type": "read"},
		"type": "ReadReceipt", "state": "Read"}`},
	{"read on another own device", "ReadReceipt", `{"message_ids": ["1"], "chat": "1@g.us", "sender": null, "from_me": true, "is_group": true, "type": "read_self", "timestamp": "2024-06-25T15:00:00Z"}`, `{
		"event": {
			"Chat": "1@g.us", "Sender": "", "IsFromMe": true, "IsGroup": true, "BroadcastListOwner": "", "MessageIDs": ["1"],
			"Timestamp": "2024-06-25T15:00:00Z", "Type": "read-self"},
		"type": "ReadReceipt", "state": "ReadSelf"}`},
	{"delivered", "Receipt", `{"message_ids": ["1"], "chat": "1@g.us", "sender": "2@s.whatsapp.net", "from_me": false, "is_group": true, "type": "delivered", "timestamp": "2024-06-25T15:00:00Z"}`, `{
		"event": {
			"Chat": "1@g.us", "Sender": "2@s.whatsapp.net", "IsFromMe": false, "IsGroup": true, "BroadcastListOwner": "", "MessageIDs": ["1"],
			"Timestamp": "2024-06-25T15:00:00Z", "Type": ""},
		"type": "ReadReceipt", "state": "Delivered"}`},
	{"delivered under hidden addresses", "Receipt", `{"message_ids": ["1"], "chat": "77@lid", "sender": "77@lid", "from_me": false, "is_group": false, "type": "delivered", "timestamp": "2024-06-25T15:00:00Z", "pn": "2@s.whatsapp.net", "lid": "77@lid"}`, `{
		"event": {
			"Chat": "2@s.whatsapp.net", "Sender": "2@s.whatsapp.net", "IsFromMe": false, "IsGroup": false, "BroadcastListOwner": "", "MessageIDs": ["1"],
			"Timestamp": "2024-06-25T15:00:00Z", "Type": ""},
		"type": "ReadReceipt", "state": "Delivered"}`},
	{"read on another own device, under hidden addresses", "ReadReceipt", `{"message_ids": ["1"], "chat": "88@lid", "sender": "77@lid", "from_me": true, "is_group": false, "type": "read_self", "timestamp": "2024-06-25T15:00:00Z", "pn": "2@s.whatsapp.net", "lid": "77@lid"}`, `{
		"event": {
			"Chat": "88@lid", "Sender": "2@s.whatsapp.net", "IsFromMe": true, "IsGroup": false, "BroadcastListOwner": "", "MessageIDs": ["1"],
			"Timestamp": "2024-06-25T15:00:00Z", "Type": "read-self"},
		"type": "ReadReceipt", "state": "ReadSelf"}`},
	{"typing in a group under a hidden address", "ChatPresence", `{"chat": "1@g.us", "sender": "77@lid", "is_group": true, "state": "paused", "pn": "2@s.whatsapp.net", "lid": "77@lid"}`, `{
		"event": {
			"Chat": "1@g.us", "Sender": "2@s.whatsapp.net", "IsFromMe": false, "IsGroup": true, "BroadcastListOwner": "",
			"State": "paused", "Media": ""},
		"type": "ChatPresence"}`},
	{"played", "ReadReceipt", `{"message_ids": ["1"], "chat": "1@g.us", "type": "played", "timestamp": "2024-06-25T15:00:00Z"}`, ``},
	{"refused by the peer", "Receipt", `{"message_ids": ["1"], "chat": "1@g.us", "type": "server_error", "timestamp": "2024-06-25T15:00:00Z"}`, ``},
	{"online", "Presence", `{"from": "628123456789@s.whatsapp.net", "state": "available", "last_seen": null}`, `{
		"event": {"From": "628123456789@s.whatsapp.net", "Unavailable": false, "LastSeen": "0001-01-01T00:00:00Z"},
		"type": "Presence", "state": "online"}`},
	{"offline", "Presence", `{"from": "99@lid", "pn": "628123456789@s.whatsapp.net", "state": "unavailable", "last_seen": "2024-06-25T15:00:00Z"}`, `{
		"event": {"From": "628123456789@s.whatsapp.net", "Unavailable": true, "LastSeen": "2024-06-25T15:00:00Z"},
		"type": "Presence", "state": "offline"}`},
	{"typing", "ChatPresence", `{"chat": "628123456789@s.whatsapp.net", "sender": "628123456789@s.whatsapp.net", "is_group": false, "state": "composing"}`, `{
		"event": {
			"Chat": "628123456789@s.whatsapp.net", "Sender": "628123456789@s.whatsapp.net", "IsFromMe": false, "IsGroup": false,
			"BroadcastListOwner": "", "State": "composing", "Media": ""},
		"type": "ChatPresence"}`},
	{"recording", "ChatPresence", `{"chat": "1@g.us", "sender": "2@s.whatsapp.net", "is_group": true, "state": "recording"}`, `{
		"event": {
			"Chat": "1@g.us", "Sender": "2@s.whatsapp.net", "IsFromMe": false, "IsGroup": true, "BroadcastListOwner": "",
			"State": "composing", "Media": "audio"},
		"type": "ChatPresence"}`},
	{"history", "HistorySync", `{"sync_type": "RECENT", "progress": 50, "chunk_order": 1, "message_count": 12}`, `{
		"event": {"Data": {"syncType": "RECENT", "progress": 50, "chunkOrder": 1, "messageCount": 12}},
		"type": "HistorySync"}`},
	{"another", "GroupInfo", `{"group": "1@g.us", "sender": null, "timestamp": "2024-06-25T15:00:00Z", "participant_version_id": "7", "joined": [{"pn": "2@s.whatsapp.net", "contact_key": "k"}]}`, `{
		"event": {"JID": "1@g.us", "Sender": null, "Timestamp": "2024-06-25T15:00:00Z", "ParticipantVersionID": "7", "Joined": [{"PN": "2@s.whatsapp.net", "ContactKey": "k"}]},
		"type": "GroupInfo"}`},
	{"without data", "Connected", ``, `{"event": {}, "type": "Connected"}`},
}

func TestPayload(t *testing.T) {
	for _, c := range payloads {
		t.Run(c.name, func(t *testing.T) {
			got, err := Payload(&payload.Event{Type: c.event, Time: time.Now(), Data: json.RawMessage(c.data)})
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				if got != nil {
					t.Fatalf("got %s, and wuzapi sends nothing", got)
				}
				return
			}
			if !reflect.DeepEqual(decoded(t, got), decoded(t, []byte(c.want))) {
				t.Errorf("got %s\nwant %s", got, c.want)
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

// Every payload of an event that the document shows is as documented, and all of these are sent.
func TestDocumented(t *testing.T) {
	documented, err := resttest.LoadEvents("wuzapi")
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]bool{}
	for _, c := range payloads {
		body, err := Payload(&payload.Event{Type: c.event, Data: json.RawMessage(c.data)})
		if err != nil || body == nil {
			continue // TestPayload says more
		}
		got, _ := decoded(t, body).(map[string]any)
		name, _ := got["type"].(string)
		e := documented.Event(name)
		if e == nil {
			continue
		}
		made[name] = true
		for _, finding := range e.Compare(got, resttest.Rules{}) {
			t.Errorf("%s: %s", c.name, finding)
		}
	}
	for _, e := range documented.Events {
		if !made[e.Name] {
			t.Errorf("no test makes %s", e.Name)
		}
	}
}

// Receivers written for DIGIGO look for this; wuzapi's own messages do not have it.
func TestFromAPI(t *testing.T) {
	for data, want := range map[string]any{`{"from_me": true, "from_api": true}`: true, `{"from_me": true, "from_api": false}`: nil} {
		body, err := Payload(&payload.Event{Type: "Message", Data: json.RawMessage(data)})
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Event struct{ Info map[string]any }
		}
		if err = json.Unmarshal(body, &got); err != nil || got.Event.Info["IsFromAPI"] != want {
			t.Errorf("%s: %s, %v", data, body, err)
		}
	}
}

// The JSON form is the same object, with the session's name in it.
func TestPayloadFor(t *testing.T) {
	got, err := PayloadFor(&payload.Event{Type: "Connected", Data: json.RawMessage(`{}`)}, "shop")
	if err != nil || !reflect.DeepEqual(decoded(t, got), decoded(t, []byte(`{"event":{},"type":"Connected","userID":"shop","instanceName":"shop"}`))) {
		t.Errorf("%s, %v", got, err)
	}
	if got, err = PayloadFor(&payload.Event{Type: "ReadReceipt", Data: json.RawMessage(`{"type":"played"}`)}, "shop"); got != nil || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

func TestDamagedData(t *testing.T) {
	for name := range shapes {
		if _, err := Payload(&payload.Event{Type: name, Data: json.RawMessage(`{"chat":`)}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
