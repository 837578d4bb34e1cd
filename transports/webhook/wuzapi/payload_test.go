package wuzapi

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/webhook/payload"
)

// Data as emitted by sessions, and the payload for a wuzapi receiver: the keys and types of wuzapi's own examples.
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
				"SenderAlt": "99@lid", "AddressingMode": "pn", "BroadcastListOwner": "", "ID": "3EB0ABCD1234567890", "ServerID": 0, "Type": "text", "PushName": "John",
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
			"URL": "https://mmg.whatsapp.net/x", "mimetype": "image/jpeg", "fileSHA256": "AAA=", "fileLength": 98765, "mediaKey": "BBB=",
			"fileEncSHA256": "CCC=", "directPath": "/v/x", "mediaKeyTimestamp": 1719327600, "JPEGThumbnail": "DDD=",
			"contextInfo": {"stanzaID": "9", "mentionedJID": ["3@s.whatsapp.net"]}}}}}}}}`, `{
		"event": {
			"Info": {
				"Chat": "1@g.us", "Sender": "2@s.whatsapp.net", "IsFromMe": true, "IsGroup": true,
				"AddressingMode": "pn", "BroadcastListOwner": "", "ID": "3A", "ServerID": 5, "Type": "media", "PushName": "",
				"Timestamp": "2024-06-25T15:00:00Z", "Category": "", "Multicast": false, "MediaType": "image", "Edit": "",
				"VerifiedName": null, "DeviceSentMeta": null},
			"Message": {"imageMessage": {
				"url": "https://mmg.whatsapp.net/x", "URL": "https://mmg.whatsapp.net/x", "mimetype": "image/jpeg", "fileSha256": "AAA=", "fileSHA256": "AAA=", "fileLength": 98765, "mediaKey": "BBB=",
				"fileEncSha256": "CCC=", "fileEncSHA256": "CCC=", "directPath": "/v/x", "mediaKeyTimestamp": 1719327600, "jpegThumbnail": "DDD=", "JPEGThumbnail": "DDD=",
				"contextInfo": {"stanzaId": "9", "stanzaID": "9", "mentionedJid": ["3@s.whatsapp.net"], "mentionedJID": ["3@s.whatsapp.net"]}}},
			"IsEphemeral": true, "IsViewOnce": true, "IsViewOnceV2": true, "IsDocumentWithCaption": false, "IsEdit": false,
			"SourceWebMsg": null, "UnavailableRequestID": "", "RetryCount": 1, "NewsletterMeta": null,
			"RawMessage": {"ephemeralMessage": {"message": {"viewOnceMessageV2": {"message": {"imageMessage": {
				"url": "https://mmg.whatsapp.net/x", "URL": "https://mmg.whatsapp.net/x", "mimetype": "image/jpeg", "fileSha256": "AAA=", "fileSHA256": "AAA=", "fileLength": 98765, "mediaKey": "BBB=",
				"fileEncSha256": "CCC=", "fileEncSHA256": "CCC=", "directPath": "/v/x", "mediaKeyTimestamp": 1719327600, "jpegThumbnail": "DDD=", "JPEGThumbnail": "DDD=",
				"contextInfo": {"stanzaId": "9", "stanzaID": "9", "mentionedJid": ["3@s.whatsapp.net"], "mentionedJID": ["3@s.whatsapp.net"]}}}}}}}},
		"type": "Message"}`},
	{"edit that is too large to be repeated", "Message", `{
		"message_id": "3A", "chat": "2@s.whatsapp.net", "sender": "2@s.whatsapp.net", "sender_name": "Ann", "from_me": false, "is_group": false,
		"timestamp": "2024-06-25T15:00:00Z", "type": "text", "text": "Hello again", "target": {"action": "edit", "message_id": "39"},
		"raw": null, "raw_truncated": true}`, `{
		"event": {
			"Info": {
				"Chat": "2@s.whatsapp.net", "Sender": "2@s.whatsapp.net", "IsFromMe": false, "IsGroup": false,
				"AddressingMode": "pn", "BroadcastListOwner": "", "ID": "3A", "ServerID": 0, "Type": "text", "PushName": "Ann",
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
				"AddressingMode": "pn", "BroadcastListOwner": "", "ID": "3A", "ServerID": 0, "Type": "media", "PushName": "Ann",
				"Timestamp": "2024-06-25T15:00:00Z", "Category": "", "Multicast": false, "MediaType": "document", "Edit": "",
				"VerifiedName": null, "DeviceSentMeta": null},
			"Message": {"documentMessage": {
				"url": "https://mmg.whatsapp.net/x", "URL": "https://mmg.whatsapp.net/x", "mimetype": "application/pdf", "fileLength": 98765, "mediaKey": "BBA=", "directPath": "/v/x",
				"fileSha256": "AAA=", "fileSHA256": "AAA=", "fileEncSha256": "CCA=", "fileEncSHA256": "CCA=", "caption": "the invoice", "fileName": "invoice.pdf"}},
			"IsEphemeral": false, "IsViewOnce": false, "IsViewOnceV2": false, "IsDocumentWithCaption": false, "IsEdit": false,
			"SourceWebMsg": null, "UnavailableRequestID": "", "RetryCount": 0, "NewsletterMeta": null,
			"RawMessage": {"documentMessage": {
				"url": "https://mmg.whatsapp.net/x", "URL": "https://mmg.whatsapp.net/x", "mimetype": "application/pdf", "fileLength": 98765, "mediaKey": "BBA=", "directPath": "/v/x",
				"fileSha256": "AAA=", "fileSHA256": "AAA=", "fileEncSha256": "CCA=", "fileEncSHA256": "CCA=", "caption": "the invoice", "fileName": "invoice.pdf"}}},
		"type": "Message"}`},
	{"read", "ReadReceipt", `{
		"message_ids": ["3EB0ABCD1234567890"], "chat": "628123456789@s.whatsapp.net", "sender": "628123456789@s.whatsapp.net",
		"from_me": false, "is_group": false, "type": "read", "timestamp": "2024-06-25T15:00:00Z", "message_sender": null, "device": 0}`, `{
		"event": {
			"Chat": "628123456789@s.whatsapp.net", "Sender": "628123456789@s.whatsapp.net", "IsFromMe": false, "IsGroup": false,
			"AddressingMode": "pn", "BroadcastListOwner": "", "MessageIDs": ["3EB0ABCD1234567890"], "Timestamp": "2024-06-25T15:00:00Z", "Type": "read"},
		"type": "ReadReceipt", "state": "Read"}`},
	{"read on another own device", "ReadReceipt", `{"message_ids": ["1"], "chat": "1@g.us", "sender": null, "from_me": true, "is_group": true, "type": "read_self", "timestamp": "2024-06-25T15:00:00Z"}`, `{
		"event": {
			"Chat": "1@g.us", "Sender": "", "IsFromMe": true, "IsGroup": true, "AddressingMode": "", "BroadcastListOwner": "", "MessageIDs": ["1"],
			"Timestamp": "2024-06-25T15:00:00Z", "Type": "read-self"},
		"type": "ReadReceipt", "state": "ReadSelf"}`},
	{"delivered", "Receipt", `{"message_ids": ["1"], "chat": "1@g.us", "sender": "2@s.whatsapp.net", "from_me": false, "is_group": true, "type": "delivered", "timestamp": "2024-06-25T15:00:00Z"}`, `{
		"event": {
			"Chat": "1@g.us", "Sender": "2@s.whatsapp.net", "IsFromMe": false, "IsGroup": true, "AddressingMode": "pn", "BroadcastListOwner": "", "MessageIDs": ["1"],
			"Timestamp": "2024-06-25T15:00:00Z", "Type": ""},
		"type": "ReadReceipt", "state": "Delivered"}`},
	{"delivered under hidden addresses", "Receipt", `{"message_ids": ["1"], "chat": "77@lid", "sender": "77@lid", "from_me": false, "is_group": false, "type": "delivered", "timestamp": "2024-06-25T15:00:00Z", "pn": "2@s.whatsapp.net", "lid": "77@lid"}`, `{
		"event": {
			"Chat": "2@s.whatsapp.net", "Sender": "2@s.whatsapp.net", "IsFromMe": false, "IsGroup": false, "SenderAlt": "77@lid", "AddressingMode": "pn", "BroadcastListOwner": "", "MessageIDs": ["1"],
			"Timestamp": "2024-06-25T15:00:00Z", "Type": ""},
		"type": "ReadReceipt", "state": "Delivered"}`},
	{"read on another own device, under hidden addresses", "ReadReceipt", `{"message_ids": ["1"], "chat": "88@lid", "sender": "77@lid", "from_me": true, "is_group": false, "type": "read_self", "timestamp": "2024-06-25T15:00:00Z", "pn": "2@s.whatsapp.net", "lid": "77@lid"}`, `{
		"event": {
			"Chat": "88@lid", "Sender": "2@s.whatsapp.net", "IsFromMe": true, "IsGroup": false, "SenderAlt": "77@lid", "AddressingMode": "pn", "BroadcastListOwner": "", "MessageIDs": ["1"],
			"Timestamp": "2024-06-25T15:00:00Z", "Type": "read-self"},
		"type": "ReadReceipt", "state": "ReadSelf"}`},
	{"typing in a group under a hidden address", "ChatPresence", `{"chat": "1@g.us", "sender": "77@lid", "is_group": true, "state": "paused", "pn": "2@s.whatsapp.net", "lid": "77@lid"}`, `{
		"event": {
			"Chat": "1@g.us", "Sender": "2@s.whatsapp.net", "IsFromMe": false, "IsGroup": true, "SenderAlt": "77@lid", "AddressingMode": "pn", "BroadcastListOwner": "",
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
			"AddressingMode": "pn", "BroadcastListOwner": "", "State": "composing", "Media": ""},
		"type": "ChatPresence"}`},
	{"recording", "ChatPresence", `{"chat": "1@g.us", "sender": "2@s.whatsapp.net", "is_group": true, "state": "recording"}`, `{
		"event": {
			"Chat": "1@g.us", "Sender": "2@s.whatsapp.net", "IsFromMe": false, "IsGroup": true, "AddressingMode": "pn", "BroadcastListOwner": "",
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
			if !reflect.DeepEqual(decoded(t, got), withLaterFields(decoded(t, []byte(c.want)))) {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

// laterFields are the fields that whatsmeow's MessageSource has since addresses are hidden, and MessageInfo beyond it, as the Go structs encode their
// zero values. Documents of wuzapi do not show them.
var laterFields, laterInfo = map[string]any{"AddressingMode": "", "SenderAlt": "", "RecipientAlt": "", "BroadcastRecipients": nil}, map[string]any{
	"MsgBotInfo": map[string]any{"EditType": "", "EditTargetID": "", "EditSenderTimestampMS": "0001-01-01T00:00:00Z"},
	"MsgMetaInfo": map[string]any{
		"TargetID": "", "TargetSender": "", "TargetChat": "", "DeprecatedLIDSession": nil, "ThreadMessageID": "", "ThreadMessageSenderJID": "",
	},
}

// withLaterFields adds those that an expected payload does not name.
func withLaterFields(want any) any {
	event, _ := want.(map[string]any)["event"].(map[string]any)
	info, isMessage := event["Info"].(map[string]any)
	if !isMessage {
		info = event
	}
	if _, has := info["Chat"]; !has {
		return want
	}
	for name, value := range laterFields {
		if _, given := info[name]; !given {
			info[name] = value
		}
	}
	if isMessage {
		for name, value := range laterInfo {
			if _, given := info[name]; !given {
				info[name] = value
			}
		}
	}
	return want
}

// laterRules allow the later fields beside the documented ones.
func laterRules() (rules resttest.Rules) {
	for name := range laterFields {
		rules.Extra = append(rules.Extra, "event."+name, "event.Info."+name)
	}
	for name := range laterInfo {
		rules.Extra = append(rules.Extra, "event.Info."+name)
	}
	return rules
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
		for _, finding := range e.Compare(got, laterRules()) {
			t.Errorf("%s: %s", c.name, finding)
		}
	}
	for _, e := range documented.Events {
		if !made[e.Name] {
			t.Errorf("no test makes %s", e.Name)
		}
	}
}

// wuzapi sends no event for messages sent by its own API, so that a receiver that replies does not reply to itself. A session that asked for such
// events receives them, marked; messages from the account's phone are sent as in wuzapi.
func TestOwnMessages(t *testing.T) {
	for _, c := range []struct {
		name, data string
		sent       bool
		marked     any
	}{
		{"text by the API", `{"from_me": true, "from_api": true, "type": "text", "text": "hello"}`, false, nil},
		{"file by the API", `{"from_me": true, "from_api": true, "type": "image", "media": {"size": 3}}`, false, nil},
		{"edit by the API", `{"from_me": true, "from_api": true, "type": "text", "target": {"action": "edit", "message_id": "1"}}`, false, nil},
		{"revocation by the API", `{"from_me": true, "from_api": true, "type": "system", "target": {"action": "revoke", "message_id": "1"}}`, false, nil},
		{"reaction by the API", `{"from_me": true, "from_api": true, "type": "reaction", "target": {"action": "reaction", "emoji": "x"}}`, false, nil},
		{"status post by the API", `{"from_me": true, "from_api": true, "type": "text", "chat": "status@broadcast", "is_status": true}`, false, nil},
		{"by the API, asked for", `{"from_me": true, "from_api": true, "echo_requested": true, "type": "text"}`, true, true},
		{"from the phone", `{"from_me": true, "from_api": false, "type": "text"}`, true, nil},
		{"of another person", `{"from_me": false, "from_api": false, "type": "text"}`, true, nil},
	} {
		for form, encode := range map[string]func(*payload.Event) ([]byte, error){
			"form": Payload, "JSON": func(e *payload.Event) ([]byte, error) { return PayloadFor(e, "shop") },
		} {
			body, err := encode(&payload.Event{Type: "Message", Data: json.RawMessage(c.data)})
			if err != nil || (body != nil) != c.sent {
				t.Errorf("%s, %s: %s, %v", c.name, form, body, err)
				continue
			}
			var got struct {
				Event struct{ Info map[string]any }
			}
			if body != nil && (json.Unmarshal(body, &got) != nil || got.Event.Info["IsFromAPI"] != c.marked) {
				t.Errorf("%s, %s: %s", c.name, form, body)
			}
		}
	}
}

// Names of fields before August 2024, as whatsmeow's structs had them.
func TestOlderName(t *testing.T) {
	for name, want := range map[string]string{
		"URL": "url", "fileSHA256": "fileSha256", "fileEncSHA256": "fileEncSha256", "JPEGThumbnail": "jpegThumbnail", "PTT": "ptt",
		"stanzaID": "stanzaId", "mentionedJID": "mentionedJid", "remoteJID": "remoteJid", "ID": "id", "JID": "jid", "keyIDs": "keyIds",
		"imageURLs": "imageUrls", "coveredRequestIDs": "coveredRequestIds", "faviconCDNURL": "faviconCdnUrl", "messageIDToEdit": "messageIdToEdit",
		"thumbnailSHA256": "thumbnailSha256", "encIV": "encIv", "timestampMS": "timestampMs", "buttonParamsJSON": "buttonParamsJson",
		"conversation": "conversation", "mimetype": "mimetype", "gifPlayback": "gifPlayback", "nonJIDMentions": "nonJidMentions",
		"attachmentJPEGThumbnail": "attachmentJpegThumbnail", "invitationCtaURL": "invitationCtaUrl", "": "",
	} {
		if got := olderName(name); got != want || olderName(got) != got {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// Members of Info that only some messages have.
func TestInfo(t *testing.T) {
	body, err := Payload(&payload.Event{Type: "Message", Data: json.RawMessage(`{
		"chat": "15550100002@s.whatsapp.net", "chat_pn": "15550100002@s.whatsapp.net", "chat_lid": "102@lid",
		"sender": "15550100001@s.whatsapp.net", "pn": "15550100001@s.whatsapp.net", "lid": "101@lid", "from_me": true, "type": "text",
		"stanza": {"category": "peer", "multicast": true, "bot": {"edit_type": "last", "target_id": "B1", "sent_at": "2026-01-02T03:04:05Z"},
			"meta": {"target_id": "T1", "target_sender": "101@lid", "target_chat": "9@g.us", "deprecated_lid_session": true, "thread_id": "H1", "thread_sender": "102@lid"},
			"verified_name": {"Details": {"verifiedName": "Shop"}}, "device_sent": {"destination": "102@lid", "phash": "2:abc"}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Event struct{ Info map[string]any }
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"SenderAlt": "101@lid", "RecipientAlt": "102@lid", "AddressingMode": "pn", "Category": "peer", "Multicast": true,
		"MsgBotInfo":     map[string]any{"EditType": "last", "EditTargetID": "B1", "EditSenderTimestampMS": "2026-01-02T03:04:05Z"},
		"MsgMetaInfo":    map[string]any{"TargetID": "T1", "TargetSender": "101@lid", "TargetChat": "9@g.us", "DeprecatedLIDSession": true, "ThreadMessageID": "H1", "ThreadMessageSenderJID": "102@lid"},
		"VerifiedName":   map[string]any{"Details": map[string]any{"verifiedName": "Shop"}},
		"DeviceSentMeta": map[string]any{"DestinationJID": "102@lid", "Phash": "2:abc"},
	} {
		if !reflect.DeepEqual(got.Event.Info[name], want) {
			t.Errorf("%s is %v, want %v", name, got.Event.Info[name], want)
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
