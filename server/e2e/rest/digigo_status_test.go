package rest

import (
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// digigoStatus returns the cases of status posts, which the shop gets as a contact of the caller.
func digigoStatus() []restCase {
	known := func(t *testing.T, w *restWorld) {
		t.Helper()
		testkit.Within(t, e2etest.FeedWait, "the shop is a contact", func() bool {
			return e2etest.CallMethod(w.Server.Addr, "contact.save", object{"session": w.Caller.ID, "contact": w.Shop, "full_name": "Shop"}, nil) == nil
		})
	}
	post := func(kind string, values resttest.Values, content, want object, mediaType string, made func(t *testing.T, seed int) []byte) restCase {
		return restCase{operation: "POST /status/send/" + kind, prepare: func(t *testing.T, w *restWorld) restAct {
			known(t, w)
			id := w.MessageID()
			values, content := values.With(resttest.Values{"id": id}), e2etest.MergeObjects(content, object{"type": kind})
			var file []byte
			if made != nil {
				file = made(t, 1+w.NextNumber()%100)
				values[kind] = e2etest.DataURL(mediaType, file)
				content["media"] = object{"base64": values[kind]}
			}
			return restAct{
				values: values, calls: []restCall{{"status.send", object{"content": content, "message_id": id}}},
				effect: func(t *testing.T, out outcome) {
					out.is(t, id, "message_id", "0/message_id")
					w.OnPhone(t, w.Shop, id, e2etest.MergeObjects(want, object{"type": kind, "chat": "status@broadcast", "is_status": true, "from_me": false}))
					if file != nil {
						w.FileOnPhone(t, w.Shop, id, file)
					}
				},
			}
		}}
	}
	return []restCase{
		post("text", resttest.Values{"text": "at sea", "background_color": "4294967295", "text_color": resttest.Absent, "font": 7},
			object{"text": "at sea", "background_color": "#FFFFFFFF", "font": 7},
			object{"text": "at sea", "raw": object{"extendedTextMessage": object{"backgroundArgb": 4294967295, "font": "MORNINGBREEZE_REGULAR"}}}, "", nil),
		post("image", resttest.Values{"caption": "the sea"}, object{"caption": "the sea"}, object{"text": "the sea"}, "image/jpeg", e2etest.JPEGFile),
		post("video", resttest.Values{"caption": "waves"}, object{"caption": "waves"}, object{"text": "waves"}, "video/mp4", plainFile(e2etest.MP4File)),
		post("audio", resttest.Values{"ptt": true}, object{"voice_note": true}, object{"raw": object{"audioMessage": object{"PTT": true}}}, "audio/ogg", plainFile(e2etest.OpusFile)),
	}
}
