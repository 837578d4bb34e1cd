package formats

import (
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// message is a message to send: the call that sends it and the expected results.
type message struct {
	name, method string
	params       object
	want         object // of the message object, at every place
	wire         object // of the decrypted protobuf, at the other side
	phone        object // of the message on phones, which name people as the wire does, where that differs from want
	file         []byte // nil = none
	mime         string // of the file, as it is downloaded
}

// withFile returns a message with a file; keys has its known members beside size and hash.
func (c *conversation) withFile(name, method, mime, sent string, file []byte, params, want, keys, wire object) message {
	sum := sha256.Sum256(file)
	media := object{"mime_type": mime, "size": len(file), "keys": e2etest.MergeObjects(keys, object{"file_sha256": sum[:]})}
	if filename, ok := params["filename"]; ok {
		media["filename"] = filename
	}
	source := object{"base64": e2etest.DataURL(sent, file)}
	if filename, ok := params["filename"]; ok {
		source["filename"] = filename
		delete(params, "filename")
	}
	return message{
		name: name, method: method, params: e2etest.MergeObjects(params, object{"media": source}), want: e2etest.MergeObjects(want, object{"media": media}),
		wire: wire, file: file, mime: mime,
	}
}

// kinds are the kinds of message beside text, with files of their own for each exchange.
func (c *conversation) kinds(t *testing.T, to *person) []message {
	return slices.Concat(c.fileKinds(t), c.plainKinds(), c.interactiveKinds(t))
}

func (c *conversation) fileKinds(t *testing.T) []message {
	const opus = "audio/ogg; codecs=opus"
	return []message{
		c.withFile("image", "message.sendImage", "image/jpeg", "image/jpeg", e2etest.JPEGFile(t, c.seed), object{"caption": "the sea, ünchanged"},
			object{"type": "image", "text": "the sea, ünchanged"}, object{"width": 320, "height": 200}, object{"imageMessage": object{"caption": "the sea, ünchanged"}}),
		c.withFile("picture that opens once", "message.sendImage", "image/jpeg", "image/jpeg", e2etest.JPEGFile(t, c.seed+20), object{"view_once": true},
			object{"type": "image", "text": nil, "view_once": true}, object{"width": 320}, object{"viewOnceMessage": object{"message": object{"imageMessage": object{"viewOnce": true}}}}),
		c.withFile("video", "message.sendVideo", "video/mp4", "video/mp4", e2etest.MP4File(c.seed), object{"caption": "waves"},
			object{"type": "video", "text": "waves"}, object{"width": 16, "height": 16, "duration_seconds": 3}, object{"videoMessage": object{"seconds": 3}}),
		c.withFile("video note", "message.sendVideo", "video/mp4", "video/mp4", e2etest.MP4File(c.seed+20), object{"video_note": true},
			object{"type": "video", "text": nil}, object{"duration_seconds": 3}, object{"ptvMessage": object{"seconds": 3}}),
		c.withFile("audio", "message.sendAudio", "audio/wav", "audio/wav", e2etest.WAVFile(c.seed), object{},
			object{"type": "audio"}, object{"duration_seconds": 1}, object{"audioMessage": object{"PTT": false}}),
		c.withFile("voice note", "message.sendAudio", opus, "audio/ogg", e2etest.OpusFile(c.seed), object{"voice_note": true},
			object{"type": "audio"}, object{"duration_seconds": 2}, object{"audioMessage": object{"PTT": true, "seconds": 2, "mimetype": opus}}),
		c.withFile("document", "message.sendDocument", "application/pdf", "application/pdf", e2etest.PDFFile(c.seed), object{"caption": "to sign", "filename": "Vertrag № 7.pdf"},
			object{"type": "document", "text": "to sign"}, object{}, object{"documentWithCaptionMessage": object{"message": object{"documentMessage": object{"fileName": "Vertrag № 7.pdf"}}}}),
		c.withFile("picture as document", "message.sendDocument", "image/png", "image/png", e2etest.PNGFile(t, c.seed), object{"filename": "plan.png"},
			object{"type": "document", "text": nil}, object{}, object{"documentMessage": object{"fileName": "plan.png"}}),
		c.withFile("sticker", "message.sendSticker", "image/webp", "image/webp", e2etest.WebPFile(t, c.seed), object{},
			object{"type": "sticker"}, object{"width": 1, "height": 1}, object{"stickerMessage": object{"isAnimated": false}}),
	}
}

func (c *conversation) plainKinds() []message {
	const card = "BEGIN:VCARD\nVERSION:3.0\nN:;Zoë;;;\nFN:Zoë\nTEL;type=CELL;waid=15550309999:+15550309999\nEND:VCARD"
	return []message{
		{
			name: "location", method: "message.sendLocation",
			params: object{"latitude": 0, "longitude": -9.125, "name": "Harbour", "address": "Quay 1"},
			want: object{"type": "location", "location": object{
				"latitude": 0, "longitude": -9.125, "name": "Harbour", "address": "Quay 1", "live": false,
			}},
			wire: object{"locationMessage": object{"degreesLatitude": 0, "degreesLongitude": -9.125}},
		},
		{
			name: "contact", method: "message.sendContact", params: object{"contacts": []object{{"name": "Zoë", "vcard": card}}},
			want: object{"type": "contact", "contacts": []object{{"name": "Zoë", "vcard": card}}},
			wire: object{"contactMessage": object{"displayName": "Zoë"}},
		},
		{
			name: "contacts", method: "message.sendContact", params: object{"contacts": []object{{"name": "Zoë", "vcard": card}, {"name": "Yan", "vcard": card}}},
			want: object{"type": "contact", "contacts": []object{{"name": "Zoë", "vcard": card}, {"name": "Yan", "vcard": card}}},
			wire: object{"contactsArrayMessage": object{"contacts": []object{{"displayName": "Zoë"}, {"displayName": "Yan"}}}},
		},
		{
			name: "poll", method: "message.sendPoll", params: object{"question": "Where to?", "options": []string{"north", "süd"}, "selectable_count": 1},
			want: object{"type": "poll", "poll": object{"question": "Where to?", "selectable_count": 1, "options": []object{
				{"text": "north"}, {"text": "süd"},
			}}},
			wire: object{"pollCreationMessage": object{"options": []object{{"optionName": "north"}, {"optionName": "süd"}}}},
		},
	}
}

// unwrapped returns the content inside a message's wrapper, if any; stores keep the content without it.
func unwrapped(wire object) object {
	for _, wrapper := range []string{"viewOnceMessage", "documentWithCaptionMessage"} {
		if outer, ok := wire[wrapper].(object); ok {
			return outer["message"].(object)
		}
	}
	return wire
}

// send sends a message, checks it in all places, and waits for its delivery.
func (c *conversation) send(t *testing.T, from, to *person, m message) string {
	t.Helper()
	sent := c.call(t, from, m.method, e2etest.MergeObjects(m.params, object{"to": c.chat(to)}))
	id := e2etest.TextOf(sent["message_id"])
	e2etest.CheckSame(t, "result", e2etest.MergeObjects(m.want, object{"message_id": id, "from_me": true}), sent["message"])
	result, _ := sent["message"].(map[string]any)
	if status := e2etest.TextOf(result["status"]); status != "sent" && status != "delivered" {
		t.Errorf("status %q after WhatsApp took the message", status)
	}
	c.arrives(t, from, to, id, m.want, m.wire, m.phone)
	from.feed.Await(t, "MessageStatus", object{"message_id": id, "status": "sent"})
	from.feed.Await(t, "Receipt", object{"message_ids": []string{id}, "type": "delivered", "pn": to.pn, "lid": to.lid})
	c.stored(t, from, to, id, object{"status": "delivered"})
	return id
}

func (c *conversation) carriesText(t *testing.T, from, to *person) string {
	t.Helper()
	return c.send(t, from, to, message{
		method: "message.sendText", params: object{"text": e2etest.PlainText}, wire: object{"conversation": e2etest.PlainText},
		want: object{"type": "text", "text": e2etest.PlainText, "quoted": nil, "mentions": []string{}},
	})
}

// carriesReply lets the other person reply with mentions of both.
func (c *conversation) carriesReply(t *testing.T, from, to *person, first string) {
	t.Helper()
	text := "@" + from.number + " so be it"
	id := c.send(t, to, from, message{
		method: "message.sendText", params: object{"text": text, "reply_to": object{"message_id": first}, "mentions": []string{from.lid, to.pn}},
		want: object{
			"type": "text", "text": text, "mentions": []string{from.pn, to.pn},
			"quoted": object{"message_id": first, "sender": from.pn, "text": e2etest.PlainText},
		},
		phone: object{
			"mentions": []string{from.lid, to.pn}, "quoted": object{"message_id": first, "sender": from.lid, "text": e2etest.PlainText},
		},
		wire: object{"extendedTextMessage": object{"text": text, "contextInfo": object{
			"stanzaID": first, "participant": from.lid, "mentionedJID": []string{from.lid, to.pn},
		}}},
	})
	original := c.call(t, from, "message.getQuoted", object{"chat": c.chat(to), "message_id": id})
	e2etest.CheckSame(t, "the quoted message", object{"message_id": first, "text": e2etest.PlainText, "from_me": true}, original["message"])
}

// showsTyping checks the signals of a person who types, records and stops.
func (c *conversation) showsTyping(t *testing.T, from, to *person) {
	t.Helper()
	for _, state := range []string{"composing", "recording", "paused"} {
		c.call(t, from, "presence.setChatState", object{"chat": c.chat(to), "state": state})
		got := to.feed.Await(t, "ChatPresence", object{"state": state, "pn": from.pn, "lid": from.lid, "is_group": c.group != ""})
		if got.Offset != 0 || c.group != "" && got.Data["chat"] != c.group {
			t.Errorf("typing came as %+v", got)
		}
	}
	seenFrom := from.lid
	if c.group != "" {
		seenFrom = c.group
	}
	var phone struct{ Stanza object }
	e2etest.MustCall(t, c.network.Addr, "sandbox.awaitStanza", object{"account": to.number, "tag": "chatstate", "from": seenFrom}, &phone)
	if phone.Stanza == nil {
		t.Errorf("the phone %s did not see that %s types", to.number, from.session)
	}
}

// onPhones checks a message on every phone in the chat.
func (c *conversation) onPhones(t *testing.T, from, to *person, id string, want object) {
	t.Helper()
	for _, number := range c.phones(from, to) {
		c.onPhone(t, number, id, e2etest.MergeObjects(want, object{"sender": from.lid}))
	}
}

// carriesVote lets the other person vote on the phone.
func (c *conversation) carriesVote(t *testing.T, from, to *person, poll string) {
	var vote struct {
		MessageID string `json:"message_id"`
	}
	e2etest.MustCall(t, c.network.Addr, "sandbox.vote", object{"account": to.number, "message_id": poll, "options": []string{"süd"}}, &vote)
	target := object{"action": "poll_vote", "message_id": poll, "options": []string{"süd"}}
	from.feed.Await(t, "Message", object{"message_id": vote.MessageID, "pn": to.pn, "lid": to.lid, "from_me": false, "target": target})
	to.feed.Await(t, "Message", object{"message_id": vote.MessageID, "pn": to.pn, "from_me": true, "target": target})
	votes := object{"poll": object{"options": []object{{"text": "north", "vote_count": 0}, {"text": "süd", "vote_count": 1}}}}
	c.stored(t, from, to, poll, votes)
	c.stored(t, to, from, poll, votes)
	if c.reader != "" {
		e2etest.MustCall(t, c.network.Addr, "sandbox.vote", object{"account": c.reader, "message_id": poll, "options": []string{"süd"}}, &vote)
		votes = object{"poll": object{"options": []object{{"text": "north", "vote_count": 0}, {"text": "süd", "vote_count": 2}}}}
		c.stored(t, from, to, poll, votes)
		c.stored(t, to, from, poll, votes)
	}
}

// carriesReaction lets the other person react, change the reaction and remove it.
func (c *conversation) carriesReaction(t *testing.T, from, to *person, id string) {
	for _, emoji := range []string{"👍🏽", "🎉", ""} {
		reacted := c.call(t, to, "message.react", object{"chat": c.chat(from), "message_id": id, "emoji": emoji})
		data := object{"message_id": reacted["reaction_id"], "type": "reaction", "target": object{"action": "reaction", "message_id": id, "emoji": emoji}}
		from.feed.Await(t, "Message", e2etest.MergeObjects(data, object{"from_me": false, "pn": to.pn, "lid": to.lid}))
		to.feed.Await(t, "Message", e2etest.MergeObjects(data, object{"from_me": true}))
		reactions := []object{{"sender": to.pn, "emoji": emoji}}
		if emoji == "" {
			reactions = []object{}
		}
		c.stored(t, from, to, id, object{"reactions": reactions})
		c.stored(t, to, from, id, object{"reactions": reactions})
		c.onPhones(t, to, from, e2etest.TextOf(reacted["reaction_id"]), data)
	}
}

func (c *conversation) carriesEdit(t *testing.T, from, to *person, id string) {
	const text = "corrected ✓"
	c.call(t, from, "message.edit", object{"chat": c.chat(to), "message_id": id, "text": text})
	edit := object{"target": object{"action": "edit", "message_id": id}, "text": text}
	to.feed.Await(t, "Message", e2etest.MergeObjects(edit, object{"from_me": false, "pn": from.pn, "lid": from.lid}))
	own := from.feed.Await(t, "Message", e2etest.MergeObjects(edit, object{"from_me": true}))
	for _, at := range [][2]*person{{to, from}, {from, to}} {
		c.stored(t, at[0], at[1], id, object{"type": "text", "text": text})
		stored := c.call(t, at[0], "message.get", object{"chat": c.chat(at[1]), "message_id": id})
		if m, _ := stored["message"].(map[string]any); m["edited_at"] == nil {
			t.Errorf("%s does not know that the text was edited", at[0].session)
		}
	}
	c.onPhones(t, from, to, e2etest.TextOf(own.Data["message_id"]), edit)
}

func (c *conversation) carriesRevoke(t *testing.T, from, to *person, id string) {
	c.call(t, from, "message.delete", object{"chat": c.chat(to), "message_id": id, "for_everyone": true})
	revoked := object{"target": object{"action": "revoke", "message_id": id}}
	to.feed.Await(t, "Message", e2etest.MergeObjects(revoked, object{"from_me": false, "pn": from.pn, "lid": from.lid}))
	own := from.feed.Await(t, "Message", e2etest.MergeObjects(revoked, object{"from_me": true}))
	for _, at := range [][2]*person{{to, from}, {from, to}} {
		c.stored(t, at[0], at[1], id, object{"location": nil})
		stored := c.call(t, at[0], "message.get", object{"chat": c.chat(at[1]), "message_id": id})
		if m, _ := stored["message"].(map[string]any); m["deleted_at"] == nil {
			t.Errorf("%s does not know that the message was deleted", at[0].session)
		}
	}
	c.onPhones(t, from, to, e2etest.TextOf(own.Data["message_id"]), revoked)
}

// carriesReceipts lets all recipients read all messages and play the voice note; the sender gets each receipt.
func (c *conversation) carriesReceipts(t *testing.T, from, to *person, ids map[string]string) {
	var all []string
	for name, id := range ids {
		if name != "location" { // deleted meanwhile
			all = append(all, id)
		}
	}
	slices.Sort(all)
	read := c.call(t, to, "chat.markRead", object{"chat": c.chat(from), "message_ids": all})
	e2etest.CheckSame(t, "read", object{"message_ids": all}, sorted(read))
	receipt := from.feed.Await(t, "ReadReceipt", object{"message_ids": all, "type": "read", "pn": to.pn, "lid": to.lid})
	for _, id := range all {
		taken := from.feed.Await(t, "Message", object{"message_id": id})
		got := from.feed.Await(t, "Receipt", object{"message_ids": []string{id}, "type": "delivered", "pn": to.pn})
		if taken.Offset >= got.Offset || got.Offset >= receipt.Offset {
			t.Errorf("%s is sent at %d, delivered at %d, read at %d", id, taken.Offset, got.Offset, receipt.Offset)
		}
	}
	if c.reader != "" {
		for _, id := range all {
			// Some recipients have not read it yet.
			receipts := c.awaitReader(t, from, to, id)
			e2etest.CheckSame(t, "one of two", object{"read": []object{{"contact": to.pn}}, "read_remaining": 1}, receipts)
		}
		c.stored(t, from, to, all[0], object{"status": "delivered"})
		e2etest.MustCall(t, c.network.Addr, "sandbox.markRead", object{"account": c.reader, "message_ids": all}, nil)
	}
	for _, id := range all {
		c.stored(t, from, to, id, object{"status": "read"})
		e2etest.CheckSame(t, "receipts", object{"read_remaining": 0, "delivered_remaining": 0}, c.call(t, from, "message.getReceipts", object{"chat": c.chat(to), "message_id": id}))
	}
	c.call(t, to, "chat.markRead", object{"chat": c.chat(from), "message_ids": []string{ids["voice note"]}, "played": true})
	from.feed.Await(t, "ReadReceipt", object{"message_ids": []string{ids["voice note"]}, "type": "played", "pn": to.pn, "lid": to.lid})
	if c.reader == "" {
		c.stored(t, from, to, ids["voice note"], object{"status": "played"})
	}
	var phone struct{ Stanza object }
	e2etest.MustCall(t, c.network.Addr, "sandbox.awaitStanza", object{"account": from.number, "tag": "receipt", "type": "played", "id": ids["voice note"]}, &phone)
	if phone.Stanza == nil {
		t.Errorf("the phone %s got no receipt for the played voice note", from.number)
	}
	c.call(t, to, "chat.markRead", object{"chat": c.chat(from)})
	chat := c.call(t, to, "chat.get", object{"chat": c.chat(from)})
	e2etest.CheckSame(t, "chat", object{"unread_count": 0}, chat["chat"])
}

func (c *conversation) awaitReader(t *testing.T, from, to *person, id string) (receipts object) {
	t.Helper()
	testkit.Within(t, e2etest.FeedWait, "one has read it", func() bool {
		receipts = c.call(t, from, "message.getReceipts", object{"chat": c.chat(to), "message_id": id})
		list, _ := receipts["read"].([]any)
		return len(list) > 0
	})
	return receipts
}

func sorted(read object) object {
	list, _ := read["message_ids"].([]any)
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = e2etest.TextOf(list[i])
	}
	slices.Sort(ids)
	return object{"message_ids": ids}
}
