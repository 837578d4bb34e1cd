package projection

import (
	"context"
	"errors"

	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/messages"
)

// Writer writes rows derived from events. Its methods run in the transaction that commits the event (ctx carries it), so
// that rows and event become visible together. A method may run again if the transaction is repeated, and does not run
// for an event that was recorded before. owner is the key under which the session's data is stored.
type Writer struct {
	messages *messages.Store
	files    *media.Library
}

// NewWriter returns a writer for the messages and files of all sessions.
func NewWriter(stored *messages.Store, files *media.Library) *Writer {
	return &Writer{messages: stored, files: files}
}

// Purge deletes the messages and files of a session.
func (w *Writer) Purge(ctx context.Context, owner string) error {
	return errors.Join(w.messages.Purge(ctx, owner), w.files.Purge(ctx, owner))
}
