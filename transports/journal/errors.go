package journal

import (
	"errors"
	"fmt"
)

// What Append and Read may answer, besides the error of their context.
var (
	// ErrClosed says that the journal was closed.
	ErrClosed = errors.New("journal: closed")
	// ErrUnavailable says that the store did not take the append or answer the read
	// (disk full, database gone). The append was not logged, or it was and a retry
	// with the same Key finds it. It works again as soon as the store does.
	ErrUnavailable = errors.New("journal: store unavailable")
	// ErrDiskFull is the ErrUnavailable of a store that has no room left.
	ErrDiskFull = fmt.Errorf("%w: disk full", ErrUnavailable)
	// ErrInvalid says that a record cannot be logged as it is.
	ErrInvalid = errors.New("journal: invalid record")
	// ErrTooLarge says that a record's data exceeds Config.MaxData, or an append
	// Config.MaxBatchRecords.
	ErrTooLarge = errors.New("journal: too large")
	// ErrPositionLost says that the log does not continue after the asked position:
	// retention passed it, or it never was a position of this log.
	ErrPositionLost = errors.New("journal: position lost")
	// ErrProjection says that the Project function of a record failed; it wraps what
	// the function returned. Nothing of the append was logged.
	ErrProjection = errors.New("journal: projection failed")
	// ErrInTransaction says that Append was called with the context of a database
	// transaction. It would wait for a commit that waits for this transaction.
	ErrInTransaction = errors.New("journal: append inside a database transaction")
)
