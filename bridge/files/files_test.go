package files

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/guard"
)

// fakeConn is a session without a connection that has one stored message.
type fakeConn struct {
	*conntest.Conn
	row   *messages.Row
	ended *bool // the session stays disconnected
}

func (c fakeConn) StaysDisconnected() bool { return *c.ended }

func (c fakeConn) StoredMessage(context.Context, string, string) (*messages.Row, error) {
	if c.row == nil {
		return nil, wa.NewError(wa.ReasonNotFound, "there is no such message")
	}
	return c.row, nil
}

func newTestService(t *testing.T, row *messages.Row) *Service {
	t.Helper()
	conn := conntest.NewConn(t)
	outbound, err := guard.New(guard.Config{})
	must(t, err)
	library, err := media.New(t.Context(), conn.DB, outbound, media.Config{Dir: t.TempDir(), MaxBytes: 1000})
	must(t, err)
	t.Cleanup(func() { _ = library.Close(); outbound.Close() })
	return NewService(fakeConn{conn, row, new(bool)}, conntest.Owner, "s", library, conn.Messages)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestStoredFileIsReturned(t *testing.T) {
	s := newTestService(t, nil)
	ctx := t.Context()
	kept, err := s.KeepMedia(ctx, &message.MediaSource{Base64: base64.StdEncoding.EncodeToString([]byte("plain words")), Filename: "a.txt"})
	must(t, err)
	if kept.Size != 11 || !strings.HasPrefix(kept.MimeType, "text/plain") || kept.ExpiresAt.IsZero() {
		t.Errorf("stored: %+v", kept)
	}
	file, err := s.Get(ctx, kept.MediaID)
	must(t, err)
	url, err := file.DataURL()
	must(t, err)
	if want := ";base64," + base64.StdEncoding.EncodeToString([]byte("plain words")); !strings.HasSuffix(url, want) {
		t.Errorf("data URL: %s", url)
	}
	data, err := s.Load(ctx, "picture", &message.MediaSource{MediaID: kept.MediaID}, 11)
	if err != nil || string(data) != "plain words" {
		t.Errorf("loaded %q, %v", data, err)
	}
	_, err = s.Load(ctx, "picture", &message.MediaSource{MediaID: kept.MediaID}, 10)
	checkError(t, "over the limit", err, wa.ReasonTooLarge, "picture")
	_, err = s.Get(ctx, "no-such-file")
	checkError(t, "unknown file", err, wa.ReasonNotFound, "media_id")
}

func checkError(t *testing.T, name string, err error, reason wa.Reason, field string) {
	t.Helper()
	var e *wa.Error
	if !errors.As(err, &e) || e.Reason != reason || e.Field != field {
		t.Errorf("%s: %v, want %v of %q", name, err, reason, field)
	}
}

func TestUploadIsCheckedAgainstItsHash(t *testing.T) {
	s := newTestService(t, nil)
	sum := sha256.Sum256([]byte("other"))
	if _, err := s.KeepUpload(t.Context(), strings.NewReader("plain"), Upload{SHA256: hex.EncodeToString(sum[:])}); err == nil {
		t.Error("a file with another hash was stored")
	}
	kept, err := s.KeepUpload(t.Context(), strings.NewReader("other"), Upload{SHA256: hex.EncodeToString(sum[:]), Filename: "o.txt"})
	if err != nil || kept.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("stored: %+v, %v", kept, err)
	}
}

func TestUploadInParts(t *testing.T) {
	s := newTestService(t, nil)
	ctx := t.Context()
	upload, err := s.BeginUpload(ctx, 10, Upload{Filename: "a.txt"})
	must(t, err)
	progress, kept, err := s.ContinueUpload(ctx, upload.ID, 0, strings.NewReader("plain"))
	if err != nil || kept != nil || progress.Offset != 5 {
		t.Fatalf("first part: %+v, %+v, %v", progress, kept, err)
	}
	if progress, _, err = s.ContinueUpload(ctx, upload.ID, 0, strings.NewReader("plain")); err == nil || progress == nil || progress.Offset != 5 {
		t.Errorf("a part at a wrong offset: %+v, %v", progress, err)
	}
	if progress, err = s.GetUpload(ctx, upload.ID); err != nil || progress.Offset != 5 || progress.Size != 10 {
		t.Errorf("progress: %+v, %v", progress, err)
	}
	if _, kept, err = s.ContinueUpload(ctx, upload.ID, 5, strings.NewReader("words")); err != nil || kept == nil || kept.Size != 10 {
		t.Errorf("last part: %+v, %v", kept, err)
	}
	upload, err = s.BeginUpload(ctx, 10, Upload{})
	must(t, err)
	must(t, s.CancelUpload(ctx, upload.ID))
	if _, err = s.GetUpload(ctx, upload.ID); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("a cancelled upload: %v", err)
	}
	if _, err = s.BeginUpload(ctx, 5000, Upload{}); wa.ReasonOf(err) != wa.ReasonTooLarge {
		t.Errorf("an upload over the limit: %v", err)
	}
}

func TestPictureNeedsAnImage(t *testing.T) {
	s := newTestService(t, nil)
	if jpeg, err := s.LoadPicture(t.Context(), "picture", nil); err != nil || jpeg != nil {
		t.Errorf("without a source: %v, %v", jpeg, err)
	}
	text := base64.StdEncoding.EncodeToString([]byte("plain words"))
	_, err := s.LoadPicture(t.Context(), "picture", &message.MediaSource{Base64: text})
	checkError(t, "a text", err, wa.ReasonBadParam, "picture")
}

func TestFileOfAMessage(t *testing.T) {
	if _, err := newTestService(t, nil).GetOfMessage(t.Context(), "c", "m"); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("an unknown message: %v", err)
	}
	row := func(content *waE2E.Message) *messages.Row {
		raw, err := proto.Marshal(content)
		must(t, err)
		r := &messages.Row{}
		r.Raw = raw
		return r
	}
	if file, err := newTestService(t, row(&waE2E.Message{Conversation: proto.String("x")})).GetOfMessage(t.Context(), "c", "m"); err != nil || file != nil {
		t.Errorf("a text has no file: %+v, %v", file, err)
	}
	picture := row(&waE2E.Message{ImageMessage: &waE2E.ImageMessage{DirectPath: proto.String("/v/x")}})
	if _, err := newTestService(t, picture).GetOfMessage(t.Context(), "c", "m"); wa.ReasonOf(err) != wa.ReasonNotConnected {
		t.Errorf("a picture that is not stored, without a connection: %v", err)
	}
	s := newTestService(t, picture)
	kept, err := s.KeepUpload(t.Context(), strings.NewReader("plain"), Upload{})
	must(t, err)
	picture.MediaID = kept.MediaID
	file, err := s.GetOfMessage(t.Context(), "c", "m")
	must(t, err)
	defer file.Content.Close()
	if data, err := io.ReadAll(file.Content); err != nil || string(data) != "plain" {
		t.Errorf("the stored file: %q, %v", data, err)
	}
}

func TestDownloadableKinds(t *testing.T) {
	name := proto.String("a.pdf")
	for kind, m := range map[string]*waE2E.Message{
		"image": {ImageMessage: &waE2E.ImageMessage{}}, "video": {VideoMessage: &waE2E.VideoMessage{}}, "note": {PtvMessage: &waE2E.VideoMessage{}},
		"audio": {AudioMessage: &waE2E.AudioMessage{}}, "sticker": {StickerMessage: &waE2E.StickerMessage{}},
		"document": {DocumentMessage: &waE2E.DocumentMessage{FileName: name}},
		"wrapped":  {ViewOnceMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{ImageMessage: &waE2E.ImageMessage{}}}},
	} {
		file, filename := Downloadable(m)
		if file == nil || (kind == "document") != (filename == "a.pdf") {
			t.Errorf("%s: %v, %q", kind, file, filename)
		}
	}
	if file, _ := Downloadable(&waE2E.Message{Conversation: proto.String("x")}); file != nil {
		t.Errorf("a text: %v", file)
	}
}

func TestNewPathReplacesTheOldAddress(t *testing.T) {
	old := proto.String("https://example.com/old")
	for _, file := range []whatsmeow.DownloadableMessage{
		&waE2E.ImageMessage{URL: old}, &waE2E.VideoMessage{URL: old}, &waE2E.AudioMessage{URL: old}, &waE2E.DocumentMessage{URL: old}, &waE2E.StickerMessage{URL: old},
	} {
		setPath(file, "/new")
		if file.GetDirectPath() != "/new" || file.(interface{ GetURL() string }).GetURL() != "" {
			t.Errorf("%T: %v", file, file)
		}
	}
}

func TestDownloadErrors(t *testing.T) {
	for err, want := range map[error]wa.Reason{
		whatsmeow.ErrMediaDownloadFailedWith404: wa.ReasonNotFound,
		whatsmeow.ErrMediaDownloadFailedWith410: wa.ReasonNotFound,
		whatsmeow.ErrInvalidMediaHMAC:           wa.ReasonWhatsApp,
	} {
		got := downloadError(err)
		var e *wa.Error
		if !errors.As(got, &e) || e.Reason != want || e.OutcomeUnknown {
			t.Errorf("%v became %v, want %v", err, got, want)
		}
	}
	var e *wa.Error
	if err := downloadError(context.DeadlineExceeded); !errors.As(err, &e) || e.OutcomeUnknown {
		t.Errorf("the outcome of a download is never unknown: %v", err)
	}
}

func TestDirectPathIgnoresTheHost(t *testing.T) {
	for _, tc := range []struct{ path, address, want string }{
		{"/v/t62?x=1", "", "/v/t62?x=1"}, {"", "https://example.com/v/t62?x=1", "/v/t62?x=1"},
	} {
		if got, err := directPath(tc.path, tc.address); err != nil || got != tc.want {
			t.Errorf("%q, %q: %q, %v", tc.path, tc.address, got, err)
		}
	}
	if _, err := directPath("", ""); wa.ReasonOf(err) != wa.ReasonBadParam {
		t.Errorf("neither path nor address: %v", err)
	}
}
