package files

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// UploadedFile is a file that is stored for later use.
type UploadedFile struct {
	MediaID   string    `json:"media_id" doc:"use as media.media_id"`
	MimeType  string    `json:"mime_type" doc:"detected type"`
	Size      int64     `json:"size" doc:"bytes"`
	SHA256    string    `json:"sha256" doc:"hex digest"`
	ExpiresAt time.Time `json:"expires_at" doc:"when it is removed"`
}

// KeepMedia stores a file for later use in a media object.
func (s *Service) KeepMedia(ctx context.Context, source *message.MediaSource) (*UploadedFile, error) {
	f, err := s.library.Open(ctx, s.owner, source.Input())
	if err != nil {
		return nil, message.MediaError("media", err)
	}
	return s.keepFile(ctx, f)
}

// Upload describes an uploaded file; all fields may be empty.
type Upload struct {
	MimeType string // must fit the detected type
	Filename string
	SHA256   string // hex; must be the hash of the content
}

// KeepUpload stores a file that is read from content, for later use in a media object.
func (s *Service) KeepUpload(ctx context.Context, content io.Reader, about Upload) (*UploadedFile, error) {
	f, err := s.library.Take(content, media.Input{MimeType: about.MimeType, Filename: about.Filename, SHA256: about.SHA256})
	if err != nil {
		return nil, message.MediaError("media", err)
	}
	return s.keepFile(ctx, f)
}

// keepFile stores a file and closes it.
func (s *Service) keepFile(ctx context.Context, f *media.File) (*UploadedFile, error) {
	defer f.Close()
	kept, err := s.library.Keep(ctx, s.owner, media.MediaID(s.session, "", f.MimeType), f)
	if err != nil {
		return nil, message.MediaError("media", err)
	}
	return &UploadedFile{MediaID: kept.MediaID, MimeType: kept.MimeType, Size: kept.Size, SHA256: kept.SHA256, ExpiresAt: kept.ExpiresAt}, nil
}

// Load reads a small file of a media object, of limit bytes at most, into memory; field names the object in errors.
func (s *Service) Load(ctx context.Context, field string, source *message.MediaSource, limit int64) ([]byte, error) {
	f, err := s.library.Open(ctx, s.owner, source.Input())
	if err != nil {
		return nil, message.MediaError(field, err)
	}
	defer f.Close()
	if f.Size > limit {
		return nil, &wa.Error{Reason: wa.ReasonTooLarge, Field: field, Message: "is too large"}
	}
	data, err := io.ReadAll(f.File)
	if err != nil {
		return nil, wa.StorageError("the file could not be read", err)
	}
	return data, nil
}

// LoadThumbnail reads an image and makes it a small JPEG. It returns nil for a nil source; field names the source in errors.
func (s *Service) LoadThumbnail(ctx context.Context, field string, source *message.MediaSource) ([]byte, error) {
	if source == nil {
		return nil, nil
	}
	small, err := s.library.Thumbnail(ctx, s.owner, source.Input())
	if err != nil {
		return nil, message.MediaError(field, err)
	}
	return small, nil
}

// MediaFile is an open file of the store.
type MediaFile struct {
	MediaID  string
	MimeType string
	Filename string
	Size     int64
	SHA256   string            // hex
	Content  io.ReadSeekCloser // the caller closes it
}

// DataURL reads the whole file and closes it.
func (f *MediaFile) DataURL() (string, error) {
	defer f.Content.Close()
	data, err := io.ReadAll(io.LimitReader(f.Content, f.Size))
	if err != nil {
		return "", wa.StorageError("the file could not be read", err)
	}
	return "data:" + f.MimeType + ";base64," + base64.StdEncoding.EncodeToString(data), nil
}

// Get opens a stored file.
func (s *Service) Get(ctx context.Context, mediaID string) (*MediaFile, error) {
	kept, content, err := s.library.Get(ctx, s.owner, mediaID)
	if err != nil {
		var e *media.Error
		if errors.As(err, &e) {
			return nil, &wa.Error{Reason: message.MediaReasons[e.Reason], Field: "media_id", Message: e.Message, Err: e.Err}
		}
		return nil, err
	}
	return &MediaFile{MediaID: kept.MediaID, MimeType: kept.MimeType, Filename: kept.Filename, Size: kept.Size, SHA256: kept.SHA256, Content: content}, nil
}

// Downloadable returns the file of a message and its name; nil if the message has none.
func Downloadable(m *waE2E.Message) (whatsmeow.DownloadableMessage, string) {
	if inner := message.Innermost(m); inner != nil {
		m = inner
	}
	switch {
	case m.ImageMessage != nil:
		return m.ImageMessage, ""
	case m.VideoMessage != nil:
		return m.VideoMessage, ""
	case m.PtvMessage != nil:
		return m.PtvMessage, ""
	case m.AudioMessage != nil:
		return m.AudioMessage, ""
	case m.DocumentMessage != nil:
		return m.DocumentMessage, m.DocumentMessage.GetFileName()
	case m.StickerMessage != nil:
		return m.StickerMessage, ""
	}
	switch file := message.HeaderFile(m).(type) {
	case *waE2E.DocumentMessage:
		return file, file.GetFileName()
	case whatsmeow.DownloadableMessage:
		return file, ""
	}
	return nil, ""
}

// GetOfMessage opens the file of a stored message; nil if the message has none. A file that is not stored is fetched from WhatsApp; if WhatsApp no
// longer has it, the phone uploads it again.
func (s *Service) GetOfMessage(ctx context.Context, chat, id string) (*MediaFile, error) {
	row, err := s.conn.StoredMessage(ctx, chat, id)
	if err != nil {
		return nil, err
	}
	if row.MediaID != "" {
		file, err := s.Get(ctx, row.MediaID)
		if err == nil || wa.ReasonOf(err) != wa.ReasonNotFound {
			return file, err
		}
	}
	if len(row.Raw) == 0 {
		return nil, nil
	}
	content, err := message.ContentOfRow(row)
	if err != nil {
		return nil, err
	}
	source, name := Downloadable(content)
	if source == nil {
		return nil, nil
	}
	cli, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	mimeType := source.(message.MediaFile).GetMimetype()
	// Senders choose message ids, which are unique in their chat only. The zero byte separates chat and id, and makes MediaID hash them.
	mediaID := media.MediaID(s.session, row.Chat+"\x00"+row.ID, mimeType)
	fetch := func(source whatsmeow.DownloadableMessage) error {
		_, err := s.library.Receive(ctx, s.owner, mediaID, mimeType, name, func(f *os.File) error { return cli.DownloadToFile(ctx, source, f) })
		return err
	}
	err = fetch(source)
	if goneFromWhatsApp(err) {
		if err = s.requestFromPhone(ctx, cli, row, content, source); err == nil {
			err = fetch(source)
		}
	}
	if err != nil {
		return nil, downloadError(err)
	}
	if err := s.messages.SetMedia(ctx, s.owner, messages.Address{JID: row.Chat, Alt: row.ChatLID}, row.ID, mediaID); err != nil {
		return nil, wa.StorageError("the file could not be noted", err)
	}
	return s.Get(ctx, mediaID)
}

func goneFromWhatsApp(err error) bool {
	return errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith403) || errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith404) ||
		errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith410)
}

func downloadError(err error) error {
	var stored *media.Error
	switch {
	case errors.As(err, &stored):
		return message.MediaError("media", err)
	case goneFromWhatsApp(err):
		return &wa.Error{Reason: wa.ReasonNotFound, Message: "WhatsApp no longer has the file", Err: err}
	case errors.Is(err, whatsmeow.ErrInvalidMediaSHA256), errors.Is(err, whatsmeow.ErrInvalidMediaEncSHA256), errors.Is(err, whatsmeow.ErrInvalidMediaHMAC):
		return &wa.Error{Reason: wa.ReasonWhatsApp, Message: "what WhatsApp sent is not the file of the message", Err: err}
	}
	out := wa.Wrap("download the file", err)
	var e *wa.Error
	if errors.As(out, &e) {
		known := *e
		known.OutcomeUnknown = false
		return &known
	}
	return out
}

// mediaRetryTime is how long the phone has to upload a file again.
const mediaRetryTime = 30 * time.Second

// requestFromPhone makes the phone upload a file again and stores its new path.
func (s *Service) requestFromPhone(ctx context.Context, cli *whatsmeow.Client, row *messages.Row, content *waE2E.Message, source whatsmeow.DownloadableMessage) error {
	chat, err := types.ParseJID(row.Chat)
	if err != nil {
		return wa.StorageError("the stored message cannot be read", err)
	}
	sender, err := types.ParseJID(row.Sender.JID)
	if err != nil {
		return wa.StorageError("the stored message cannot be read", err)
	}
	if wa.IsPerson(chat) && !row.FromMe {
		chat = sender
	}
	ctx, cancel := context.WithTimeout(ctx, mediaRetryTime)
	defer cancel()
	answers := make(chan *events.MediaRetry, 1)
	handler := cli.AddEventHandler(func(evt any) {
		if retry, ok := evt.(*events.MediaRetry); ok && retry.MessageID == row.ID {
			select {
			case answers <- retry:
			default:
			}
		}
	})
	defer cli.RemoveEventHandler(handler)
	info := &types.MessageInfo{ID: row.ID, MessageSource: types.MessageSource{
		Chat: chat, Sender: sender, IsFromMe: row.FromMe, IsGroup: chat.Server == types.GroupServer,
	}}
	if err := cli.SendMediaRetryReceipt(ctx, info, source.GetMediaKey()); err != nil {
		return err
	}
	var answer *events.MediaRetry
	select {
	case answer = <-answers:
	case <-ctx.Done():
		return &wa.Error{Reason: wa.ReasonNotFound, Message: "WhatsApp no longer has the file, and the phone does not answer", Err: ctx.Err()}
	}
	retry, err := whatsmeow.DecryptMediaRetryNotification(answer, source.GetMediaKey())
	if err != nil {
		return &wa.Error{Reason: wa.ReasonNotFound, Message: "WhatsApp no longer has the file, and the phone does not either", Err: err}
	}
	if retry.GetResult() != waMmsRetry.MediaRetryNotification_SUCCESS {
		return &wa.Error{Reason: wa.ReasonNotFound, Message: "WhatsApp no longer has the file, and the phone does not either"}
	}
	setPath(source, retry.GetDirectPath())
	raw, err := proto.Marshal(content)
	if err != nil {
		return err
	}
	if err := s.messages.SetRaw(ctx, s.owner, messages.Address{JID: row.Chat, Alt: row.ChatLID}, row.ID, raw); err != nil {
		return wa.StorageError("the new place of the file could not be noted", err)
	}
	return nil
}

// setPath changes the path of a message's file and removes the old address.
func setPath(source whatsmeow.DownloadableMessage, path string) {
	switch m := source.(type) {
	case *waE2E.ImageMessage:
		m.DirectPath, m.URL = &path, nil
	case *waE2E.VideoMessage:
		m.DirectPath, m.URL = &path, nil
	case *waE2E.AudioMessage:
		m.DirectPath, m.URL = &path, nil
	case *waE2E.DocumentMessage:
		m.DirectPath, m.URL = &path, nil
	case *waE2E.StickerMessage:
		m.DirectPath, m.URL = &path, nil
	}
}
