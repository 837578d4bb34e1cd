package rest

import (
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// digigoContent is the content of a send of digigo: values of the request, params of the method, the message expected at the peer.
type digigoContent struct {
	values       resttest.Values
	params, want object
	field        string // of the request, which has the file
	file         func(t *testing.T, seed int) []byte
	kind         string // media type of the file
	example      int    // of the document
}

// digigoSend returns the case of an operation that sends a message to the peer, as a reply with a mention where the document has that.
func digigoSend(operation, method string, c digigoContent) restCase {
	return restCase{operation: operation, prepare: func(t *testing.T, w *restWorld) restAct {
		id := w.MessageID()
		original, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "what a question"})
		values := resttest.Values{
			"Phone": w.Peer.Number, "phone": w.Peer.Number, "Group": w.Peer.Number, "Id": id, "id": id, "Presence": 20, "presence": 20,
			"Duration": 604800, "ViewOnce": resttest.Absent, "EchoApi": true, "NumberCheck": true, "MimeType": resttest.Absent, "duration": resttest.Absent,
		}
		params, want := object{"to": w.Peer.Number, "message_id": id}, object{"from_me": false, "quoted": object{"message_id": original}}
		for _, context := range []string{"ContextInfo.", "context_info."} {
			values = values.With(resttest.Values{
				strings.TrimSuffix(context, "."): object{}, context + "stanzaID": original, context + "participant": w.Peer.JID(), context + "quotedMessage": resttest.Absent,
				context + "isForwarded": false, context + "mentionedJID": []string{w.Peer.JID()}, context + "mentionAll": resttest.Absent,
			})
		}
		if method != "message.sendVideo" || c.values["Caption"] != nil { // round videos have no context
			params["reply_to"], params["mentions"] = object{"message_id": original, "sender": w.Peer.JID()}, []string{w.Peer.JID()}
			want["mentions"] = []string{w.Peer.JID()}
		} else {
			delete(want, "quoted")
		}
		values, params = values.With(c.values), e2etest.MergeObjects(params, c.params)
		var file []byte
		if c.file != nil {
			file = c.file(t, 1+w.NextNumber()%100)
			values[c.field] = e2etest.DataURL(c.kind, file)
			media := object{"base64": values[c.field]}
			if name := c.values["FileName"]; name != nil {
				media["filename"] = name
			}
			params["media"] = media
		}
		return restAct{example: c.example, values: values, calls: []restCall{{method, params}}, effect: func(t *testing.T, out outcome) {
			if operation == "POST /chat/send/ptv" { // takes no id
				id = e2etest.TextOf(out.at("Id", "0/message_id"))
			}
			out.is(t, id, "Id", "0/message_id")
			w.OnPhone(t, w.Peer.Number, id, e2etest.MergeObjects(want, c.want))
			if file != nil {
				w.FileOnPhone(t, w.Peer.Number, id, file)
			}
		}}
	}}
}

func digigoSends() []restCase {
	const card = "BEGIN:VCARD\nVERSION:3.0\nN:;Zoë;;;\nFN:Zoë\nTEL;type=CELL;waid=15550309999:+15550309999\nEND:VCARD"
	at := object{"latitude": 48.85837, "longitude": 2.294481, "name": "Paris"}
	list := func(rows, id, title, about string) []object {
		return []object{{title: "Plans", rows: []object{{id: "basic", title: "Basic", about: "for small teams"}}}}
	}
	pay := object{"id": "review_pay_btn", "type": "review_and_pay", "label": "Revisar e pagar", "pix": object{"key": "11999999999", "merchant_name": "Minha Loja", "key_type": "PHONE"}, "order": object{
		"reference_id": "ORDER-2024-001", "currency": "BRL", "total_value": 10990, "items": []object{{"name": "Fone de ouvido", "quantity": 1, "amount_value": 7990}},
	}}
	flow := object{"display_text": "Start", "flow_id": "1", "mode": "draft"}
	return []restCase{
		digigoSend("POST /chat/send/text", "message.sendText", digigoContent{
			values: resttest.Values{"Body": e2etest.PlainText}, params: object{"text": e2etest.PlainText, "disappearing_seconds": 604800},
			want: object{"type": "text", "text": e2etest.PlainText, "disappearing_seconds": 604800},
		}),
		digigoSend("POST /chat/send/link", "message.sendText", digigoContent{
			values: resttest.Values{"Link": "http://127.0.0.1:1/page", "Caption": "the page"}, params: object{"text": "the page\nhttp://127.0.0.1:1/page", "link_preview": true},
			want: object{"type": "text", "text": "the page\nhttp://127.0.0.1:1/page"},
		}),
		digigoSend("POST /chat/send/image", "message.sendImage", digigoContent{
			values: resttest.Values{"Caption": "the sea"}, params: object{"caption": "the sea"}, want: object{"type": "image", "text": "the sea"},
			field: "Image", kind: "image/jpeg", file: e2etest.JPEGFile,
		}),
		digigoSend("POST /chat/send/audio", "message.sendAudio", digigoContent{
			values: resttest.Values{"PTT": resttest.Absent}, params: object{"voice_note": true}, want: object{"type": "audio", "raw": object{"audioMessage": object{"PTT": true}}},
			field: "Audio", kind: "audio/ogg", file: plainFile(e2etest.OpusFile),
		}),
		digigoSend("POST /chat/send/document", "message.sendDocument", digigoContent{
			values: resttest.Values{"FileName": "plan.pdf", "Caption": "to sign"}, params: object{"caption": "to sign"},
			want:  object{"type": "document", "text": "to sign", "media": object{"filename": "plan.pdf"}},
			field: "Document", kind: "application/pdf", file: plainFile(e2etest.PDFFile),
		}),
		digigoSend("POST /chat/send/video", "message.sendVideo", digigoContent{
			values: resttest.Values{"Caption": "waves", "JPEGThumbnail": resttest.Absent}, params: object{"caption": "waves"}, want: object{"type": "video", "text": "waves"},
			field: "Video", kind: "video/mp4", file: plainFile(e2etest.MP4File),
		}),
		digigoSend("POST /chat/send/ptv", "message.sendVideo", digigoContent{
			params: object{"video_note": true}, want: object{"type": "video"}, field: "Video", kind: "video/mp4", file: plainFile(e2etest.MP4File),
		}),
		digigoSend("POST /chat/send/sticker", "message.sendSticker", digigoContent{
			values: resttest.Values{"PngThumbnail": resttest.Absent}, want: object{"type": "sticker"}, field: "Sticker", kind: "image/webp", file: e2etest.WebPFile,
		}),
		digigoSend("POST /chat/send/location", "message.sendLocation", digigoContent{
			values: resttest.Values{"Name": "Paris"}, params: at, want: object{"type": "location", "location": at},
		}),
		digigoSend("POST /chat/send/contact", "message.sendContact", digigoContent{
			values: resttest.Values{"Name": "Zoë", "Vcard": card}, params: object{"contacts": []object{{"name": "Zoë", "vcard": card}}},
			want: object{"type": "contact", "contacts": []object{{"name": "Zoë", "vcard": card}}},
		}),
		digigoSend("POST /chat/send/poll", "message.sendPoll", digigoContent{
			values: resttest.Values{"Header": "When?", "Options": []string{"now", "later"}, "MaxAnswer": 2},
			params: object{"question": "When?", "options": []string{"now", "later"}, "selectable_count": 0},
			want:   object{"type": "poll", "poll": object{"question": "When?", "selectable_count": 0}},
		}),
		digigoSend("POST /chat/send/event", "message.sendEvent", digigoContent{
			values: resttest.Values{"Name": "Regatta", "StartTime": 2524608000}, params: object{"name": "Regatta", "start_at": "2050-01-01T00:00:00Z"},
			want: object{"type": "event", "event": object{"name": "Regatta", "start_time": "2050-01-01T00:00:00Z"}},
		}),
		digigoSend("POST /chat/send/list", "message.sendList", digigoContent{
			values: resttest.Values{"Text": "Choose", "ButtonText": "Open", "Sections": list("Rows", "RowId", "Title", "Description")},
			params: object{"text": "Choose", "button_text": "Open", "sections": list("rows", "id", "title", "description")},
			want:   object{"type": "list", "text": "Choose"},
		}),
		digigoSend("POST /chat/send/buttons", "message.sendButtons", digigoContent{
			example: 1, values: resttest.Values{"text": "Pay"}, params: object{"text": "Pay", "buttons": []object{pay}},
			want: object{"type": "buttons", "text": "Pay", "interactive": object{"buttons": []object{{"type": "review_and_pay"}}}},
		}),
		digigoSend("POST /chat/send/flow", "message.sendNativeFlow", digigoContent{
			values: resttest.Values{"Body": "Answer", "Buttons": []object{{"Name": "start", "ButtonParams": flow, "ParamsJSON": `{"mode":"published"}`}}},
			params: object{"text": "Answer", "buttons": []object{{"name": "start", "params": flow}}}, want: object{"type": "native_flow", "text": "Answer"},
		}),
		digigoSend("POST /chat/send/carousel", "message.sendCarousel", digigoContent{
			values: resttest.Values{"Message": "Look", "Carousel": []object{{"Text": "One", "Buttons": []object{{"Id": "C1", "Label": "Copy", "Type": "copy"}}}}},
			params: object{"text": "Look", "cards": []object{{"text": "One", "buttons": []object{{"code": "C1", "label": "Copy", "type": "copy"}}}}},
			want:   object{"type": "carousel", "text": "Look"},
		}),
		{operation: "POST /chat/send/edit", prepare: func(t *testing.T, w *restWorld) restAct {
			sent := w.Call(t, w.Caller, "message.sendText", object{"to": w.Peer.Number, "text": "befor"})
			id, mentions := e2etest.TextOf(sent["message_id"]), []string{w.Peer.JID()}
			has := func(who e2etest.Session, key, value string) func() bool {
				return func() bool {
					var seen struct{ Message map[string]any }
					err := e2etest.CallMethod(w.Server.Addr, "message.get", object{"session": who.ID, "message_id": id}, &seen)
					return err == nil && seen.Message[key] == value
				}
			}
			testkit.Within(t, e2etest.FeedWait, "the message is delivered", has(w.Caller, "status", "delivered"))
			return restAct{
				values: resttest.Values{"Phone": w.Peer.Number, "Id": id, "Body": "before", "ContextInfo.MentionAll": resttest.Absent, "ContextInfo.MentionedJID": mentions},
				calls:  []restCall{{"message.edit", object{"chat": w.Peer.Number, "message_id": id, "text": "before", "mentions": mentions}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, id, "Id", "0/message_id")
					testkit.Within(t, e2etest.FeedWait, "the peer has the new text", has(w.Peer, "text", "before"))
				},
			}
		}},
	}
}
