package journal

import "errors"

var (
	// ErrClosed says that the journal was closed.
	ErrClosed = errors.New("journal: closed")
	// ErrUnavailable says that the store did not take the append (disk full, database
	// gone). Nothing was logged, or it was and a retry with the same Key finds it.
	ErrUnavailable = errors.New("journal: store unavailable")
	// ErrInvalid says that a record cannot be logged as it is.
	ErrInvalid = errors.New("journal: invalid record")
	// ErrTooLarge says that a record's data exceeds Config.MaxData.
	ErrTooLarge = errors.New("journal: data too large")
	// ErrPositionLost says that events after the asked position are not retained.
	ErrPositionLost = errors.New("journal: position lost")
	// ErrProjection says that the Project function of a record failed.
	ErrProjection = errors.New("journal: projection failed")
)
