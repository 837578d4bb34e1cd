package files

import (
	"bytes"
	"context"
	"io"
	"strings"
	"time"

	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/wa"
)

// maxStickerSource is the largest picture that is changed before it becomes a sticker, in bytes.
const maxStickerSource = 16 << 20

// MakeSticker converts the picture or video of a stored message to a sticker, keeps it, and returns its media id. Videos longer than
// seconds are refused; 0 = all videos. edit changes the picture first; nil = not.
func (s *Service) MakeSticker(ctx context.Context, chat, messageID string, seconds int, edit func(ctx context.Context, picture []byte) ([]byte, error)) (string, error) {
	source, err := s.GetOfMessage(ctx, chat, messageID)
	if err != nil {
		return "", err
	}
	if source == nil {
		return "", wa.NewError(wa.ReasonNotFound, "the message has no file")
	}
	defer source.Content.Close()
	if err := checkStickerSource(source, seconds, edit != nil); err != nil {
		return "", err
	}
	var content io.Reader = source.Content
	if edit != nil {
		picture, err := io.ReadAll(io.LimitReader(content, maxStickerSource))
		if err != nil {
			return "", wa.StorageError("the file could not be read", err)
		}
		if picture, err = edit(ctx, picture); err != nil {
			return "", err
		}
		content = bytes.NewReader(picture)
	}
	file, err := s.library.Take(content, media.Input{})
	if err != nil {
		return "", message.MediaError("media", err)
	}
	if strings.HasPrefix(file.MimeType, "video/") {
		if err := s.checkLength(file, seconds); err != nil {
			file.Close()
			return "", err
		}
	}
	prepared, err := s.library.Fit(ctx, file, media.KindSticker)
	if err != nil {
		return "", message.MediaError("media", err)
	}
	kept, err := s.keepFile(ctx, prepared.File)
	if err != nil {
		return "", err
	}
	return kept.MediaID, nil
}

func checkStickerSource(f *MediaFile, seconds int, edited bool) error {
	video := strings.HasPrefix(f.MimeType, "video/")
	switch {
	case !video && !strings.HasPrefix(f.MimeType, "image/"):
		return wa.NewError(wa.ReasonNotSupported, "the file is neither a picture nor a video")
	case video && (seconds == 0 || edited):
		return wa.NewError(wa.ReasonNotSupported, "videos are not permitted")
	case edited && f.Size > maxStickerSource:
		return wa.NewError(wa.ReasonTooLarge, "the picture is too large")
	}
	return nil
}

// checkLength measures a video, whatever its message says.
func (s *Service) checkLength(f *media.File, seconds int) error {
	length, err := s.library.VideoLength(f)
	if err != nil {
		return message.MediaError("media", err)
	}
	if length > time.Duration(seconds)*time.Second {
		return wa.NewError(wa.ReasonTooLarge, "the video is longer than %d seconds", seconds)
	}
	return nil
}
