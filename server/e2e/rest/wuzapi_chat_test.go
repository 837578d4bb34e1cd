package rest

import (
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// sendCase returns the case of an operation that sends a message to the peer. content returns the values of the
// request, the params of the method, the expected message on the phone, and its file, if any.
func sendCase(operation, method string, content func(t *testing.T, w *restWorld) (values resttest.Values, params, want object, file []byte)) restCase {
	return restCase{operation: operation, prepare: func(t *testing.T, w *restWorld) restAct {
		id := w.MessageID()
		values, params, want, file := content(t, w)
		if method != "message.sendButtons" { // the only one that the document shows without a reply
			original, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "what a question"})
			values["ContextInfo.StanzaId"], values["ContextInfo.Participant"] = original, w.Peer.JID()
			params["reply_to"] = object{"message_id": original, "sender": w.Peer.JID()}
			want["quoted"] = object{"message_id": original}
		}
		return restAct{
			values: values.With(resttest.Values{"Phone": w.Peer.Number, "Id": id}),
			calls:  []restCall{{method, e2etest.MergeObjects(params, object{"to": w.Peer.Number, "message_id": id})}},
			effect: func(t *testing.T, out outcome) {
				out.is(t, id, "Id", "0/message_id")
				w.OnPhone(t, w.Peer.Number, id, e2etest.MergeObjects(want, object{"from_me": false}))
				if file != nil {
					w.FileOnPhone(t, w.Peer.Number, id, file)
				}
			},
		}
	}}
}

func plainFile(made func(seed int) []byte) func(*testing.T, int) []byte {
	return func(_ *testing.T, seed int) []byte { return made(seed) }
}

func wuzapiSends() []restCase {
	type content = func(t *testing.T, w *restWorld) (resttest.Values, object, object, []byte)
	// withFile returns the content of a field that holds a file.
	withFile := func(field, kind string, made func(t *testing.T, seed int) []byte, values resttest.Values, params, want object) content {
		return func(t *testing.T, w *restWorld) (resttest.Values, object, object, []byte) {
			file := made(t, 1+w.NextNumber()%100)
			url := e2etest.DataURL(kind, file)
			media := object{"base64": url}
			if name, ok := values["FileName"]; ok {
				media["filename"] = name
			}
			return values.With(resttest.Values{field: url}), e2etest.MergeObjects(params, object{"media": media}), e2etest.MergeObjects(want), file
		}
	}
	const card = "BEGIN:VCARD\nVERSION:3.0\nN:;Zoë;;;\nFN:Zoë\nTEL;type=CELL;waid=15550309999:+15550309999\nEND:VCARD"
	return []restCase{
		sendCase("POST /chat/send/text", "message.sendText", func(*testing.T, *restWorld) (resttest.Values, object, object, []byte) {
			return resttest.Values{"Body": e2etest.PlainText}, object{"text": e2etest.PlainText}, object{"type": "text", "text": e2etest.PlainText}, nil
		}),
		sendCase("POST /chat/send/image", "message.sendImage", withFile("Image", "image/jpeg", e2etest.JPEGFile,
			resttest.Values{"Caption": "the sea"}, object{"caption": "the sea"}, object{"type": "image", "text": "the sea"})),
		sendCase("POST /chat/send/audio", "message.sendAudio", withFile("Audio", "audio/ogg", plainFile(e2etest.OpusFile),
			resttest.Values{}, object{"voice_note": true}, object{"type": "audio", "raw": object{"audioMessage": object{"PTT": true}}})),
		sendCase("POST /chat/send/video", "message.sendVideo", withFile("Video", "video/mp4", plainFile(e2etest.MP4File),
			resttest.Values{"Caption": "waves"}, object{"caption": "waves"}, object{"type": "video", "text": "waves"})),
		sendCase("POST /chat/send/document", "message.sendDocument", withFile("Document", "application/octet-stream", plainFile(e2etest.PDFFile),
			resttest.Values{"FileName": "plan.pdf"}, object{}, object{"type": "document", "media": object{"filename": "plan.pdf"}})),
		sendCase("POST /chat/send/sticker", "message.sendSticker", withFile("Sticker", "image/webp", e2etest.WebPFile,
			resttest.Values{"PngThumbnail": resttest.Absent}, object{}, object{"type": "sticker"})),
		sendCase("POST /chat/send/location", "message.sendLocation", func(*testing.T, *restWorld) (resttest.Values, object, object, []byte) {
			at := object{"latitude": 48.85837, "longitude": 2.294481, "name": "Paris"}
			return resttest.Values{}, e2etest.MergeObjects(at), object{"type": "location", "location": at}, nil
		}),
		sendCase("POST /chat/send/contact", "message.sendContact", func(*testing.T, *restWorld) (resttest.Values, object, object, []byte) {
			contacts := []object{{"name": "Zoë", "vcard": card}}
			return resttest.Values{"Name": "Zoë", "Vcard": card}, object{"contacts": contacts}, object{"type": "contact", "contacts": contacts}, nil
		}),
		sendCase("POST /chat/send/template", "message.sendButtons", func(*testing.T, *restWorld) (resttest.Values, object, object, []byte) {
			params := object{"text": "Template content", "footer": "Some footer text", "buttons": []object{
				{"type": "reply", "label": "Yes"},
				{"type": "reply", "label": "No"},
				{"type": "url", "label": "Visit Site", "url": "https://www.fop2.com"},
				{"type": "call", "label": "Llamame", "phone": "1155554444"},
			}}
			return resttest.Values{}, params, object{"type": "buttons", "text": "Template content", "interactive": object{
				"footer": "Some footer text", "buttons": params["buttons"],
			}}, nil
		}),
	}
}

func wuzapiChat() []restCase {
	return []restCase{
		{operation: "POST /chat/presence", prepare: func(t *testing.T, w *restWorld) restAct {
			number := w.NewPhone(t) // a new phone without messages of earlier runs
			return restAct{
				values: resttest.Values{"Phone": number},
				calls:  []restCall{{"presence.setChatState", object{"chat": number, "state": "composing"}}},
				effect: func(t *testing.T, _ outcome) {
					if state := w.Stanza(t, number, object{"tag": "chatstate"}); !strings.Contains(state, "composing") {
						t.Errorf("the phone has %s", state)
					}
				},
			}
		}},
		{operation: "POST /chat/markread", prepare: func(t *testing.T, w *restWorld) restAct {
			first, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "one"})
			second, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "two"})
			ids := []string{first, second}
			return restAct{
				values: resttest.Values{"Id": ids, "Chat": w.Peer.JID()},
				calls:  []restCall{{"chat.markRead", object{"chat": w.Peer.Number, "message_ids": ids}}},
				effect: func(t *testing.T, _ outcome) {
					// One receipt is for both messages: the id of one, and the other in its list.
					receipt := w.Stanza(t, w.Peer.Number, object{"tag": "receipt", "type": "read", "id": first})
					if !strings.Contains(receipt, second) {
						t.Errorf("%s does not list %s", receipt, second)
					}
				},
			}
		}},
		{operation: "POST /chat/react", prepare: func(t *testing.T, w *restWorld) restAct {
			sent := w.Call(t, w.Caller, "message.sendText", object{"to": w.Peer.Number, "text": "do you like it?"})
			id := e2etest.TextOf(sent["message_id"])
			return restAct{
				values: resttest.Values{"Phone": w.Peer.Number, "Id": "me:" + id},
				calls:  []restCall{{"message.react", object{"chat": w.Peer.Number, "message_id": id, "from_me": true, "emoji": "❤️"}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, id, "Id", "0/message_id")
					w.AwaitReaction(t, w.Peer.Number, id, "❤️")
				},
			}
		}},
	}
}

// downloadCase returns the case of the download of a kind of file.
func downloadCase(kind string, content object, made func(t *testing.T, seed int) []byte) restCase {
	return restCase{operation: "POST /chat/download" + kind, prepare: func(t *testing.T, w *restWorld) restAct {
		file := made(t, 1+w.NextNumber()%100)
		_, message := w.Receive(t, w.Peer.Number, e2etest.MergeObjects(content, object{"type": kind, "base64": file}))
		sent, _ := e2etest.ValueAt(message, "raw/"+kind+"Message").(map[string]any)
		if sent == nil {
			t.Fatalf("no file in %v", message)
		}
		return restAct{
			values: resttest.Values{
				"Url": sent["URL"], "MediaKey": sent["mediaKey"], "Mimetype": sent["mimetype"],
				"FileEncSHA256": sent["fileEncSHA256"], "FileSHA256": sent["fileSHA256"], "FileLength": len(file), "DirectPath": resttest.Absent,
			},
			calls: []restCall{{"media.download", object{
				"kind": kind, "url": sent["URL"], "media_key": sent["mediaKey"], "file_sha256": sent["fileSHA256"],
				"file_enc_sha256": sent["fileEncSHA256"], "file_length": len(file), "mime_type": sent["mimetype"],
			}}},
			effect: func(t *testing.T, out outcome) {
				out.is(t, sent["mimetype"], "Mimetype", "0/media/mime_type")
				if _, got := e2etest.FromDataURL(t, out.at("Data", "0/media/base64")); string(got) != string(file) {
					t.Errorf("%d bytes instead of %d, or others", len(got), len(file))
				}
			},
		}
	}}
}

func wuzapiDownloads() []restCase {
	return []restCase{
		downloadCase("image", object{"mime_type": "image/jpeg"}, e2etest.JPEGFile),
		downloadCase("video", object{"mime_type": "video/mp4"}, plainFile(e2etest.MP4File)),
		downloadCase("audio", object{"mime_type": "audio/ogg"}, plainFile(e2etest.OpusFile)),
		downloadCase("document", object{"mime_type": "application/pdf", "filename": "plan.pdf"}, plainFile(e2etest.PDFFile)),
	}
}
