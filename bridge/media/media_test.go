package media

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gabriel-vasile/mimetype"
	"go.uber.org/goleak"

	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/guard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newLibrary(t *testing.T, config Config) *Library {
	t.Helper()
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	outbound, err := guard.New(guard.Config{Allow: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	if config.Dir == "" {
		config.Dir = t.TempDir()
	}
	l, err := New(t.Context(), db, outbound, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); outbound.Close(); db.Close() })
	return l
}

func data(mime string, content []byte) string {
	return "data:" + mime + ";base64," + base64.StdEncoding.EncodeToString(content)
}

func TestSniff(t *testing.T) {
	for want, head := range map[string]string{
		typeJPEG: "\xff\xd8\xff\xe0", typePNG: "\x89PNG\r\n\x1a\n", typeGIF: "GIF89a", typeWebP: "RIFF\x00\x00\x00\x00WEBPVP8 ",
		typeWAV: "RIFF\x00\x00\x00\x00WAVEfmt ", typeMPEG: "ID3\x04\x00\x00\x00\x00\x00\x04song", typeAAC: "\xff\xf1\x50\x80", typeMP4: "\x00\x00\x00\x18ftypisom",
		type3GP: "\x00\x00\x00\x18ftyp3gp5", typeM4A: "\x00\x00\x00\x18ftypM4A ", typePDF: "%PDF-1.7", typeZip: "PK\x03\x04", typeAMR: "#!AMR\n",
		typeText: "plain words", "text/html": "<html><body>", typeBytes: "\x00\x01\x02\x03", typeOgg: "OggS\x00\x02" + strings.Repeat("\x00", 22) + "OpusHead",
	} {
		if got := sniffType([]byte(head)).name; got != want {
			t.Errorf("%q is %s, want %s", head, got, want)
		}
	}
	if got := sniffType([]byte("\xff\xfb\x90\x64")).name; got != typeMPEG {
		t.Errorf("mp3 without tag: %s", got)
	}
}

func TestAgree(t *testing.T) {
	for _, test := range []struct {
		claimed, found string
		want           bool
	}{
		{typeJPEG, typeJPEG, true},
		{typeJPEG, typePNG, false},
		{typePDF, typeText, false},
		{"text/csv", typeText, true},
		{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", typeZip, true},
		{"text/plain", typeZip, false},
		{"image/png", "text/html", false},
		{"application/msword", typeBytes, true},
		{"video/mp4", typeBytes, false},
		{"video/webm", typeText, false},
		{"video/quicktime", typeMP4, true},
		{typeM4A, typeMP4, true},
		{typeBytes, typePDF, true},
		{"application/json", typeText, true},
		{"application/x-anything", typeJPEG, false},
	} {
		found := sniffed{name: test.found, node: mimetype.Lookup(test.found)}
		if got := found.judgeClaim(test.claimed, true) != contradicted; got != test.want {
			t.Errorf("%s for a %s: %v", test.claimed, test.found, got)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	served := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/big":
			_, _ = w.Write(make([]byte, 3000))
		case "/empty":
		default:
			http.NotFound(w, r)
		}
	})
	server := httptest.NewServer(served)
	defer server.Close()
	l := newLibrary(t, Config{MaxBytes: 2000})
	big := bytes.Repeat([]byte("x"), 2001)
	for name, test := range map[string]struct {
		in     Input
		reason Reason
		field  string
	}{
		"nothing":        {Input{}, ReasonBad, ""},
		"two":            {Input{URL: "http://a.example", MediaID: "x"}, ReasonBad, ""},
		"no data URL":    {Input{Base64: "a, b"}, ReasonBad, "base64"},
		"an address":     {Input{Base64: "https://example.com/a.png"}, ReasonBad, "base64"},
		"not base64":     {Input{Base64: "data:text/plain,hi"}, ReasonBad, "base64"},
		"broken base64":  {Input{Base64: "data:text/plain;base64,aGk*"}, ReasonBad, "base64"},
		"cut base64":     {Input{Base64: "data:text/plain;base64,aGkhI"}, ReasonBad, "base64"},
		"empty":          {Input{Base64: "data:text/plain;base64,"}, ReasonBad, "base64"},
		"too large":      {Input{Base64: data("text/plain", big)}, ReasonTooLarge, "base64"},
		"another type":   {Input{Base64: data("image/png", []byte("hello"))}, ReasonBad, "base64"},
		"no type":        {Input{Base64: data("text/plain", []byte("x")), MimeType: "nonsense"}, ReasonBad, "mime_type"},
		"lying type":     {Input{Base64: data("", []byte("x")), MimeType: "image/png"}, ReasonBad, "mime_type"},
		"path":           {Input{Base64: data("", []byte("x")), Filename: "../x"}, ReasonBad, "filename"},
		"windows path":   {Input{Base64: data("", []byte("x")), Filename: `a\b`}, ReasonBad, "filename"},
		"control":        {Input{Base64: data("", []byte("x")), Filename: "a\nb"}, ReasonBad, "filename"},
		"long name":      {Input{Base64: data("", []byte("x")), Filename: strings.Repeat("x", 300)}, ReasonBad, "filename"},
		"not found":      {Input{URL: server.URL + "/none"}, ReasonFetch, "url"},
		"url too large":  {Input{URL: server.URL + "/big"}, ReasonTooLarge, "url"},
		"url empty":      {Input{URL: server.URL + "/empty"}, ReasonBad, "url"},
		"private":        {Input{URL: "http://10.0.0.1/x"}, ReasonForbidden, "url"},
		"file":           {Input{URL: "file:///etc/passwd"}, ReasonBad, "url"},
		"decimal":        {Input{URL: "http://2130706433/"}, ReasonBad, "url"},
		"unknown id":     {Input{MediaID: "s-unknown.png"}, ReasonNotFound, "media_id"},
		"other's id":     {Input{MediaID: "t-x.png"}, ReasonNotFound, "media_id"},
		"traversing id":  {Input{MediaID: "s-../../../../etc/passwd"}, ReasonNotFound, "media_id"},
		"over-long id":   {Input{MediaID: "s-" + strings.Repeat("x", 300)}, ReasonNotFound, "media_id"},
		"broken address": {Input{URL: "http://a b/"}, ReasonBad, "url"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := l.Open(t.Context(), "s", test.in)
			if err == nil {
				f.Close()
				t.Fatal("it was opened")
			}
			var e *Error
			if !errors.As(err, &e) || e.Reason != test.reason || e.Field != test.field {
				t.Errorf("got %v", err)
			}
		})
	}
	left, err := os.ReadDir(l.tempDir())
	if err != nil || len(left) != 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}

func TestFetch(t *testing.T) {
	content := picture(t, 4, 4, asJPEG)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/named" {
			w.Header().Set("Content-Disposition", `attachment; filename="../../holiday.jpg"`)
		}
		w.Header().Set("Content-Type", "text/plain") // servers lie; the bytes decide
		_, _ = w.Write(content)
	}))
	defer server.Close()
	l := newLibrary(t, Config{})
	for path, name := range map[string]string{"/named": "holiday.jpg", "/a/photo.jpg?x=1": "photo.jpg", "/": ""} {
		f, err := l.Open(t.Context(), "s", Input{URL: server.URL + path})
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(f.File)
		if !bytes.Equal(got, content) || f.MimeType != typeJPEG || f.Filename != name || f.SHA256 != sha256.Sum256(content) {
			t.Errorf("%s: %s %q, %d bytes", path, f.MimeType, f.Filename, len(got))
		}
		f.Close()
	}
}

func TestKeep(t *testing.T) {
	l := newLibrary(t, Config{MaxSessionBytes: 2*block - 1}) // the second file does not fit, however small
	ctx := t.Context()
	keep := func(content string) (*Stored, error) {
		f, err := l.Open(ctx, "s", Input{Base64: data("text/plain", []byte(content)), Filename: "a.txt"})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		return l.Keep(ctx, "s", MediaID("s", "", f.MimeType), f)
	}
	stored, err := keep("hello")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("hello"))
	if stored.SHA256 != hex.EncodeToString(sum[:]) || stored.Size != 5 || !strings.HasSuffix(stored.MediaID, ".txt") {
		t.Errorf("stored %+v", stored)
	}
	got, content, err := l.Get(ctx, "s", stored.MediaID)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(content)
	content.Close()
	if string(text) != "hello" || got.Filename != "a.txt" {
		t.Errorf("got %q, %+v", text, got)
	}
	if _, _, err := l.Get(ctx, "t", stored.MediaID); ReasonOf(err) != ReasonNotFound {
		t.Errorf("another session: %v", err)
	}
	if _, err := keep(strings.Repeat("x", 96)); ReasonOf(err) != ReasonTooLarge {
		t.Errorf("over the session's share: %v", err)
	}
	if err := l.Purge(ctx, "s"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Get(ctx, "s", stored.MediaID); ReasonOf(err) != ReasonNotFound {
		t.Errorf("after the purge: %v", err)
	}
	if n := onDisk(t, l); n > 0 {
		t.Errorf("%d files are still on disk", n)
	}
}

func TestExpiry(t *testing.T) {
	l := newLibrary(t, Config{Keep: time.Nanosecond})
	stored, err := l.Receive(t.Context(), "s", MediaID("s", "A", typePDF), typePDF, "", func(f *os.File) error {
		_, err := f.WriteString("x")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Get(t.Context(), "s", stored.MediaID); ReasonOf(err) != ReasonNotFound {
		t.Errorf("expired: %v", err)
	}
	if removed, err := l.Sweep(t.Context()); err != nil || removed != 1 {
		t.Errorf("swept %d, %v", removed, err)
	}
	if n := onDisk(t, l); n > 0 {
		t.Errorf("%d files are still on disk", n)
	}
}

func TestMediaIDHoldsNothingForeign(t *testing.T) {
	for _, name := range []string{"../../x", "a/b", "a b", strings.Repeat("x", 100), "ü"} {
		if id := MediaID("s", name, typeJPEG); strings.ContainsAny(id, "/ ü") || len(id) > maxMediaID || !strings.HasPrefix(id, "s-") {
			t.Errorf("%q becomes %q", name, id)
		}
	}
	if id := MediaID("s", "3EB0ABC", typeJPEG); id != "s-3EB0ABC.jpg" {
		t.Errorf("got %q", id)
	}
}

func TestVoiceNeedsOpus(t *testing.T) {
	l := newLibrary(t, Config{Converter: "/nonexistent/ffmpeg"})
	for name, test := range map[string]struct {
		content string
		reason  Reason
	}{
		"mp3": {"ID3\x03\x00\x00\x00\x00\x00\x04song", ReasonUnsupported}, "broken ogg": {"OggS\x00\x02" + strings.Repeat("\x00", 22) + "OpusHead", ReasonUnsupported}, "text": {"words", ReasonBad},
	} {
		if _, err := l.Prepare(t.Context(), "s", Input{Base64: data("", []byte(test.content))}, KindVoice); ReasonOf(err) != test.reason {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p, err := l.Prepare(t.Context(), "s", Input{Base64: data("audio/mp3", []byte("ID3\x03\x00\x00\x00\x00\x00\x04song"))}, KindAudio); err != nil || p.MimeType != typeMPEG {
		t.Errorf("as plain audio: %v", err)
	} else {
		p.Close()
	}
}

func TestPage(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<html><head><title>fallback</title><meta property="og:title" content="Tom &amp; Jerry">
			<META NAME='description' CONTENT='  two   words '><meta content="/pic.jpg" property="og:image"></head>`)
	}))
	defer server.Close()
	l := newLibrary(t, Config{})
	page, err := l.Page(t.Context(), server.URL+"/x")
	if err != nil || page.Title != "Tom & Jerry" || page.Description != "two words" || page.Image != server.URL+"/pic.jpg" {
		t.Errorf("got %+v, %v", page, err)
	}
	if _, err := l.Page(t.Context(), "http://192.168.1.1/"); ReasonOf(err) != ReasonForbidden {
		t.Errorf("private page: %v", err)
	}
}

func TestRunStops(t *testing.T) {
	l := newLibrary(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { l.Run(ctx, slog.New(slog.DiscardHandler)); close(done) }()
	cancel()
	<-done
}

func FuzzContainers(f *testing.F) {
	f.Add(tinyWebP)
	f.Add([]byte("OggS\x00\x02" + strings.Repeat("\x00", 20) + "\x01\x13OpusHead\x01\x01\x38\x01"))
	f.Add([]byte("\x00\x00\x00\x10ftypisom\x00\x00\x00\x00\x00\x00\x00\x08moov"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := os.CreateTemp(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		in := &File{File: file, Size: int64(len(content))}
		defer in.Close()
		if _, err := file.Write(content); err != nil {
			t.Fatal(err)
		}
		sniffType(content)
		_, _ = readWebP(in)
		_, _ = readOpus(in)
		_, _ = readMovie(file, in.Size)
	})
}
