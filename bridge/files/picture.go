package files

import (
	"context"
	"errors"

	"golang.org/x/sync/semaphore"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/picture"
	"github.com/waystation/waystation/bridge/wa"
)

const (
	// maxPictureFile bounds a picture before it is scaled down, in bytes.
	maxPictureFile = 16 << 20
	// picturesAtOnce bounds the pictures decoded at a time, since one may take 160 MiB for a moment.
	picturesAtOnce = 2
)

var pictureSlots = semaphore.NewWeighted(picturesAtOnce)

// LoadPicture reads an image and converts it to the square JPEG that WhatsApp requires for people and groups. It returns nil for a nil source;
// field names the source in errors.
func (s *Service) LoadPicture(ctx context.Context, field string, source *message.MediaSource) ([]byte, error) {
	if source == nil {
		return nil, nil
	}
	file, err := s.Load(ctx, field, source, maxPictureFile)
	if err != nil {
		return nil, err
	}
	if err := pictureSlots.Acquire(ctx, 1); err != nil {
		return nil, &wa.Error{Reason: wa.ReasonTimeout, Field: field, Message: "too many pictures are being read", Err: err}
	}
	defer pictureSlots.Release(1)
	square, err := picture.Square(file)
	switch {
	case errors.Is(err, picture.ErrNotImage):
		return nil, &wa.Error{Reason: wa.ReasonBadParam, Field: field, Message: "is not a JPEG, PNG, GIF or WebP image", Err: err}
	case errors.Is(err, picture.ErrTooLarge):
		return nil, &wa.Error{Reason: wa.ReasonBadParam, Field: field, Message: "has too many pixels", Err: err}
	}
	return square, err
}
