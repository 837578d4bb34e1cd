package message

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/oklog/ulid/v2"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/wa"
)

// MediaSource is a file as callers give it: exactly one of MediaID, URL and Base64.
type MediaSource struct {
	MediaID  string `json:"media_id" rpc:"max=200" doc:"file kept by this server"`
	URL      string `json:"url" rpc:"max=2048,format=uri" doc:"http(s) address fetched by the server; private networks are refused"`
	Base64   string `json:"base64" doc:"the file in base64, plain or as a data URL (data:<type>;base64,...)"`
	MimeType string `json:"mime_type" rpc:"max=128" doc:"detected when absent"`
	Filename string `json:"filename" rpc:"max=255" doc:"name shown or suggested"`
}

// Input returns the source in the form that package media reads.
func (m *MediaSource) Input() media.Input {
	return media.Input{MediaID: m.MediaID, URL: m.URL, Base64: m.Base64, MimeType: m.MimeType, Filename: m.Filename}
}

var MediaReasons = map[media.Reason]wa.Reason{
	media.ReasonBad: wa.ReasonBadParam, media.ReasonTooLarge: wa.ReasonTooLarge, media.ReasonNotFound: wa.ReasonNotFound,
	media.ReasonForbidden: wa.ReasonBadParam, media.ReasonFetch: wa.ReasonBadParam, media.ReasonTimeout: wa.ReasonTimeout,
	media.ReasonConflict: wa.ReasonConflict, media.ReasonTooMany: wa.ReasonRateLimited,
	media.ReasonUnsupported: wa.ReasonNotSupported, media.ReasonStorage: wa.ReasonStorage,
}

// MediaError puts a problem with a file under the parameter it came in.
func MediaError(field string, err error) error {
	var e *media.Error
	if !errors.As(err, &e) {
		return err
	}
	if e.Field != "" {
		field += "/" + e.Field
	}
	return &wa.Error{Reason: MediaReasons[e.Reason], Field: field, Message: e.Message, Err: e.Err}
}

// file makes the message that suits the type of the file. Options for other types have no effect.
func (b *Builder) file(ctx context.Context) (*waE2E.Message, error) {
	if b.Content.Media == nil {
		return nil, wa.BadParam("media", "is missing")
	}
	if err := b.checkViewOnce(); err != nil {
		return nil, err
	}
	opened, err := b.Files.Open(ctx, b.Owner, b.Content.Media.Input())
	if err != nil {
		return nil, MediaError("media", err)
	}
	kind := media.KindOf(opened.MimeType)
	if kind == media.KindAudio && b.Content.VoiceNote {
		kind = media.KindVoice
	}
	file, err := b.Files.Fit(ctx, opened, kind)
	if err != nil {
		return nil, MediaError("media", err)
	}
	defer file.Close()
	switch kind {
	case media.KindImage:
		return b.imageMessage(ctx, file)
	case media.KindVideo:
		return b.videoMessage(ctx, file)
	case media.KindDocument:
		return b.documentMessage(ctx, file)
	}
	return b.audioMessage(ctx, file)
}

// prepare gets the file of the content ready for its kind.
func (b *Builder) prepare(ctx context.Context, kind media.Kind) (*media.Prepared, error) {
	if b.Content.Media == nil {
		return nil, wa.BadParam("media", "is missing")
	}
	file, err := b.Files.Prepare(ctx, b.Owner, b.Content.Media.Input(), kind)
	if err != nil {
		return nil, MediaError("media", err)
	}
	if b.Content.Thumbnail != nil {
		if file.Thumbnail, err = b.thumbnail(ctx, "thumbnail", b.Content.Thumbnail); err != nil {
			file.Close()
			return nil, err
		}
	}
	return file, nil
}

func (b *Builder) thumbnail(ctx context.Context, field string, source *MediaSource) ([]byte, error) {
	small, err := b.Files.Thumbnail(ctx, b.Owner, source.Input())
	if err != nil {
		return nil, MediaError(field, err)
	}
	return small, nil
}

// upload hands the file to WhatsApp, encrypted except for newsletters.
func (b *Builder) upload(ctx context.Context, file *media.Prepared, kind whatsmeow.MediaType) (*whatsmeow.UploadResponse, error) {
	var up whatsmeow.UploadResponse
	var err error
	if b.To.Server == types.NewsletterServer {
		up, err = b.Client.UploadNewsletterReader(ctx, file.File, kind)
		b.Handle = up.Handle
	} else {
		up, err = b.Client.UploadReader(ctx, file.File, nil, kind)
	}
	if err != nil {
		return nil, uploadError("media", err)
	}
	return &up, nil
}

// uploadError puts a refused upload under the parameter that the file came in.
func uploadError(field string, err error) error {
	own := wa.Wrap("upload the file", err)
	if wa.ReasonOf(own) == "" {
		return err
	}
	var e *wa.Error
	errors.As(own, &e)
	e.OutcomeUnknown = false // no message was sent yet
	e.Field = field
	return e
}

func (b *Builder) checkViewOnce() error {
	if b.Content.ViewOnce && b.To.Server == types.NewsletterServer {
		return wa.BadParam("view_once", "does not exist in newsletters")
	}
	return nil
}

// once marks a message that opens once.
func (b *Builder) once(m *waE2E.Message) *waE2E.Message {
	if !b.Content.ViewOnce {
		return m
	}
	return &waE2E.Message{ViewOnceMessage: &waE2E.FutureProofMessage{Message: m}}
}

func (b *Builder) onceFlag() *bool {
	if !b.Content.ViewOnce {
		return nil
	}
	return proto.Bool(true)
}

func (b *Builder) image(ctx context.Context) (*waE2E.Message, error) {
	if err := b.checkViewOnce(); err != nil {
		return nil, err
	}
	file, err := b.prepare(ctx, media.KindImage)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return b.imageMessage(ctx, file)
}

func (b *Builder) imageMessage(ctx context.Context, file *media.Prepared) (*waE2E.Message, error) {
	image, err := b.imageOf(ctx, file)
	if err != nil {
		return nil, err
	}
	return b.once(&waE2E.Message{ImageMessage: image}), nil
}

// imageOf uploads a prepared picture.
func (b *Builder) imageOf(ctx context.Context, file *media.Prepared) (*waE2E.ImageMessage, error) {
	up, err := b.upload(ctx, file, whatsmeow.MediaImage)
	if err != nil {
		return nil, err
	}
	return &waE2E.ImageMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256, FileSHA256: up.FileSHA256,
		FileLength: &up.FileLength, Mimetype: &file.MimeType, Caption: wa.OrNull(b.Content.Caption), JPEGThumbnail: file.Thumbnail,
		Width: dimension(file.Width), Height: dimension(file.Height), ViewOnce: b.onceFlag(), MediaKeyTimestamp: now(),
	}, nil
}

func (b *Builder) video(ctx context.Context) (*waE2E.Message, error) {
	if err := b.checkViewOnce(); err != nil {
		return nil, err
	}
	if b.Content.VideoNote && b.Content.Caption != "" {
		return nil, wa.BadParam("caption", "does not go with a video note")
	}
	file, err := b.prepare(ctx, media.KindVideo)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return b.videoMessage(ctx, file)
}

func (b *Builder) videoMessage(ctx context.Context, file *media.Prepared) (*waE2E.Message, error) {
	video, err := b.videoOf(ctx, file)
	if err != nil {
		return nil, err
	}
	if b.Content.GIFPlayback {
		video.GifPlayback = proto.Bool(true)
	}
	if b.Content.VideoNote {
		return b.once(&waE2E.Message{PtvMessage: video}), nil
	}
	return b.once(&waE2E.Message{VideoMessage: video}), nil
}

// videoOf uploads a prepared video.
func (b *Builder) videoOf(ctx context.Context, file *media.Prepared) (*waE2E.VideoMessage, error) {
	up, err := b.upload(ctx, file, whatsmeow.MediaVideo)
	if err != nil {
		return nil, err
	}
	return &waE2E.VideoMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256, FileSHA256: up.FileSHA256,
		FileLength: &up.FileLength, Mimetype: &file.MimeType, Caption: wa.OrNull(b.Content.Caption), JPEGThumbnail: file.Thumbnail,
		Width: dimension(file.Width), Height: dimension(file.Height), Seconds: seconds(file.Duration), ViewOnce: b.onceFlag(), MediaKeyTimestamp: now(),
	}, nil
}

func (b *Builder) audio(ctx context.Context) (*waE2E.Message, error) {
	if err := b.checkViewOnce(); err != nil {
		return nil, err
	}
	kind := media.KindAudio
	if b.Content.VoiceNote {
		kind = media.KindVoice
	}
	file, err := b.prepare(ctx, kind)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return b.audioMessage(ctx, file)
}

func (b *Builder) audioMessage(ctx context.Context, file *media.Prepared) (*waE2E.Message, error) {
	up, err := b.upload(ctx, file, whatsmeow.MediaAudio)
	if err != nil {
		return nil, err
	}
	return b.once(&waE2E.Message{AudioMessage: &waE2E.AudioMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256, FileSHA256: up.FileSHA256,
		FileLength: &up.FileLength, Mimetype: &file.MimeType, Seconds: seconds(file.Duration), PTT: proto.Bool(b.Content.VoiceNote),
		Waveform: file.Waveform, ViewOnce: b.onceFlag(), MediaKeyTimestamp: now(),
	}}), nil
}

func (b *Builder) document(ctx context.Context) (*waE2E.Message, error) {
	var shown string
	if b.Content.Verbatim && b.Content.Media != nil {
		// The name is shown to the recipient only; the file store takes none that is a path.
		source := *b.Content.Media
		shown, source.Filename = source.Filename, media.SafeFilename(source.Filename)
		b.Content.Media = &source
	}
	file, err := b.prepare(ctx, media.KindDocument)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if shown != "" {
		file.Filename = shown
	}
	return b.documentMessage(ctx, file)
}

func (b *Builder) documentMessage(ctx context.Context, file *media.Prepared) (*waE2E.Message, error) {
	document, err := b.documentOf(ctx, file)
	if err != nil {
		return nil, err
	}
	m := &waE2E.Message{DocumentMessage: document}
	if b.Content.Caption != "" {
		return &waE2E.Message{DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: m}}, nil
	}
	return m, nil
}

// documentOf uploads a prepared file.
func (b *Builder) documentOf(ctx context.Context, file *media.Prepared) (*waE2E.DocumentMessage, error) {
	up, err := b.upload(ctx, file, whatsmeow.MediaDocument)
	if err != nil {
		return nil, err
	}
	name := file.Filename
	if name == "" {
		name = "file" + media.Extension(file.MimeType)
	}
	return &waE2E.DocumentMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256, FileSHA256: up.FileSHA256,
		FileLength: &up.FileLength, Mimetype: &file.MimeType, FileName: &name, Title: &name, Caption: wa.OrNull(b.Content.Caption),
		JPEGThumbnail: file.Thumbnail, MediaKeyTimestamp: now(),
	}, nil
}

func (b *Builder) sticker(ctx context.Context) (*waE2E.Message, error) {
	file, err := b.prepare(ctx, media.KindSticker)
	if err != nil {
		return nil, err
	}
	defer func() { file.Close() }()
	if b.Content.PackName != "" || b.Content.PackAuthor != "" || len(b.Content.PackEmojis) > 0 {
		pack := media.StickerPack{ID: ulid.Make().String(), Name: b.Content.PackName, Author: b.Content.PackAuthor, Emojis: b.Content.PackEmojis}
		if err := b.Files.NameStickerPack(file, pack); err != nil {
			return nil, MediaError("media", err)
		}
	}
	small, err := media.PNG(file.Thumbnail)
	if err != nil {
		return nil, MediaError("thumbnail", err)
	}
	up, err := b.upload(ctx, file, whatsmeow.MediaImage)
	if err != nil {
		return nil, err
	}
	return &waE2E.Message{StickerMessage: &waE2E.StickerMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256, FileSHA256: up.FileSHA256,
		FileLength: &up.FileLength, Mimetype: &file.MimeType, Width: dimension(file.Width), Height: dimension(file.Height),
		IsAnimated: proto.Bool(file.Animated), MediaKeyTimestamp: now(), PngThumbnail: small,
	}}, nil
}

func dimension(n int) *uint32 {
	if n <= 0 || n > math.MaxUint16 {
		return nil
	}
	return proto.Uint32(uint32(n))
}

// seconds rounds to whole seconds; a shorter sound lasts one.
func seconds(d time.Duration) *uint32 {
	if d <= 0 {
		return nil
	}
	return proto.Uint32(uint32(max(1, math.Round(d.Seconds()))))
}

func now() *int64 { return proto.Int64(time.Now().Unix()) }
