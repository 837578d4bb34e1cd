package formats

import (
	"bytes"
	"encoding/base64"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
	"github.com/waystation/waystation/transports/kit/testkit"
)

// hookFile is the file in a delivery.
type hookFile struct {
	content          []byte
	filename, reason string
}

// readHookFile parses a delivery as receivers of its format do. id is the message's id.
func readHookFile(t *testing.T, r e2etest.HookRequest) (id string, f hookFile) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	data := r.Body
	switch kind {
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(r.Body))
		if err != nil {
			t.Fatal(err)
		}
		data = []byte(form.Get("jsonData"))
	case "multipart/form-data":
		form, err := multipart.NewReader(bytes.NewReader(r.Body), params["boundary"]).ReadForm(1 << 20)
		if err != nil || len(form.File["file"]) != 1 || len(form.Value["jsonData"]) != 1 {
			t.Fatalf("%v: %v", err, form)
		}
		data = []byte(form.Value["jsonData"][0])
		part, err := form.File["file"][0].Open()
		if err != nil {
			t.Fatal(err)
		}
		var content bytes.Buffer
		if _, err := content.ReadFrom(part); err != nil {
			t.Fatal(err)
		}
		f.content, f.filename = content.Bytes(), form.File["file"][0].Filename
	}
	body := e2etest.ReadJSON(t, data)
	code, reason := body["base64"], body["fileSkipped"]
	id = e2etest.TextOf(e2etest.ValueAt(body, "event/Info/ID"))
	if body["data"] != nil {
		id, code, reason = e2etest.TextOf(e2etest.ValueAt(body, "data/message_id")), e2etest.ValueAt(body, "data/file/base64"), e2etest.ValueAt(body, "data/file/skipped")
		f.filename = e2etest.TextOf(e2etest.ValueAt(body, "data/file/filename"))
	}
	f.reason = e2etest.TextOf(reason)
	if code != nil {
		if f.content, err = base64.StdEncoding.DecodeString(e2etest.TextOf(code)); err != nil {
			t.Fatal(err)
		}
		if name := e2etest.TextOf(body["fileName"]); name != "" {
			f.filename = name
		}
	}
	return id, f
}

// TestWebhookFiles checks that webhooks get the account's received files, in each form; a file over the limit and one that WhatsApp lost are
// left out with the reason, and their messages still arrive.
func TestWebhookFiles(t *testing.T) {
	w := e2etest.StartDialectWorld(t, "wuzapi", "-webhook-file-bytes", "60000",
		"-global-webhook-enabled", "-global-webhook-url", "{receiver}/global", "-global-webhook-files", "inline")
	if status, body := wuzapiPost(t, w, w.Caller, "/webhook", object{"webhookURL": w.Receiver.URL + "/default", "events": []string{"Message"}, "files": "multipart"}); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if hook := w.Call(t, w.Caller, "webhook.get", nil); e2etest.TextOf(e2etest.ValueAt(map[string]any(hook), "webhook/files")) != "multipart" {
		t.Errorf("%v", hook)
	}
	paths := []string{"/default", "/global"}
	for path, hook := range map[string]object{
		"/form-inline": {"format": "wuzapi", "files": "inline"}, "/json-inline": {"format": "wuzapi_json", "files": "inline"},
		"/json-multipart": {"format": "wuzapi_json", "files": "multipart"}, "/native": {"format": "native", "files": "inline"},
	} {
		w.Call(t, w.Caller, "webhook.create", e2etest.MergeObjects(hook, object{"name": path, "url": w.Receiver.URL + path, "events": []string{"Message"}}))
		paths = append(paths, path)
	}
	for name, c := range map[string]struct {
		content  object
		file     []byte
		filename string
		reason   string
	}{
		"image":    {object{"type": "image", "text": "the sea"}, e2etest.JPEGFile(t, 3), "", ""},
		"video":    {object{"type": "video"}, e2etest.MP4File(4), "", ""},
		"audio":    {object{"type": "audio", "mime_type": "audio/ogg; codecs=opus"}, e2etest.OpusFile(5), "", ""},
		"document": {object{"type": "document", "mime_type": "application/pdf", "filename": "01/2025.pdf"}, e2etest.PDFFile(6), "01_2025.pdf", ""},
		"sticker":  {object{"type": "sticker"}, e2etest.WebPFile(t, 7), "", ""},
		"large":    {object{"type": "document", "mime_type": "text/plain", "filename": "a.txt"}, bytes.Repeat([]byte("a"), 60001), "", "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			id, _ := w.Receive(t, w.Peer.Number, e2etest.MergeObjects(c.content, object{"base64": base64.StdEncoding.EncodeToString(c.file)}))
			for _, path := range paths {
				var got hookFile
				testkit.Within(t, e2etest.FeedWait, "the message at "+path, func() bool {
					for _, r := range w.Receiver.RequestsTo(path) {
						var of string
						if of, got = readHookFile(t, r); of == id {
							return true
						}
					}
					return false
				})
				switch {
				case c.reason != "":
					if got.reason != c.reason || got.content != nil {
						t.Errorf("%s: %d bytes, %q", path, len(got.content), got.reason)
					}
				case !bytes.Equal(got.content, c.file) || got.reason != "":
					t.Errorf("%s: %d bytes of %d, %q", path, len(got.content), len(c.file), got.reason)
				case got.filename == "" || c.filename != "" && got.filename != c.filename:
					t.Errorf("%s: the name is %q", path, got.filename)
				}
			}
		})
	}
	t.Run("a session that skips media", func(t *testing.T) {
		w.Call(t, w.Caller, "session.updateSettings", object{"skip_media": true})
		id, _ := w.Receive(t, w.Peer.Number, object{"type": "image", "base64": base64.StdEncoding.EncodeToString(e2etest.JPEGFile(t, 8))})
		testkit.Within(t, e2etest.FeedWait, "the message", func() bool {
			for _, r := range w.Receiver.RequestsTo("/default") {
				if of, got := readHookFile(t, r); of == id {
					if got.reason != "skip_media" || got.content != nil {
						t.Fatalf("%d bytes, %q", len(got.content), got.reason)
					}
					return true
				}
			}
			return false
		})
	})
}
