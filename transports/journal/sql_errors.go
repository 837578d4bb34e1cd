package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/waystation/waystation/transports/kit/database"
)

// storeError wraps a database error in the matching error of this package.
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

// affectsAll reports whether every other append would fail with the same error: then the rest of a batch is not tried one by one.
func affectsAll(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		// A projection that used up the commit's time does not indicate a failing store.
		return !errors.Is(err, ErrProjection)
	}
	return database.Gone(err)
}
