package badinput

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
)

// cutJPEG returns the first part of a real picture.
func cutJPEG(t *testing.T) []byte {
	t.Helper()
	var whole bytes.Buffer
	if err := jpeg.Encode(&whole, image.NewRGBA(image.Rect(0, 0, 320, 240)), nil); err != nil {
		t.Fatal(err)
	}
	return whole.Bytes()[:200]
}

// TestMediaThatIsNotWhatItSaysIsRefused checks that files which do not match their declaration are not sent; the error names the wrong member of the media object.
func TestMediaThatIsNotWhatItSaysIsRefused(t *testing.T) {
	const limit = 200 << 10
	w := startWorld(t, "-max-media-bytes", fmt.Sprint(limit))
	asked := false
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer private.Close()
	before := w.state(t)
	text, page := []byte("just some text, no picture"), []byte("<!DOCTYPE html><html><body>no video</body></html>")
	_, port, _ := strings.Cut(strings.TrimPrefix(private.URL, "http://"), ":")
	type media = object
	for _, c := range []struct {
		name, kind string
		media      media
		code       int
		pointer    string
	}{
		{"text as a picture", "Image", media{"base64": e2etest.DataURL("image/png", text)}, -32602, "/base64"},
		{"text as a picture by mime_type", "Image", media{"base64": e2etest.DataURL("", text), "mime_type": "image/png"}, -32602, "/mime_type"},
		{"text that admits it", "Image", media{"base64": e2etest.DataURL("text/plain", text)}, -32602, ""},
		{"a page as a video", "Video", media{"base64": e2etest.DataURL("video/mp4", page)}, -32602, "/base64"},
		{"a page that admits it", "Video", media{"base64": e2etest.DataURL("text/html", page)}, -32602, ""},
		{"a picture as sound", "Audio", media{"base64": "data:audio/ogg;base64," + tinyPNG}, -32602, "/base64"},
		{"a page as a sticker", "Sticker", media{"base64": e2etest.DataURL("image/webp", page)}, -32602, "/base64"},
		{"a program as a PDF", "Document", media{"base64": e2etest.DataURL("application/pdf", []byte("\x7fELF\x02\x01\x01\x00"))}, -32602, "/base64"},
		{"half a JPEG", "Image", media{"base64": e2etest.DataURL("image/jpeg", cutJPEG(t))}, -32602, ""},
		{"half a PNG", "Image", media{"base64": "data:image/png;base64," + tinyPNG[:40]}, -32602, ""},
		{"a header alone as WebP", "Sticker", media{"base64": e2etest.DataURL("image/webp", []byte("RIFF\x04\x00\x00\x00WEBP"))}, -32602, "/base64"},
		{"an empty file", "Document", media{"base64": "data:text/plain;base64,"}, -32602, "/base64"},
		{"bad base64", "Image", media{"base64": "data:image/png;base64,*not*base64*"}, -32602, "/base64"},
		{"base64 cut off", "Image", media{"base64": "data:image/png;base64,iVBOR"}, -32602, "/base64"},
		{"words", "Image", media{"base64": "not base64, not a data URL"}, -32602, "/base64"},
		{"a data URL without base64", "Image", media{"base64": "data:image/png,abc"}, -32602, "/base64"},
		{"a type that is none", "Document", media{"base64": e2etest.DataURL("", text), "mime_type": "nonsense"}, -32602, "/mime_type"},
		{"a name that is a path", "Document", media{"base64": e2etest.DataURL("", text), "filename": "../../etc/passwd"}, -32602, "/filename"},
		{"too large", "Document", media{"base64": e2etest.DataURL("application/octet-stream", make([]byte, limit+1))}, -32011, "/base64"},
		{"nothing", "Image", media{}, -32602, ""},
		{"two sources", "Image", media{"base64": e2etest.DataURL("", text), "media_id": "x"}, -32602, ""},
		{"an unknown id", "Image", media{"media_id": "no-such-file"}, -32003, "/media_id"},
		{"an id that is a path", "Image", media{"media_id": "../../waystation.db"}, -32003, "/media_id"},
		{"loopback", "Image", media{"url": private.URL}, -32602, "/url"},
		{"loopback by name", "Image", media{"url": "http://localhost:" + port}, -32602, "/url"},
		{"loopback as a number", "Image", media{"url": "http://2130706433:" + port}, -32602, "/url"},
		{"loopback in IPv6", "Image", media{"url": "http://[::ffff:127.0.0.1]:" + port}, -32602, "/url"},
		{"a private network", "Image", media{"url": "http://192.168.0.1/a.png"}, -32602, "/url"},
		{"the cloud's metadata", "Image", media{"url": "http://169.254.169.254/latest/meta-data"}, -32602, "/url"},
		{"a file address", "Image", media{"url": "file:///etc/passwd"}, -32602, "/url"},
	} {
		for _, call := range []struct {
			method, at string
			params     object
		}{
			{"message.send" + c.kind, "/media", object{"session": w.session, "to": w.peer, "media": c.media}},
			{"message.send", "/content/media", object{
				"session": w.session, "to": w.peer, "content": object{"type": strings.ToLower(c.kind), "media": c.media},
			}},
		} {
			pointer, what := call.at+c.pointer, call.method+" with "+c.name
			r := e2etest.PostBody(t, w.server.Addr, e2etest.AdminToken, e2etest.RequestBody(call.method, call.params))
			if c.code == -32602 {
				r.Refused(t, what, c.code, pointer)
				continue
			}
			r.Refused(t, what, c.code, "-")
			if r.Error != nil && "/"+strings.TrimPrefix(r.Error.Data.Details.Field, "/") != pointer {
				t.Errorf("%s: names %q, want %s", what, r.Error.Data.Details.Field, pointer)
			}
		}
	}
	for method, params := range map[string]object{
		"profile.setPicture": {}, "group.setPicture": {"group": "120363000000000001@g.us"},
	} {
		params["session"], params["media"] = w.session, object{"base64": e2etest.DataURL("image/jpeg", cutJPEG(t))}
		e2etest.PostBody(t, w.server.Addr, e2etest.AdminToken, e2etest.RequestBody(method, params)).Refused(t, method+" with half a JPEG", -32602, "/media")
	}
	if asked {
		t.Error("an address on this machine was fetched")
	}
	w.unchanged(t, before)
}
