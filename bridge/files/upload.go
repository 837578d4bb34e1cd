package files

import (
	"context"
	"io"
	"time"

	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/message"
)

// PartialUpload is a file that is uploaded in parts.
type PartialUpload struct {
	ID           string
	Size, Offset int64 // bytes announced and arrived
	ExpiresAt    time.Time
}

func partialUpload(u *media.Upload, err error) (*PartialUpload, error) {
	if err != nil {
		return nil, message.MediaError("", err)
	}
	return &PartialUpload{u.ID, u.Size, u.Offset, u.ExpiresAt}, nil
}

// BeginUpload starts the upload of a file in parts.
func (s *Service) BeginUpload(ctx context.Context, size int64, about Upload) (*PartialUpload, error) {
	return partialUpload(s.library.BeginUpload(ctx, s.owner, s.session, size, media.Input{MimeType: about.MimeType, Filename: about.Filename, SHA256: about.SHA256}))
}

// GetUpload returns the progress of an upload.
func (s *Service) GetUpload(ctx context.Context, id string) (*PartialUpload, error) {
	return partialUpload(s.library.Upload(ctx, s.owner, id))
}

// ContinueUpload adds a part at an offset. It returns the file once it is complete. After an error the returned upload has the progress; it is nil
// if the upload no longer exists.
func (s *Service) ContinueUpload(ctx context.Context, id string, offset int64, content io.Reader) (*PartialUpload, *UploadedFile, error) {
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

// CancelUpload removes an upload and its parts.
func (s *Service) CancelUpload(ctx context.Context, id string) error {
	if err := s.library.CancelUpload(ctx, s.owner, id); err != nil {
		return message.MediaError("", err)
	}
	return nil
}
