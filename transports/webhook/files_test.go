package webhook

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/refusal"
)

// countedFile is a file that counts open files.
type countedFile struct {
	*bytes.Reader
	files *fakeFiles
}

func (o countedFile) Close() error { o.files.add(-1); return nil }

// fakeFiles returns the same file for every message, or err.
type fakeFiles struct {
	content  []byte
	size     int64 // declared size; 0 = that of content
	mimeType string
	filename string
	err      error
	wait     bool // blocks until the context ends

	mu    sync.Mutex
	open  int
	asked []FileRef
}

func (f *fakeFiles) add(n int) { f.mu.Lock(); f.open += n; f.mu.Unlock() }

func (f *fakeFiles) OpenFile(ctx context.Context, ref FileRef) (*File, error) {
	f.mu.Lock()
	f.asked = append(f.asked, ref)
	f.mu.Unlock()
	if f.wait {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if f.err != nil {
		return nil, f.err
	}
	f.add(1)
	size := f.size
	if size == 0 {
		size = int64(len(f.content))
	}
	return &File{countedFile{bytes.NewReader(f.content), f}, size, f.mimeType, f.filename}, nil
}

// limitedMemory is a Memory that grants up to total.
type limitedMemory struct {
	mu          sync.Mutex
	total, held int64
	most        int64
}

func (m *limitedMemory) Acquire(ctx context.Context, _ string, n int64) error {
	for {
		m.mu.Lock()
		if m.held == 0 || m.held+n <= m.total {
			m.held += n
			m.most = max(m.most, m.held)
			m.mu.Unlock()
			return nil
		}
		m.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

func (m *limitedMemory) Release(_ string, n int64) { m.mu.Lock(); m.held -= n; m.mu.Unlock() }

func (m *limitedMemory) now() (held, most int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held, m.most
}

func mediaEvent(kind string, size int) *journal.Event {
	return &journal.Event{
		Session: "shop", Offset: 8, ID: "01KABD", Type: "Message", Origin: journal.OriginWhatsApp, Time: time.UnixMilli(1767225600123),
		Data: fmt.Appendf(nil, `{"message_id":"3EB0","chat":"15550100002@s.whatsapp.net","sender":"15550100002@s.whatsapp.net","type":%q,"timestamp":"2026-01-01T00:00:00Z","media":{"media_id":null,"mime_type":"image/jpeg","filename":null,"size":%d,"keys":null}}`, kind, size),
	}
}

// carried is the file of a body as parsed by a receiver.
type carried struct {
	content                     []byte
	mimeType, filename, skipped string
	token                       string
}

// parseFile parses a request as a receiver of the format does.
func (r received) parseFile(t *testing.T, format Format) (c carried) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(r.Get(headerContentType))
	if err != nil {
		t.Fatal(err)
	}
	data := []byte(r.body)
	switch kind {
	case "multipart/form-data":
		form, err := multipart.NewReader(strings.NewReader(r.body), params["boundary"]).ReadForm(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		if len(form.File["file"]) != 1 || len(form.Value["jsonData"]) != 1 || form.Value["userID"][0] != "shop" || form.Value["instanceName"][0] != "shop" {
			t.Fatalf("%v %v", form.File, form.Value)
		}
		part := form.File["file"][0]
		f, err := part.Open()
		if err != nil {
			t.Fatal(err)
		}
		c.content, _ = io.ReadAll(f)
		c.mimeType, c.filename = part.Header.Get(headerContentType), part.Filename
		c.token = strings.Join(form.Value["token"], "")
		data = []byte(form.Value["jsonData"][0])
	case contentForm:
		form, err := url.ParseQuery(r.body)
		if err != nil || form.Get("userID") != "shop" {
			t.Fatalf("%v: %.200s", err, r.body)
		}
		data, c.token = []byte(form.Get("jsonData")), form.Get("token")
	}
	var body struct {
		Event, Data json.RawMessage
		Base64      *string
		MimeType    string `json:"mimeType"`
		FileName    string `json:"fileName"`
		FileSkipped string `json:"fileSkipped"`
	}
	if err := json.Unmarshal(data, &body); err != nil {
		t.Fatalf("%v: %.200s", err, data)
	}
	if format == FormatNative {
		var event struct {
			MessageID string `json:"message_id"`
			File      struct {
				Base64   *string
				MimeType string `json:"mime_type"`
				Filename string
				Skipped  string
			}
		}
		if err := json.Unmarshal(body.Data, &event); err != nil || event.MessageID != "3EB0" {
			t.Fatalf("%v: %.200s", err, body.Data)
		}
		body.Base64, body.MimeType, body.FileName, body.FileSkipped = event.File.Base64, event.File.MimeType, event.File.Filename, event.File.Skipped
	} else if len(body.Event) == 0 {
		t.Fatalf("no event in %.200s", data)
	}
	c.skipped = body.FileSkipped
	if body.Base64 != nil {
		c.mimeType, c.filename = body.MimeType, body.FileName
		if c.content, err = base64.StdEncoding.DecodeString(*body.Base64); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

var fileForms = []struct {
	format Format
	mode   FileMode
}{
	{FormatNative, FilesInline}, {FormatWuzapi, FilesInline}, {FormatWuzapi, FilesMultipart}, {FormatWuzapiJSON, FilesInline}, {FormatWuzapiJSON, FilesMultipart},
}

func (w *world) fileHook(t *testing.T, r *receiver, format Format, mode FileMode) {
	t.Helper()
	requireNoError[*Webhook](t)(w.Update(t.Context(), shop, Change{
		URL: ptr(r.URL), Events: []string{"Message"}, Format: &format, Files: &mode, Secret: ptr("0123456789abcdef"), BodyToken: ptr("a token"),
	}))
}

// The file arrives complete in each form that a format supports, for any bytes, type and name, and the signature covers the sent body.
func TestFilesArrive(t *testing.T) {
	everyByte := make([]byte, 0, 70_000)
	for i := range cap(everyByte) {
		everyByte = append(everyByte, byte(i*i>>3))
	}
	for _, form := range fileForms {
		for _, c := range []struct {
			name, kind, mimeType, filename string
			content                        []byte
			wantName, wantType             string
		}{
			{"image", "image", "image/jpeg", "3EB0.jpg", everyByte, "3EB0.jpg", "image/jpeg"},
			{"one byte", "video", "video/mp4", "a.mp4", []byte{0xff}, "a.mp4", "video/mp4"},
			{"only slashes in base64", "sticker", "image/webp", "s.webp", bytes.Repeat([]byte{0xff}, 3000), "s.webp", "image/webp"},
			{"empty", "document", "text/plain", "empty.txt", nil, "empty.txt", "text/plain"},
			{"voice", "audio", "audio/ogg; codecs=opus", "v.ogg", everyByte[:999], "v.ogg", "audio/ogg; codecs=opus"},
			{"a name that leads out", "document", "application/pdf", "../01/\"2025\"\r\n.pdf", everyByte[:10], `.._01__2025___.pdf`, "application/pdf"},
			{"a name in another script", "document", "application/pdf", "Grüße 報告.pdf", everyByte[:10], "Grüße 報告.pdf", "application/pdf"},
			{"no type", "document", "a b\r\nX: y", "..", everyByte[:10], "file", "application/octet-stream"},
		} {
			t.Run(fmt.Sprint(form.format, " ", form.mode, " ", c.name), func(t *testing.T) {
				f := &fakeFiles{content: c.content, mimeType: c.mimeType, filename: c.filename}
				m := &limitedMemory{total: 1 << 20}
				w := onSQLite(t, Config{Files: f, FileMemory: m})
				r := newReceiver(t, nil)
				w.fileHook(t, r, form.format, form.mode)
				if _, err := w.deliver(t, shop, delivery(mediaEvent(c.kind, len(c.content)))); err != nil {
					t.Fatal(err)
				}
				got := <-r.got
				file := got.parseFile(t, form.format)
				name := strings.ReplaceAll(file.filename, `"`, "_")
				if !bytes.Equal(file.content, c.content) || name != c.wantName || file.mimeType != c.wantType || file.skipped != "" {
					t.Errorf("%d bytes %q %q %q", len(file.content), file.filename, file.mimeType, file.skipped)
				}
				if form.format == FormatWuzapi && file.token != "a token" {
					t.Errorf("the token is %q", file.token)
				}
				stamp, _ := strconv.ParseInt(got.Get(headerTimestamp), 10, 64)
				if want := Sign(time.Unix(stamp, 0), []byte(got.body), "0123456789abcdef"); got.Get(headerSignature) != want {
					t.Errorf("the signature is %q, want %q", got.Get(headerSignature), want)
				}
				held, most := m.now()
				if held != 0 || most != int64(len(got.body)) || f.open != 0 {
					t.Errorf("%d bytes are held, %d at most for a body of %d, %d files open", held, most, len(got.body), f.open)
				}
				if want := (FileRef{"shop", "15550100002@s.whatsapp.net", "15550100002@s.whatsapp.net", "3EB0"}); len(f.asked) != 1 || f.asked[0] != want {
					t.Errorf("%v", f.asked)
				}
			})
		}
	}
}

// An unavailable file is left out with the reason, and the event arrives at the first attempt.
func TestFilesLeftOut(t *testing.T) {
	for _, form := range fileForms {
		for name, c := range map[string]struct {
			files *fakeFiles
			size  int // size declared in the event
			asked int
			want  FileReason
		}{
			"over the cap":                   {&fakeFiles{content: make([]byte, 101)}, 101, 0, FileTooLarge},
			"over the cap, said to be small": {&fakeFiles{content: make([]byte, 101)}, 5, 1, FileTooLarge},
			"expired":                        {&fakeFiles{err: &FileError{FileNotFound, errors.New("gone")}}, 5, 1, FileNotFound},
			"more than the server keeps":     {&fakeFiles{err: fmt.Errorf("open: %w", &FileError{FileTooLarge, errors.New("large")})}, 5, 1, FileTooLarge},
			"files are not fetched":          {&fakeFiles{err: &FileError{FileSkipMedia, errors.New("off")}}, 5, 1, FileSkipMedia},
		} {
			t.Run(fmt.Sprint(form.format, " ", form.mode, " ", name), func(t *testing.T) {
				m := &limitedMemory{total: 1 << 20}
				w := onSQLite(t, Config{Files: c.files, FileBytes: 100, FileMemory: m})
				r := newReceiver(t, nil)
				w.fileHook(t, r, form.format, form.mode)
				if _, err := w.deliver(t, shop, delivery(mediaEvent("image", c.size))); err != nil {
					t.Fatal(err)
				}
				file := (<-r.got).parseFile(t, form.format)
				if file.skipped != string(c.want) || file.content != nil || len(c.files.asked) != c.asked || c.files.open != 0 {
					t.Errorf("skipped %q with %d bytes, asked %d times, %d open", file.skipped, len(file.content), len(c.files.asked), c.files.open)
				}
				if _, most := m.now(); most != 0 {
					t.Errorf("%d bytes were acquired", most)
				}
			})
		}
	}
	t.Run("at the cap", func(t *testing.T) {
		w := onSQLite(t, Config{Files: &fakeFiles{content: make([]byte, 100)}, FileBytes: 100})
		r := newReceiver(t, nil)
		w.fileHook(t, r, FormatNative, FilesInline)
		_, err := w.deliver(t, shop, delivery(mediaEvent("image", 100)))
		if file := (<-r.got).parseFile(t, FormatNative); err != nil || len(file.content) != 100 {
			t.Errorf("%d bytes, %v", len(file.content), err)
		}
	})
}

// A temporary failure fails the attempt in the first half of the policy's attempts; after that the event is sent without the file.
func TestFilesRetried(t *testing.T) {
	for name, f := range map[string]*fakeFiles{
		"network":         {err: errors.New("no route")},
		"no answer":       {wait: true},
		"shorter":         {content: make([]byte, 5), size: 9},
		"deadline inside": {err: fmt.Errorf("fetch: %w", context.DeadlineExceeded)},
	} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t, Config{Files: f, Policy: dispatch.Policy{MaxAttempts: 4, AttemptTimeout: 200 * time.Millisecond}})
			r := newReceiver(t, nil)
			w.fileHook(t, r, FormatWuzapi, FilesMultipart)
			for attempt := 1; attempt <= 3; attempt++ {
				d := delivery(mediaEvent("image", 5))
				d.Attempt = attempt
				_, err := w.deliver(t, shop, d)
				if attempt <= 2 {
					if !errors.Is(err, errNoFile) || dispatch.IsUnreachable(err) || len(r.got) != 0 {
						t.Fatalf("attempt %d: %v, %d requests", attempt, err, len(r.got))
					}
					continue
				}
				if err != nil {
					t.Fatalf("attempt %d: %v", attempt, err)
				}
				if file := (<-r.got).parseFile(t, FormatWuzapi); file.skipped != string(FileUnavailable) || file.content != nil {
					t.Errorf("%q", file.skipped)
				}
			}
			if f.open != 0 {
				t.Errorf("%d files are open", f.open)
			}
		})
	}
}

// Bodies with files use no more memory than the limit; the next body waits until the previous one has been sent.
func TestFilesMemory(t *testing.T) {
	m := &limitedMemory{total: 100_000}
	f := &fakeFiles{content: make([]byte, 30_000)}
	w := onSQLite(t, Config{Files: f, FileMemory: m})
	r := newReceiver(t, nil)
	w.fileHook(t, r, FormatWuzapiJSON, FilesInline)
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			if _, err := w.deliver(t, shop, delivery(mediaEvent("image", 30_000))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if held, most := m.now(); held != 0 || most > m.total || most < 2*40_000 {
		t.Errorf("%d bytes are held, %d at most", held, most)
	}
	t.Run("full for longer than an attempt", func(t *testing.T) {
		full := &limitedMemory{total: 10, held: 10}
		w := onSQLite(t, Config{Files: f, FileMemory: full, Policy: dispatch.Policy{MaxAttempts: 2, AttemptTimeout: 100 * time.Millisecond}})
		w.fileHook(t, r, FormatWuzapiJSON, FilesInline)
		_, err := w.deliver(t, shop, delivery(mediaEvent("image", 30_000)))
		if held, _ := full.now(); !errors.Is(err, errNoFile) || held != 10 || f.open != 0 {
			t.Errorf("%v, %d bytes held, %d files open", err, held, f.open)
		}
	})
	t.Run("a receiver that fails", func(t *testing.T) {
		w := onSQLite(t, Config{Files: f, FileMemory: m})
		w.fileHook(t, newReceiver(t, status(500)), FormatNative, FilesInline)
		_, err := w.deliver(t, shop, delivery(mediaEvent("image", 30_000)))
		if held, _ := m.now(); err == nil || held != 0 {
			t.Errorf("%v, %d bytes held", err, held)
		}
	})
}

// Events without a file of their own are sent as without the setting, and no file is fetched for them.
func TestFilesOnlyOfMessagesWithMedia(t *testing.T) {
	edit := mediaEvent("image", 5)
	edit.Data = []byte(strings.Replace(string(edit.Data), `"type"`, `"target":{"message_id":"3EB1"},"type"`, 1))
	text := mediaEvent("text", 5)
	text.Data = []byte(`{"message_id":"3EB0","chat":"15550100002@s.whatsapp.net","media":null}`)
	receipt := &journal.Event{Session: "shop", Type: "Connected", Offset: 9, Data: []byte(`{}`)}
	for name, e := range map[string]*journal.Event{"edit": edit, "text": text, "no message": receipt} {
		for _, form := range fileForms {
			f := &fakeFiles{content: []byte("x")}
			w := onSQLite(t, Config{Files: f})
			r := newReceiver(t, nil)
			w.fileHook(t, r, form.format, form.mode)
			requireNoError[*Webhook](t)(w.Update(t.Context(), shop, Change{Events: []string{AllEvents}}))
			if _, err := w.deliver(t, shop, delivery(e)); err != nil {
				t.Fatal(err)
			}
			if got := <-r.got; strings.Contains(got.body, "skipped") || strings.Contains(got.body, "fileSkipped") || len(f.asked) != 0 {
				t.Errorf("%s: %s", name, got.body)
			}
		}
	}
	t.Run("without the setting", func(t *testing.T) {
		f := &fakeFiles{content: []byte("x")}
		w := onSQLite(t, Config{Files: f})
		r := newReceiver(t, nil)
		w.fileHook(t, r, FormatNative, FilesNone)
		d := delivery(mediaEvent("image", 1))
		if _, err := w.deliver(t, shop, d); err != nil {
			t.Fatal(err)
		}
		if got := <-r.got; got.body != string(d.Body) || len(f.asked) != 0 {
			t.Errorf("%s", got.body)
		}
	})
}

// The setting is stored, rejected if the format has no such form, and none for webhooks that never set it.
func TestFilesSetting(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		if hook := requireNoError[*Webhook](t)(w.Get(t.Context(), shop)); hook.Files != FilesNone {
			t.Errorf("%q", hook.Files)
		}
		made := requireNoError[*Webhook](t)(w.Create(t.Context(), "shop", Change{Name: ptr("plain"), URL: ptr(publicURL), Events: []string{"Message"}}))
		if hook := requireNoError[*Webhook](t)(w.Get(t.Context(), made.Key)); hook.Files != FilesNone {
			t.Errorf("%q", hook.Files)
		}
		for format := range formats {
			for _, mode := range []FileMode{FilesNone, FilesInline, FilesMultipart, "both", ""} {
				allowed := mode == FilesNone || mode == "" || format == FormatWWebJS && mode == FilesInline
				for _, form := range fileForms {
					allowed = allowed || form.format == format && form.mode == mode
				}
				_, err := w.Update(t.Context(), shop, Change{URL: ptr(publicURL), Format: &format, Files: &mode})
				var refused refusal.Problems
				if (err == nil) != allowed || err != nil && (!errors.As(err, &refused) || refused[0].Field != "files") {
					t.Errorf("%s %q: %v", format, mode, err)
				}
				if err == nil {
					want := mode
					if mode == "" {
						want = FilesNone
					}
					if hook := requireNoError[*Webhook](t)(w.Get(t.Context(), shop)); hook.Files != want {
						t.Errorf("%s %q: %q", format, mode, hook.Files)
					}
				}
			}
		}
		requireNoError[*Webhook](t)(w.Update(t.Context(), shop, Change{Format: ptr(FormatWuzapi), Files: ptr(FilesMultipart)}))
		if _, err := w.Update(t.Context(), shop, Change{Format: ptr(FormatWAAKG)}); err == nil {
			t.Error("a format without file support was accepted with a file mode")
		}
	})
}
