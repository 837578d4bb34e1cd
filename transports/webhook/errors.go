package webhook

import "errors"

// Errors of the methods of Webhooks, besides refusal.Problems and errors of the database and the context.
var (
	// ErrNotFound is returned if the session has no webhook with that id.
	ErrNotFound = errors.New("webhook: not found")
	// ErrTooMany is returned if the session already has Config.MaxPerSession webhooks.
	ErrTooMany = errors.New("webhook: too many of one session")
)
