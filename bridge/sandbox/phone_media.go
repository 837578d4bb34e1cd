package sandbox

import (
	"errors"
	"fmt"

	"github.com/gabriel-vasile/mimetype"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
)

// MediaKind is a kind of file in a chat.
type MediaKind string

// Kinds of files that phones send.
const (
	Image    MediaKind = "image"
	Video    MediaKind = "video"
	GIF      MediaKind = "gif"
	Audio    MediaKind = "audio"
	Voice    MediaKind = "voice"
	Document MediaKind = "document"
	Sticker  MediaKind = "sticker"
)

// Media is a file to send.
type Media struct {
	Kind     MediaKind
	Data     []byte
	MIME     string // guessed from Data when empty
	Caption  string // images, videos, documents
	FileName string // documents
	Seconds  int    // audio, voice, video
}

var mediaTypes = map[MediaKind]whatsmeow.MediaType{
	Image: whatsmeow.MediaImage, Video: whatsmeow.MediaVideo, GIF: whatsmeow.MediaVideo, Audio: whatsmeow.MediaAudio, Voice: whatsmeow.MediaAudio,
	Document: whatsmeow.MediaDocument, Sticker: whatsmeow.MediaImage,
}

// Upload stores a file on the media host and returns the content that refers to it.
func (p *Phone) Upload(m Media) (Content, error) {
	kind, ok := mediaTypes[m.Kind]
	if !ok {
		return nil, fmt.Errorf("sandbox: unknown kind of media %q", m.Kind)
	}
	ref, err := p.net.media.upload(m.Data, kind)
	if err != nil {
		return nil, fmt.Errorf("sandbox: upload: %w", err)
	}
	if m.MIME == "" {
		m.MIME = mimetype.Detect(m.Data).String()
	}
	return m.content(ref), nil
}

func (m Media) content(ref mediaRef) Content {
	url, path, mime, size := proto.String(ref.URL), proto.String(ref.DirectPath), proto.String(m.MIME), proto.Uint64(ref.FileLength)
	seconds := proto.Uint32(uint32(m.Seconds))
	switch m.Kind {
	case Image:
		return &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
			URL: url, DirectPath: path, Mimetype: mime, FileLength: size, Caption: nilIfEmpty(m.Caption),
			MediaKey: ref.MediaKey, FileSHA256: ref.FileSHA256, FileEncSHA256: ref.FileEncSHA256,
		}}
	case Video, GIF:
		return &waE2E.Message{VideoMessage: &waE2E.VideoMessage{
			URL: url, DirectPath: path, Mimetype: mime, FileLength: size, Caption: nilIfEmpty(m.Caption),
			Seconds: seconds, GifPlayback: proto.Bool(m.Kind == GIF),
			MediaKey: ref.MediaKey, FileSHA256: ref.FileSHA256, FileEncSHA256: ref.FileEncSHA256,
		}}
	case Audio, Voice:
		return &waE2E.Message{AudioMessage: &waE2E.AudioMessage{
			URL: url, DirectPath: path, Mimetype: mime, FileLength: size, Seconds: seconds,
			PTT: proto.Bool(m.Kind == Voice), MediaKey: ref.MediaKey, FileSHA256: ref.FileSHA256, FileEncSHA256: ref.FileEncSHA256,
		}}
	case Sticker:
		return &waE2E.Message{StickerMessage: &waE2E.StickerMessage{
			URL: url, DirectPath: path, Mimetype: mime, FileLength: size,
			MediaKey: ref.MediaKey, FileSHA256: ref.FileSHA256, FileEncSHA256: ref.FileEncSHA256,
		}}
	default:
		return &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{
			URL: url, DirectPath: path, Mimetype: mime, FileLength: size, Caption: nilIfEmpty(m.Caption),
			FileName: nilIfEmpty(m.FileName), Title: nilIfEmpty(m.FileName),
			MediaKey: ref.MediaKey, FileSHA256: ref.FileSHA256, FileEncSHA256: ref.FileEncSHA256,
		}}
	}
}

func nilIfEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// mediaFields are the fields that all messages with a file have.
type mediaFields interface {
	GetURL() string
	GetDirectPath() string
	GetMediaKey() []byte
	GetFileSHA256() []byte
	GetFileEncSHA256() []byte
	GetFileLength() uint64
}

// Download fetches the file of a message from the media host, verifies and decrypts it.
func (p *Phone) Download(r Received) ([]byte, error) {
	fields, kind := fileOf(r.Message)
	if fields == nil {
		return nil, errors.New("sandbox: message has no file")
	}
	data, err := p.net.media.download(mediaRef{
		URL: fields.GetURL(), DirectPath: fields.GetDirectPath(), MediaKey: fields.GetMediaKey(),
		FileSHA256: fields.GetFileSHA256(), FileEncSHA256: fields.GetFileEncSHA256(), FileLength: fields.GetFileLength(),
	}, kind)
	if err != nil {
		return nil, fmt.Errorf("sandbox: download: %w", err)
	}
	return data, nil
}

// stickerPackFile is the archive of a sticker pack, which has no address.
type stickerPackFile struct{ *waE2E.StickerPackMessage }

// GetURL implements mediaFields.
func (stickerPackFile) GetURL() string { return "" }

func fileOf(m *waE2E.Message) (mediaFields, whatsmeow.MediaType) {
	// The content may be wrapped: a document with a caption, a picture that opens once, a message that disappears.
	m = unwrapMessage(m)
	header := m.GetInteractiveMessage().GetHeader()
	switch {
	case header.GetImageMessage() != nil:
		return header.GetImageMessage(), whatsmeow.MediaImage
	case header.GetVideoMessage() != nil:
		return header.GetVideoMessage(), whatsmeow.MediaVideo
	case header.GetDocumentMessage() != nil:
		return header.GetDocumentMessage(), whatsmeow.MediaDocument
	case m.GetImageMessage() != nil:
		return m.GetImageMessage(), whatsmeow.MediaImage
	case m.GetVideoMessage() != nil:
		return m.GetVideoMessage(), whatsmeow.MediaVideo
	case m.GetPtvMessage() != nil:
		return m.GetPtvMessage(), whatsmeow.MediaVideo
	case m.GetAudioMessage() != nil:
		return m.GetAudioMessage(), whatsmeow.MediaAudio
	case m.GetDocumentMessage() != nil:
		return m.GetDocumentMessage(), whatsmeow.MediaDocument
	case m.GetStickerMessage() != nil:
		return m.GetStickerMessage(), whatsmeow.MediaImage
	case m.GetStickerPackMessage() != nil:
		return stickerPackFile{m.GetStickerPackMessage()}, whatsmeow.MediaStickerPack
	}
	return nil, ""
}
