package journal

import (
	"errors"
	"fmt"
)

// Errors of Append and Read, besides the error of their context.
var (
	// ErrClosed is returned after the journal was closed.
	ErrClosed = errors.New("journal: closed")
	// ErrUnavailable is returned if the store fails an append or a read (disk full, database unreachable). Either the append was not logged, or a
	// retry with the same Key finds it. It recovers as soon as the store does.
	ErrUnavailable = errors.New("journal: store unavailable")
	// ErrDiskFull is the ErrUnavailable of a full disk.
	ErrDiskFull = fmt.Errorf("%w: disk full", ErrUnavailable)
	// ErrInvalid is returned for an invalid record.
	ErrInvalid = errors.New("journal: invalid record")
	// ErrTooLarge is returned if a record's data exceeds Config.MaxData, or an append Config.MaxBatchRecords.
	ErrTooLarge = errors.New("journal: too large")
	// ErrPositionLost is returned if the log does not continue after the requested position: retention passed it, or it never was a position of this
	// log.
	ErrPositionLost = errors.New("journal: position lost")
	// ErrProjection is returned if the Project function of a record failed; it wraps the error of the function. No record of the append was logged.
	ErrProjection = errors.New("journal: projection failed")
	// ErrInTransaction is returned if Append was called with the context of a database transaction. It would wait for a commit that waits for this
	// transaction.
	ErrInTransaction = errors.New("journal: append inside a database transaction")
)
