package e2e

import (
	"bytes"
	"encoding/base64"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"testing"
)

// hookFile is the file in a delivery.
type hookFile struct {
	content          []byte
	filename, reason string
}

// readHookFile parses a delivery as receivers of its format do. id is the message's id.
func readHookFile(t *testing.T, r hookRequest) (id string, f hookFile) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	data := r.body
	switch kind {
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(r.body))
		if err != nil {
			t.Fatal(err)
		}
		data = []byte(form.Get("jsonData"))
	case "multipart/form-data":
		form, err := multipart.NewReader(bytes.NewReader(r.body), params["boundary"]).ReadForm(1 << 20)
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
	body := readJSON(t, data)
	code, reason := body["base64"], body["fileSkipped"]
	id = str(valueAt(body, "event/Info/ID"))
	if body["data"] != nil {
		id, code, reason = str(valueAt(body, "data/message_id")), valueAt(body, "data/file/base64"), valueAt(body, "data/file/skipped")
		f.filename = str(valueAt(body, "data/file/filename"))
	}
	f.reason = str(reason)
	if code != nil {
		if f.content, err = base64.StdEncoding.DecodeString(str(code)); err != nil {
			t.Fatal(err)
		}
		if name := str(body["fileName"]); name != "" {
			f.filename = name
		}
	}
	return id, f
}

// TestWebhookFiles checks that webhooks get the account's received files, in each form; a file over the limit and one that WhatsApp lost are
// left out with the reason, and their messages still arrive.
func TestWebhookFiles(t *testing.T) {
	w := startRestWorld(t, "wuzapi", "-webhook-file-bytes", "60000",
		"-global-webhook-enabled", "-global-webhook-url", "{receiver}/global", "-global-webhook-files", "inline")
	if status, body := wuzapiPost(t, w, w.caller, "/webhook", object{"webhookURL": w.receiver.url + "/default", "events": []string{"Message"}, "files": "multipart"}); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if hook := w.call(t, w.caller, "webhook.get", nil); str(valueAt(map[string]any(hook), "webhook/files")) != "multipart" {
		t.Errorf("%v", hook)
	}
	paths := []string{"/default", "/global"}
	for path, hook := range map[string]object{
		"/form-inline": {"format": "wuzapi", "files": "inline"}, "/json-inline": {"format": "wuzapi_json", "files": "inline"},
		"/json-multipart": {"format": "wuzapi_json", "files": "multipart"}, "/native": {"format": "native", "files": "inline"},
	} {
		w.call(t, w.caller, "webhook.create", merged(hook, object{"name": path, "url": w.receiver.url + path, "events": []string{"Message"}}))
		paths = append(paths, path)
	}
	for name, c := range map[string]struct {
		content  object
		file     []byte
		filename string
		reason   string
	}{
		"image":    {object{"type": "image", "text": "the sea"}, jpegFile(t, 3), "", ""},
		"video":    {object{"type": "video"}, mp4File(4), "", ""},
		"audio":    {object{"type": "audio", "mime_type": "audio/ogg; codecs=opus"}, opusFile(5), "", ""},
		"document": {object{"type": "document", "mime_type": "application/pdf", "filename": "01/2025.pdf"}, pdfFile(6), "01_2025.pdf", ""},
		"sticker":  {object{"type": "sticker"}, webpFile(t, 7), "", ""},
		"large":    {object{"type": "document", "mime_type": "text/plain", "filename": "a.txt"}, bytes.Repeat([]byte("a"), 60001), "", "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			id, _ := w.receive(t, w.peer.number, merged(c.content, object{"base64": base64.StdEncoding.EncodeToString(c.file)}))
			for _, path := range paths {
				var got hookFile
				eventually(t, feedWait, "the message at "+path, func() bool {
					for _, r := range w.receiver.of(path) {
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
		w.call(t, w.caller, "session.updateSettings", object{"skip_media": true})
		id, _ := w.receive(t, w.peer.number, object{"type": "image", "base64": base64.StdEncoding.EncodeToString(jpegFile(t, 8))})
		eventually(t, feedWait, "the message", func() bool {
			for _, r := range w.receiver.of("/default") {
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
