package rest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// wwebjsSend returns the cases of sends of a text; wwebjsContents has the other content types.
func wwebjsSend() []restCase {
	return []restCase{
		{operation: "POST /client/sendMessage/{sessionId}", prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{
				values: resttest.Values{"chatId": outsideID(w.Peer.Number), "content": "ahoy"},
				calls:  []restCall{{"message.send", object{"to": w.Peer.Number, "content": object{"type": "text", "text": "ahoy"}}}},
				effect: func(t *testing.T, out outcome) {
					w.OnPhone(t, w.Peer.Number, e2etest.TextOf(out.at("message/id/id", "0/message_id")), object{"type": "text", "text": "ahoy"})
				},
			}
		}},
		{operation: "POST /message/reply/{sessionId}", prepare: func(t *testing.T, w *restWorld) restAct {
			id, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "ready?"})
			return restAct{
				values: resttest.Values{"chatId": outsideID(w.Peer.Number), "messageId": keyOf(false, w.Peer.Number, id), "content": "aye"},
				calls:  []restCall{{"message.send", object{"to": w.Peer.Number, "reply_to": object{"message_id": id}, "content": object{"type": "text", "text": "aye"}}}},
				effect: func(t *testing.T, out outcome) {
					answer := e2etest.TextOf(out.at("repliedMessage/id/id", "0/message_id"))
					w.OnPhone(t, w.Peer.Number, answer, object{"text": "aye", "quoted": object{"message_id": id}})
				},
			}
		}},
	}
}

// wwebjsContent is a content with its options, and the message that the peer gets.
type wwebjsContent struct {
	kind    string
	content any
	options object
	want    object
	file    []byte // nil = none
}

func wwebjsContents(t *testing.T, w *restWorld) map[string]wwebjsContent {
	picture, video, sound, page := e2etest.JPEGFile(t, 7), e2etest.MP4File(7), e2etest.OpusFile(7), e2etest.PDFFile(7)
	media := func(kind, name string, file []byte) object {
		return object{"mimetype": kind, "data": base64.StdEncoding.EncodeToString(file), "filename": name, "filesize": len(file)}
	}
	const card = "BEGIN:VCARD\nVERSION:3.0\nN:;Zoë;;;\nFN:Zoë\nTEL;type=CELL;waid=15550309999:+15550309999\nEND:VCARD"
	at := object{"latitude": -6.2, "longitude": 106.8}
	raw := func(kind string, fields object) object { return object{"raw": object{kind: fields}} }
	return map[string]wwebjsContent{
		"text with mentions":      {"string", "hey @you", object{"mentions": []string{outsideID(w.Peer.Number)}}, object{"text": "hey @you", "mentions": []string{w.Peer.JID()}}, nil},
		"picture":                 {"MessageMedia", media("image/jpeg", "a.jpg", picture), object{"caption": "the sea"}, object{"type": "image", "text": "the sea"}, picture},
		"picture that opens once": {"MessageMedia", media("image/jpeg", "a.jpg", picture), object{"isViewOnce": true}, object{"type": "image", "view_once": true}, picture},
		"picture as a document": {
			"MessageMedia", media("image/jpeg", "a.jpg", picture),
			object{"sendMediaAsDocument": true, "caption": "to sign"},
			object{"type": "document", "text": "to sign", "media": object{"filename": "a.jpg"}},
			picture,
		},
		"picture of a text": {"string", "the caption", object{"media": media("image/jpeg", "a.jpg", picture)}, object{"type": "image", "text": "the caption"}, picture},
		"video":             {"MessageMedia", media("video/mp4", "a.mp4", video), nil, object{"type": "video"}, video},
		"gif":               {"MessageMedia", media("video/mp4", "a.mp4", video), object{"sendVideoAsGif": true}, raw("videoMessage", object{"gifPlayback": true}), video},
		"sound":             {"MessageMedia", media("audio/ogg", "a.ogg", sound), nil, raw("audioMessage", object{"PTT": false}), sound},
		"voice note":        {"MessageMedia", media("audio/ogg", "a.ogg", sound), object{"sendAudioAsVoice": true}, raw("audioMessage", object{"PTT": true}), sound},
		"document":          {"MessageMedia", media("application/pdf", "a.pdf", page), nil, object{"type": "document", "media": object{"filename": "a.pdf"}}, page},
		"place": {
			"Location", e2etest.MergeObjects(at, object{"description": "Jakarta\nMain street"}), nil,
			object{"type": "location", "location": e2etest.MergeObjects(at, object{"name": "Jakarta", "address": "Main street"})},
			nil,
		},
		"buttons": {
			"Buttons",
			object{"body": "Choose", "title": "Head", "footer": "Foot", "buttons": []object{{"body": "yes", "id": "y"}, {"body": "no"}}},
			nil,
			object{"type": "buttons", "text": "Choose", "interactive": object{"footer": "Foot", "buttons": []object{{"type": "reply", "label": "yes", "id": "y"}, {"label": "no", "id": "2"}}}},
			nil,
		},
		"list": {
			"List",
			object{"body": "Choose", "buttonText": "Open", "title": "Head", "footer": "Foot", "sections": []object{{"title": "S", "rows": []object{{"id": "r", "title": "One", "description": "d"}, {"title": "Two"}}}}},
			nil,
			object{"type": "list", "text": "Choose"},
			nil,
		},
		"contact":              {"Contact", object{"contactId": outsideID(w.Peer.Number)}, nil, object{"type": "contact"}, nil},
		"vCard":                {"string", card, nil, object{"type": "contact", "contacts": []object{{"name": "Zoë", "vcard": card}}}, nil},
		"vCard as text":        {"string", card, object{"parseVCards": false}, object{"type": "text", "text": card}, nil},
		"poll with one answer": {"Poll", object{"pollName": "Cats?", "pollOptions": []string{"yes", "no"}}, nil, object{"type": "poll", "poll": object{"question": "Cats?", "selectable_count": 1}}, nil},
		"poll with several":    {"Poll", object{"pollName": "Cats?", "pollOptions": []string{"yes", "no"}, "options": object{"allowMultipleAnswers": true}}, nil, object{"poll": object{"selectable_count": 0}}, nil},
		"file without a type":  {"MessageMedia", object{"data": base64.StdEncoding.EncodeToString(page)}, nil, object{"type": "document"}, page},
	}
}

// sendJS sends a body to an operation of the dialect, with the caller's session at the end of the path, and returns the answer.
func (r *restRun) sendJS(t *testing.T, path string, status int, body object) any {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request := &resttest.Request{Method: "POST", Path: path + r.w.Caller.ID, Header: http.Header{"Content-Type": {"application/json"}}, Body: raw}
	answer := r.send(t, r.mounts[1], r.w.Caller.Token, request)
	if answer.Status != status {
		t.Fatalf("%s %.200s: %d %.300s", path, raw, answer.Status, answer.Body)
	}
	return answer.JSON()
}

// sentID returns the plain id of the message in an answer.
func sentID(answer any, key string) string {
	return e2etest.TextOf(e2etest.ValueAt(answer, key+"/id/id"))
}

// wwebjsSendForms sends each content type with its options, as a message and as an answer, to people and groups.
func wwebjsSendForms(t *testing.T, r *restRun) {
	w := r.w
	original, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "question"})
	for name, c := range wwebjsContents(t, w) {
		t.Run(name, func(t *testing.T) {
			body := object{"chatId": outsideID(w.Peer.Number), "contentType": c.kind, "content": c.content, "options": e2etest.MergeObjects(c.options, object{"quotedMessageId": original})}
			message := sentID(r.sendJS(t, "/client/sendMessage/", 200, body), "message")
			body["options"], body["messageId"] = c.options, keyOf(false, w.Peer.Number, original)
			reply := sentID(r.sendJS(t, "/message/reply/", 200, body), "repliedMessage")
			for _, id := range []string{message, reply} {
				w.OnPhone(t, w.Peer.Number, id, e2etest.MergeObjects(c.want, object{"quoted": object{"message_id": original}}))
				if c.file != nil {
					w.FileOnPhone(t, w.Peer.Number, id, c.file)
				}
			}
		})
	}
	t.Run("sticker", func(t *testing.T) {
		content := object{"mimetype": "image/webp", "data": e2etest.WebPFile(t, 7)}
		options := object{"sendMediaAsSticker": true, "stickerName": "Seals", "stickerAuthor": "Me", "stickerCategories": []string{"🦭"}}
		body := object{"chatId": outsideID(w.Peer.Number), "contentType": "MessageMedia", "content": content, "options": options}
		id := sentID(r.sendJS(t, "/client/sendMessage/", 200, body), "message")
		var file struct{ Base64 []byte }
		e2etest.MustCall(t, w.Network.Addr, "sandbox.downloadMedia", object{"account": w.Peer.Number, "message_id": id}, &file)
		for _, part := range []string{`"emojis":["🦭"]`, `"sticker-pack-name":"Seals"`, `"sticker-pack-publisher":"Me"`} {
			if !bytes.Contains(file.Base64, []byte(part)) {
				t.Errorf("the sticker lacks %s", part)
			}
		}
	})
	t.Run("addresses", func(t *testing.T) { wwebjsSendAddresses(t, r) })
	t.Run("group", func(t *testing.T) { wwebjsSendToGroup(t, r) })
	t.Run("read", func(t *testing.T) {
		number, _ := w.newChat(t)
		unread := func(want int) {
			t.Helper()
			e2etest.CheckSame(t, "chat", object{"unread_count": want}, w.chat(t, number))
		}
		r.sendJS(t, "/client/sendMessage/", 200, object{"chatId": outsideID(number), "contentType": "string", "content": "x", "options": `{"sendSeen":false}`})
		unread(1)
		r.sendJS(t, "/client/sendMessage/", 200, object{"chatId": outsideID(number), "contentType": "string", "content": "x"})
		unread(0)
	})
	t.Run("wrong contents", func(t *testing.T) { wwebjsBadContents(t, r) })
	r.sendJS(t, "/message/reply/", 400, object{"chatId": outsideID(w.Peer.Number), "content": "to nothing"})
	r.sendJS(t, "/client/sendMessage/", 404, object{"chatId": outsideID(w.Peer.Number), "content": "without a type"})
}

// wwebjsSendAddresses sends a file by its address and a text with a link to a page, with and without its preview.
func wwebjsSendAddresses(t *testing.T, r *restRun) {
	w, picture := r.w, e2etest.JPEGFile(t, 9)
	host := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		if in.URL.Path == "/a.jpg" {
			_, _ = out.Write(picture)
			return
		}
		_, _ = io.WriteString(out, "<html><head><title>The harbour</title></head></html>")
	}))
	t.Cleanup(host.Close)
	send := func(kind, content string, options object) string {
		body := object{"chatId": outsideID(w.Peer.Number), "contentType": kind, "content": content, "options": options}
		return sentID(r.sendJS(t, "/client/sendMessage/", 200, body), "message")
	}
	id := send("MessageMediaFromURL", host.URL+"/a.jpg", object{"caption": "by address"})
	w.OnPhone(t, w.Peer.Number, id, object{"type": "image", "text": "by address"})
	w.FileOnPhone(t, w.Peer.Number, id, picture)
	w.OnPhone(t, w.Peer.Number, send("string", "see "+host.URL, nil), object{"raw": object{"extendedTextMessage": object{"title": "The harbour"}}})
	w.OnPhone(t, w.Peer.Number, send("string", "see "+host.URL, object{"linkPreview": false}), object{"raw": object{"extendedTextMessage": nil}})
}

// wwebjsSendToGroup answers a message of a group, whose serialised id has the author, there and in another chat.
func wwebjsSendToGroup(t *testing.T, r *restRun) {
	w := r.w
	var asked struct {
		ID string `json:"message_id"`
	}
	e2etest.MustCall(t, w.Network.Addr, "sandbox.send", object{"account": w.Peer.Number, "to": w.Group, "content": object{"type": "text", "text": "who comes?"}}, &asked)
	testkit.Within(t, e2etest.FeedWait, "the question is stored", func() bool {
		return e2etest.CallMethod(w.Server.Addr, "message.get", object{"session": w.Caller.ID, "message_id": asked.ID}, nil) == nil
	})
	key := "false_" + w.Group + "_" + asked.ID + "_" + outsideID(w.Peer.Number)
	quoted := object{"quoted": object{"message_id": asked.ID}}
	found := r.sendJS(t, "/message/getClassInfo/", 200, object{"chatId": w.Group, "messageId": key})
	e2etest.CheckSame(t, "id", key, e2etest.ValueAt(found, "message/id/_serialized"))
	there := r.sendJS(t, "/message/reply/", 200, object{"chatId": w.Group, "messageId": key, "content": "me"})
	own := "true_" + w.Group + "_" + sentID(there, "repliedMessage") + "_" + outsideID(w.Caller.Number)
	e2etest.CheckSame(t, "id", own, e2etest.ValueAt(there, "repliedMessage/id/_serialized"))
	w.OnPhone(t, w.Peer.Number, sentID(there, "repliedMessage"), e2etest.MergeObjects(quoted, object{"chat": w.Group}))
	aside := w.NewPhone(t) // not in the group
	elsewhere := r.sendJS(t, "/message/reply/", 200, object{"chatId": w.Group, "messageId": key, "content": "me", "destinationChatId": outsideID(aside)})
	w.OnPhone(t, aside, sentID(elsewhere, "repliedMessage"), quoted)
	r.sendJS(t, "/message/react/", 200, object{"chatId": w.Group, "messageId": key, "reaction": "👍"})
	w.AwaitReaction(t, w.Peer.Number, asked.ID, "👍")
}

// wwebjsBadContents sends the documented example of each content type with each of its fields wrong.
func wwebjsBadContents(t *testing.T, r *restRun) {
	o, total := r.operation(t, "POST /client/sendMessage/{sessionId}"), 0
	values := resttest.Values{"sessionId": r.w.Caller.ID, "chatId": outsideID(r.w.Peer.Number)}
	for i, example := range o.Body.Examples {
		all, err := o.BadRequests(i, values, r.outOfRange)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range all {
			if inside := strings.ReplaceAll(strings.ReplaceAll(bad.Field, "[]", "/0"), ".", "/"); strings.HasPrefix(inside, "content/") && e2etest.ValueAt(example.Value, inside) != nil {
				r.checkBadRequest(t, r.w.Caller, bad)
				total++
			}
		}
	}
	if total < 40 {
		t.Errorf("%d wrong fields", total)
	}
}
