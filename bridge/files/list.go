package files

import (
	"context"
	"time"

	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/message"
)

// StoredFile is a stored file in a list.
type StoredFile struct {
	MediaID   string    `json:"media_id" doc:"file kept by this server"`
	MimeType  string    `json:"mime_type" doc:"type"`
	Filename  string    `json:"filename" doc:"name suggested; empty = none"`
	Size      int64     `json:"size" doc:"bytes"`
	CreatedAt time.Time `json:"created_at" doc:"when it was stored"`
	ExpiresAt time.Time `json:"expires_at" doc:"when it is removed"`
}

// List returns a page of the session's stored files, the newest first, and the number and size in bytes of all.
func (s *Service) List(ctx context.Context, limit, offset int) (page []StoredFile, count int, size int64, err error) {
	var list []*media.Listed
	if list, count, size, err = s.library.List(ctx, s.owner, limit, offset); err != nil {
		return nil, 0, 0, message.MediaError("", err)
	}
	page = make([]StoredFile, len(list))
	for i, f := range list {
		page[i] = StoredFile{f.MediaID, f.MimeType, f.Filename, f.Size, f.CreatedAt, f.ExpiresAt}
	}
	return page, count, size, nil
}

// Delete removes a stored file. Messages keep their keys, by which WhatsApp has the file for some time.
func (s *Service) Delete(ctx context.Context, mediaID string) error {
	file, err := s.Get(ctx, mediaID)
	if err != nil {
		return err
	}
	file.Content.Close()
	if err := s.library.Delete(ctx, s.owner, mediaID); err != nil {
		return message.MediaError("", err)
	}
	return nil
}
