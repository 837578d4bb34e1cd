package rest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
)

// wuzapiVariants returns requests that the document allows beside its examples, and requests of real callers.
func wuzapiVariants() map[string]restCase {
	text := func(values func(w *restWorld) resttest.Values, check func(t *testing.T, w *restWorld, id string)) restCase {
		return restCase{operation: "POST /chat/send/text", prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{
				values: resttest.Values{"Phone": w.Peer.Number, "Body": "variant", "Id": w.MessageID()}.With(values(w)),
				effect: func(t *testing.T, out outcome) { check(t, w, e2etest.TextOf(out.at("Id", ""))) },
			}
		}}
	}
	toPeer := func(t *testing.T, w *restWorld, id string) {
		w.OnPhone(t, w.Peer.Number, id, object{"text": "variant"})
	}
	all := map[string]restCase{
		"number with plus": text(func(w *restWorld) resttest.Values { return resttest.Values{"Phone": "+" + w.Peer.Number} }, toPeer),
		"JID":              text(func(w *restWorld) resttest.Values { return resttest.Values{"Phone": w.Peer.JID()} }, toPeer),
		"without id":       text(func(*restWorld) resttest.Values { return resttest.Values{"Id": resttest.Absent} }, toPeer),
		"group": text(func(w *restWorld) resttest.Values { return resttest.Values{"Phone": w.Group} }, func(t *testing.T, w *restWorld, id string) {
			w.OnPhone(t, w.Peer.Number, id, object{"text": "variant", "chat": w.Group})
		}),
	}
	for _, part := range []map[string]restCase{wuzapiMediaVariants(), wuzapiChatVariants(), wuzapiStateVariants(), wuzapiGroupVariants()} {
		for name, c := range part {
			all[name] = c
		}
	}
	return all
}

// variantCase sends a documented file or content with a few other values to the peer and compares the received message.
func variantCase(operation string, prepare func(t *testing.T, w *restWorld) (values resttest.Values, want object, file []byte)) restCase {
	return restCase{operation: operation, prepare: func(t *testing.T, w *restWorld) restAct {
		values, want, file := prepare(t, w)
		return restAct{values: values.With(resttest.Values{"Phone": w.Peer.Number}), effect: func(t *testing.T, out outcome) {
			id := e2etest.TextOf(out.at("Id", ""))
			w.OnPhone(t, w.Peer.Number, id, want)
			if file != nil {
				w.FileOnPhone(t, w.Peer.Number, id, file)
			}
		}}
	}}
}

func wuzapiMediaVariants() map[string]restCase {
	return map[string]restCase{
		"document with a caption": variantCase("POST /chat/send/document", func(_ *testing.T, w *restWorld) (resttest.Values, object, []byte) {
			file := e2etest.PDFFile(1 + w.NextNumber()%100)
			return resttest.Values{"Document": e2etest.DataURL("application/octet-stream", file), "Caption": "to sign", "FileName": "a.pdf"},
				object{"type": "document", "text": "to sign"}, file
		}),
		"video that is called an image, with a thumbnail": variantCase("POST /chat/send/video", func(t *testing.T, w *restWorld) (resttest.Values, object, []byte) {
			file, small := e2etest.MP4File(1+w.NextNumber()%100), e2etest.JPEGFile(t, 3)
			return resttest.Values{"Video": e2etest.DataURL("image/jpeg", file), "JpegThumbnail": base64.StdEncoding.EncodeToString(small)},
				object{"type": "video"}, file
		}),
		"sticker with a thumbnail": variantCase("POST /chat/send/sticker", func(t *testing.T, w *restWorld) (resttest.Values, object, []byte) {
			file, small := e2etest.WebPFile(t, 1+w.NextNumber()%100), e2etest.PNGFile(t, 3)
			return resttest.Values{"Sticker": e2etest.DataURL("image/webp", file), "PngThumbnail": base64.StdEncoding.EncodeToString(small)},
				object{"type": "sticker"}, file
		}),
		"image that is a png, and called a jpeg": variantCase("POST /chat/send/image", func(t *testing.T, w *restWorld) (resttest.Values, object, []byte) {
			file := e2etest.PNGFile(t, 1+w.NextNumber()%100)
			return resttest.Values{"Image": e2etest.DataURL("image/jpeg", file), "Caption": resttest.Absent}, object{"type": "image"}, file
		}),
		"image with a label in capitals, in lines": variantCase("POST /chat/send/image", func(t *testing.T, w *restWorld) (resttest.Values, object, []byte) {
			file := e2etest.JPEGFile(t, 1+w.NextNumber()%100)
			code := base64.URLEncoding.EncodeToString(file)
			return resttest.Values{"Image": "DATA:IMAGE/X-ANY;BASE64," + code[:50] + "\r\n" + code[50:], "Caption": resttest.Absent}, object{"type": "image"}, file
		}),
		"sound that is called an mpeg": variantCase("POST /chat/send/audio", func(_ *testing.T, w *restWorld) (resttest.Values, object, []byte) {
			file := e2etest.OpusFile(1 + w.NextNumber()%100)
			return resttest.Values{"Audio": e2etest.DataURL("audio/mpeg", file)}, object{"type": "audio"}, file
		}),
		"video with a thumbnail of another type": variantCase("POST /chat/send/video", func(t *testing.T, w *restWorld) (resttest.Values, object, []byte) {
			file, small := e2etest.MP4File(1+w.NextNumber()%100), e2etest.PNGFile(t, 3)
			return resttest.Values{"Video": e2etest.DataURL("video/webm", file), "JpegThumbnail": base64.RawURLEncoding.EncodeToString(small)},
				object{"type": "video"}, file
		}),
		"image that is a png": variantCase("POST /chat/send/image", func(t *testing.T, w *restWorld) (resttest.Values, object, []byte) {
			file := e2etest.PNGFile(t, 1+w.NextNumber()%100)
			return resttest.Values{"Image": e2etest.DataURL("image/png", file), "Caption": resttest.Absent}, object{"type": "image"}, nil
		}),
		"place on the equator": variantCase("POST /chat/send/location", func(*testing.T, *restWorld) (resttest.Values, object, []byte) {
			return resttest.Values{"Latitude": 0, "Longitude": 0}, object{"location": object{"latitude": 0, "longitude": 0}}, nil
		}),
		"template with ids": variantCase("POST /chat/send/template", func(*testing.T, *restWorld) (resttest.Values, object, []byte) {
			return resttest.Values{"Buttons": []object{{"DisplayText": "Yes", "Type": "quickreply", "Id": "yes"}, {"DisplayText": "Site", "Type": "url", "Url": "https://example.net"}}},
				object{"interactive": object{"buttons": []object{{"type": "reply", "label": "Yes", "id": "yes"}, {"type": "url", "label": "Site", "url": "https://example.net"}}}}, nil
		}),
	}
}

func wuzapiChatVariants() map[string]restCase {
	state := func(values resttest.Values, want ...string) restCase {
		return restCase{operation: "POST /chat/presence", prepare: func(t *testing.T, w *restWorld) restAct {
			number := w.NewPhone(t)
			return restAct{values: values.With(resttest.Values{"Phone": number}), effect: func(t *testing.T, _ outcome) {
				got := w.Stanza(t, number, object{"tag": "chatstate"})
				for _, part := range want {
					if !strings.Contains(got, part) {
						t.Errorf("%s lacks %s", got, part)
					}
				}
			}}
		}}
	}
	reaction := func(emoji string, reacted string) restCase {
		return restCase{operation: "POST /chat/react", prepare: func(t *testing.T, w *restWorld) restAct {
			id, _ := w.Receive(t, w.Peer.Number, object{"type": "text", "text": "react to me"})
			if reacted == "" {
				w.Call(t, w.Caller, "message.react", object{"chat": w.Peer.Number, "message_id": id, "emoji": "👍"})
			}
			return restAct{values: resttest.Values{"Phone": w.Peer.Number, "Id": id, "Body": emoji}, effect: func(t *testing.T, _ outcome) {
				w.AwaitReaction(t, w.Peer.Number, id, reacted)
			}}
		}}
	}
	return map[string]restCase{
		"recording":           state(resttest.Values{"State": "composing", "Media": "audio"}, "composing", "audio"),
		"paused":              state(resttest.Values{"State": "paused"}, "paused"),
		"reaction to another": reaction("🎉", "🎉"),
		"reaction taken back": reaction("remove", ""),
		"read in a group": {operation: "POST /chat/markread", prepare: func(t *testing.T, w *restWorld) restAct {
			var sent struct {
				MessageID string `json:"message_id"`
			}
			e2etest.MustCall(t, w.Network.Addr, "sandbox.send", object{"account": w.Peer.Number, "to": w.Group, "content": object{"type": "text", "text": "all read?"}}, &sent)
			return restAct{
				values: resttest.Values{"Id": []string{sent.MessageID}, "Chat": w.Group, "Sender": w.Peer.JID()},
				effect: func(t *testing.T, _ outcome) {
					w.Stanza(t, w.Peer.Number, object{"tag": "receipt", "type": "read", "id": sent.MessageID})
				},
			}
		}},
	}
}

func wuzapiStateVariants() map[string]restCase {
	connect := func(body string, events []string) restCase {
		return restCase{operation: "POST /session/connect", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewOfflineSession(t)
			return restAct{as: &s, alter: func(r *resttest.Request) { r.Body = []byte(body) }, effect: func(t *testing.T, _ outcome) {
				w.AwaitState(t, s, "connected")
				e2etest.CheckSame(t, "events", events, e2etest.ValueAt(map[string]any(w.Call(t, s, "webhook.get", nil)), "webhook/events"))
			}}
		}}
	}
	hook := func(body func(url string) object, events []string, active bool) restCase {
		return restCase{operation: "POST /webhook", prepare: func(t *testing.T, w *restWorld) restAct {
			s := w.NewSession(t)
			w.Call(t, s, "webhook.update", object{"url": w.Receiver.URL + "/before", "events": []string{"Receipt"}, "active": true})
			return restAct{
				as:    &s,
				alter: func(r *resttest.Request) { r.Body = jsonOf(body(w.Receiver.URL + "/after")) },
				effect: func(t *testing.T, out outcome) {
					now, _ := w.Call(t, s, "webhook.get", nil)["webhook"].(map[string]any)
					e2etest.CheckSame(t, "webhook", object{"url": out.at("webhook", ""), "active": active, "events": events}, now)
				},
			}
		}}
	}
	return map[string]restCase{
		"connect at once":            connect(`{"Immediate":true}`, []string{"*"}),
		"connect with nothing":       connect(`{}`, []string{"*"}),
		"connect with unknown names": connect(`{"Subscribe":["Nothing","ReadReceipt"]}`, []string{"ReadReceipt", "Receipt"}),
		"webhook by its other name":  hook(func(url string) object { return object{"webhook": url} }, []string{"Receipt"}, true),
		"webhook with events": hook(func(url string) object {
			return object{"webhookURL": url, "events": []string{"Message"}}
		}, []string{"Message"}, true),
		"webhook switched off": hook(func(string) object { return object{"webhookURL": ""} }, []string{"Receipt"}, false),
	}
}

func wuzapiGroupVariants() map[string]restCase {
	// asked has its fields in the query only, as clients send them with GET.
	asked := func(query func(w *restWorld) url.Values) func(w *restWorld) func(*resttest.Request) {
		return func(w *restWorld) func(*resttest.Request) {
			return func(r *resttest.Request) { r.Query, r.Body, r.Header = query(w), nil, http.Header{} }
		}
	}
	reset := func(how func(w *restWorld) func(*resttest.Request)) restCase {
		return restCase{operation: "GET /group/invitelink", prepare: func(t *testing.T, w *restWorld) restAct {
			before := e2etest.TextOf(w.Call(t, w.Caller, "group.getInviteLink", object{"group": w.Group})["url"])
			return restAct{alter: how(w), effect: func(t *testing.T, out outcome) {
				now := e2etest.TextOf(w.Call(t, w.Caller, "group.getInviteLink", object{"group": w.Group})["url"])
				if now == before || out.at("InviteLink", "") != now {
					t.Errorf("the link was %s, is %s, and %v was answered", before, now, out.at("InviteLink", ""))
				}
			}}
		}}
	}
	return map[string]restCase{
		"new link": reset(func(w *restWorld) func(*resttest.Request) {
			return func(r *resttest.Request) { r.Body = jsonOf(object{"GroupJID": w.Group, "Reset": true}) }
		}),
		"new link by query": reset(asked(func(w *restWorld) url.Values { return url.Values{"groupJID": {w.Group}, "reset": {"true"}} })),
		"group by query": {operation: "GET /group/info", rules: extra(ofGroup("data.")...), prepare: func(_ *testing.T, w *restWorld) restAct {
			alter := asked(func(w *restWorld) url.Values { return url.Values{"groupJID": {w.Group}} })
			return restAct{alter: alter(w), effect: func(t *testing.T, out outcome) { out.is(t, w.Group, "JID", "") }}
		}},
		"people by JID": {operation: "POST /user/check", prepare: func(_ *testing.T, w *restWorld) restAct {
			return restAct{values: resttest.Values{"Phone": []string{"+" + w.Shop}}, effect: func(t *testing.T, out outcome) {
				out.is(t, []object{{"IsInWhatsapp": true, "JID": e2etest.JIDOf(w.Shop), "Query": "+" + w.Shop}}, "Users", "")
			}}
		}},
	}
}

func jsonOf(value any) []byte {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return raw
}
