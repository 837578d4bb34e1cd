package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/waystation/waystation/transports/kit/database"
)

// storeError gives an error of the database its type.
func storeError(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrUnavailable):
		return err
	case database.DiskFull(err):
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

// isGone tells errors that no other append would escape: it is no use to try the
// rest of a batch one by one.
func isGone(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		// A projection that used up the commit's time says nothing about the store.
		return !errors.Is(err, ErrProjection)
	}
	return database.Gone(err)
}
