package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/waystation/waystation/transports/dispatch"
)

// wwebjsMedia is the body with the file of a message in the format wwebjs.
type wwebjsMedia struct {
	DataType string `json:"dataType"`
	Data     struct {
		MessageMedia struct {
			MimeType string `json:"mimetype"`
			Data     []byte
			Filename string
			Filesize int
		} `json:"messageMedia"`
		Message struct{ ID struct{ ID string } }
	}
}

func (r received) parseWWebJS(t *testing.T) (m wwebjsMedia) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), &m); err != nil {
		t.Fatalf("%v in %.200s", err, r.body)
	}
	return m
}

// In the format wwebjs the file follows the message in a request of its own, unless it is not available.
func TestSeparateFiles(t *testing.T) {
	file := bytes.Repeat([]byte{0, 1, 255}, 1000)
	files, memory := &fakeFiles{content: file, mimeType: "image/jpeg", filename: "a.jpg"}, &limitedMemory{total: 1 << 20}
	w := onSQLite(t, Config{Files: files, FileMemory: memory, Policy: dispatch.Policy{MaxAttempts: 4}})
	var failing atomic.Bool
	r := newReceiver(t, func(out http.ResponseWriter, _ *http.Request) {
		if failing.Load() {
			out.WriteHeader(http.StatusInternalServerError)
		}
	})
	w.fileHook(t, r, FormatWWebJS, FilesInline)
	event := mediaEvent("image", len(file))
	if _, err := w.deliver(t, shop, delivery(event)); err != nil {
		t.Fatal(err)
	}
	first, second := (<-r.got).parseWWebJS(t), (<-r.got).parseWWebJS(t)
	if first.DataType != "message" || second.DataType != "media" || second.Data.Message.ID.ID != "3EB0" {
		t.Errorf("%+v, then %+v", first, second)
	}
	if m := second.Data.MessageMedia; !bytes.Equal(m.Data, file) || m.MimeType != "image/jpeg" || m.Filename != "a.jpg" || m.Filesize != len(file) {
		t.Errorf("%s %s %d, %d bytes", m.MimeType, m.Filename, m.Filesize, len(m.Data))
	}
	if held, _ := memory.now(); held != 0 || files.open != 0 {
		t.Errorf("%d bytes are held, %d files open", held, files.open)
	}

	failing.Store(true) // the file is not sent after a failure
	if _, err := w.deliver(t, shop, delivery(event)); err == nil || len(r.got) != 1 {
		t.Errorf("%v, %d requests", err, len(r.got))
	}
	<-r.got
	failing.Store(false)

	files.err = errors.New("no route") // a file that is not there yet delays the message
	if _, err := w.deliver(t, shop, delivery(event)); !errors.Is(err, errNoFile) || len(r.got) != 0 {
		t.Errorf("%v, %d requests", err, len(r.got))
	}
	files.err = &FileError{FileNotFound, errors.New("gone")}
	if _, err := w.deliver(t, shop, delivery(event)); err != nil || len(r.got) != 1 {
		t.Errorf("%v, %d requests", err, len(r.got))
	}
}
