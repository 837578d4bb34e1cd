package webhook

import "errors"

// What the methods of Webhooks may answer, besides refusal.Problems and errors of the database and the context.
var (
	// ErrNotFound says that the session has no webhook of that id.
	ErrNotFound = errors.New("webhook: not found")
	// ErrTooMany says that the session has Config.MaxPerSession webhooks already.
	ErrTooMany = errors.New("webhook: too many of one session")
)
