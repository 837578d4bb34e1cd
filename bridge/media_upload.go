package bridge

import (
	"context"
	"io"
	"time"

	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/message"
)

// PartialUpload is a file that comes in parts.
type PartialUpload struct {
	ID           string
	Size, Offset int64 // bytes announced and arrived
	ExpiresAt    time.Time
}

func partial(u *media.Upload, err error) (*PartialUpload, error) {
	if err != nil {
		return nil, message.MediaError("", err)
	}
	return &PartialUpload{u.ID, u.Size, u.Offset, u.ExpiresAt}, nil
}

// BeginUpload announces a file of a size, which then comes in parts.
func (s *filesService) BeginUpload(ctx context.Context, size int64, about Upload) (*PartialUpload, error) {
	return partial(s.library.BeginUpload(ctx, s.owner, s.session, size, media.Input{MimeType: about.MimeType, Filename: about.Filename, SHA256: about.SHA256}))
}

// PartialUpload tells how far an upload has come.
func (s *filesService) PartialUpload(ctx context.Context, id string) (*PartialUpload, error) {
	return partial(s.library.Upload(ctx, s.owner, id))
}

// ContinueUpload adds a part at an offset; the file is returned when it is whole. After an error, the upload (nil when
// there is none any more) tells how far it has come.
func (s *filesService) ContinueUpload(ctx context.Context, id string, offset int64, content io.Reader) (*PartialUpload, *UploadedFile, error) {
	u, kept, err := s.library.Continue(ctx, s.owner, id, offset, content)
	var at *PartialUpload
	if u != nil {
		at = &PartialUpload{u.ID, u.Size, u.Offset, u.ExpiresAt}
	}
	if err != nil {
		return at, nil, message.MediaError("", err)
	}
	if kept == nil {
		return at, nil, nil
	}
	return at, &UploadedFile{MediaID: kept.MediaID, MimeType: kept.MimeType, Size: kept.Size, SHA256: kept.SHA256, ExpiresAt: kept.ExpiresAt}, nil
}

// CancelUpload removes what has arrived of an upload.
func (s *filesService) CancelUpload(ctx context.Context, id string) error {
	if err := s.library.CancelUpload(ctx, s.owner, id); err != nil {
		return message.MediaError("", err)
	}
	return nil
}
