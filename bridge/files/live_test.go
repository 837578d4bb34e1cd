package files

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"image"
	"image/png"
	"io"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/guard"
)

// liveConn is a connected session that finds its stored messages by id.
type liveConn struct{ *conntest.LiveConn }

func (c liveConn) StaysDisconnected() bool { return false }

func (c liveConn) StoredMessage(ctx context.Context, chat, id string) (*messages.Row, error) {
	return c.Messages.Message(ctx, conntest.Owner, messages.Address{JID: chat}, id)
}

func connect(t *testing.T) (*Service, liveConn) {
	t.Helper()
	conn := liveConn{conntest.Connect(t)}
	outbound, err := guard.New(guard.Config{})
	must(t, err)
	library, err := media.New(t.Context(), conn.DB, outbound, media.Config{Dir: t.TempDir(), MaxBytes: 10_000})
	must(t, err)
	t.Cleanup(func() { _ = library.Close(); outbound.Close() })
	return NewService(conn, conntest.Owner, "s", library, conn.Messages), conn
}

// upload uploads a file as a document and returns the keys for its download.
func upload(t *testing.T, conn liveConn, data []byte) (whatsmeow.UploadResponse, MediaDownload) {
	t.Helper()
	client, err := conn.Live()
	must(t, err)
	up, err := client.Upload(conn.Deadline(), data, whatsmeow.MediaDocument)
	must(t, err)
	return up, MediaDownload{
		Kind: "document", MediaKey: up.MediaKey, FileSHA256: up.FileSHA256, FileEncSHA256: up.FileEncSHA256, FileLength: int64(len(data)), DirectPath: up.DirectPath, MimeType: "text/plain",
	}
}

func content(t *testing.T, file *MediaFile) string {
	t.Helper()
	defer file.Content.Close()
	data, err := io.ReadAll(file.Content)
	must(t, err)
	return string(data)
}

// TestFileIsDownloaded checks downloads with and without the hash of the encrypted file, and those that are refused.
func TestFileIsDownloaded(t *testing.T) {
	t.Parallel()
	s, conn := connect(t)
	ctx := conn.Deadline()
	_, keys := upload(t, conn, []byte("plain words"))
	_, other := upload(t, conn, []byte("other words"))
	unhashed := other
	unhashed.FileEncSHA256 = nil
	for want, d := range map[string]MediaDownload{"plain words": keys, "other words": unhashed} {
		for range 2 {
			file, err := s.Download(ctx, d)
			if err != nil || content(t, file) != want || file.MimeType != "text/plain" {
				t.Fatalf("%s: %+v, %v", want, file, err)
			}
		}
	}
	byKind := keys
	byKind.MimeType = ""
	if file, err := s.Download(ctx, byKind); err != nil || file.MimeType == "" {
		t.Errorf("the type by kind: %+v, %v", file, err)
	} else {
		_ = file.Content.Close()
	}
	_, fresh := upload(t, conn, []byte("fresh words"))
	for name, c := range map[string]struct {
		change func(*MediaDownload)
		reason wa.Reason
		field  string
	}{
		"kind":         {func(d *MediaDownload) { d.Kind = "ptv" }, wa.ReasonBadParam, "kind"},
		"short key":    {func(d *MediaDownload) { d.MediaKey = d.MediaKey[1:] }, wa.ReasonBadParam, "media_key"},
		"short hash":   {func(d *MediaDownload) { d.FileSHA256 = nil }, wa.ReasonBadParam, "file_sha256"},
		"other hash":   {func(d *MediaDownload) { d.FileEncSHA256 = []byte{1} }, wa.ReasonBadParam, "file_enc_sha256"},
		"no length":    {func(d *MediaDownload) { d.FileLength = 0 }, wa.ReasonBadParam, "file_length"},
		"length":       {func(d *MediaDownload) { d.FileLength = 10_001 }, wa.ReasonTooLarge, "file_length"},
		"no address":   {func(d *MediaDownload) { d.DirectPath = "" }, wa.ReasonBadParam, "direct_path"},
		"wrong key":    {func(d *MediaDownload) { d.MediaKey = make([]byte, 32) }, wa.ReasonWhatsApp, ""},
		"wrong key 2":  {func(d *MediaDownload) { d.MediaKey, d.FileEncSHA256 = make([]byte, 32), nil }, wa.ReasonWhatsApp, ""},
		"wrong hash":   {func(d *MediaDownload) { d.FileSHA256 = make([]byte, 32) }, wa.ReasonWhatsApp, ""},
		"wrong hash 2": {func(d *MediaDownload) { d.FileSHA256, d.FileEncSHA256 = make([]byte, 32), nil }, wa.ReasonWhatsApp, ""},
	} {
		d := fresh
		c.change(&d)
		_, err := s.Download(ctx, d)
		var e *wa.Error
		if !errors.As(err, &e) || e.Reason != c.reason || e.Field != c.field || e.OutcomeUnknown {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, conn.Net.FailMedia(sandbox.MediaDownload, 404, 100))
	if _, err := s.Download(ctx, fresh); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("a file that WhatsApp no longer has: %v", err)
	}
	conn.Net.ClearMediaFaults()
	if file, err := s.Download(ctx, fresh); err != nil || content(t, file) != "fresh words" {
		t.Errorf("after the failures: %v", err)
	}
}

// TestFileOfAStoredMessage checks that the file of a message is fetched once and then read from the store.
func TestFileOfAStoredMessage(t *testing.T) {
	t.Parallel()
	s, conn := connect(t)
	ctx := conn.Deadline()
	up, _ := upload(t, conn, []byte("plain words"))
	document := &waE2E.DocumentMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256, FileSHA256: up.FileSHA256, FileLength: &up.FileLength,
		Mimetype: proto.String("text/plain"), FileName: proto.String("a.txt"),
	}
	raw, err := proto.Marshal(&waE2E.Message{DocumentMessage: document})
	must(t, err)
	chat := conntest.Ada.String()
	for _, id := range []string{"M1", "M2"} {
		must(t, conn.Messages.Save(ctx, conntest.Owner, &messages.Message{Chat: messages.Address{JID: chat}, ID: id, Sender: messages.Address{JID: chat}, Type: "document", Body: []byte("{}"), Raw: raw}))
	}
	var first string
	for range 2 {
		file, err := s.GetOfMessage(ctx, chat, "M1")
		if err != nil || content(t, file) != "plain words" || file.Filename != "a.txt" || file.MimeType != "text/plain" || first != "" && file.MediaID != first {
			t.Fatalf("%+v, %v", file, err)
		}
		first = file.MediaID
		must(t, conn.Net.FailMedia(sandbox.MediaDownload, 500, 100)) // the second time nothing is downloaded
	}
	row, err := conn.StoredMessage(ctx, chat, "M1")
	if err != nil || row.MediaID != first {
		t.Errorf("noted as %q, %v", row.MediaID, err)
	}
	if _, err = s.GetOfMessage(ctx, chat, "M2"); wa.ReasonOf(err) != wa.ReasonWhatsApp {
		t.Errorf("a download that fails: %v", err)
	}
	if row, err = conn.StoredMessage(ctx, chat, "M2"); err != nil || row.MediaID != "" {
		t.Errorf("noted as %q, %v", row.MediaID, err)
	}
}

// TestPicturesForProfilesAreJPEG checks that a picture of any form becomes one that WhatsApp takes.
func TestPicturesForProfilesAreJPEG(t *testing.T) {
	s := newTestService(t, nil)
	var out bytes.Buffer
	must(t, png.Encode(&out, image.NewGray(image.Rect(0, 0, 30, 20))))
	jpeg, err := s.LoadPicture(t.Context(), "picture", &message.MediaSource{Base64: base64.StdEncoding.EncodeToString(out.Bytes())})
	must(t, err)
	config, kind, err := image.DecodeConfig(bytes.NewReader(jpeg))
	if err != nil || kind != "jpeg" || config.Width != config.Height {
		t.Errorf("%s of %d x %d, %v", kind, config.Width, config.Height, err)
	}
	_, err = s.LoadPicture(t.Context(), "picture", &message.MediaSource{Base64: "%"})
	checkError(t, "broken", err, wa.ReasonBadParam, "picture/base64")
}
