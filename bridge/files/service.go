package files

import (
	"context"

	"go.mau.fi/whatsmeow"

	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/messages"
)

// Conn has the methods of a session that operations on files use.
type Conn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
	// StaysDisconnected reports whether the session connects again only after an action of its owner.
	StaysDisconnected() bool
	// StoredMessage returns a stored message, or an Error with ReasonNotFound.
	StoredMessage(ctx context.Context, chat, id string) (*messages.Row, error)
}

// Service does the operations on the files of one session. Its methods return *wa.Error.
type Service struct {
	conn     Conn
	session  string // id, part of the ids of files
	owner    string // key of the session's data
	library  *media.Library
	messages *messages.Store
}

// NewService returns the operations on the files of a session by the key of its data and its id.
func NewService(conn Conn, owner, session string, library *media.Library, stored *messages.Store) *Service {
	return &Service{conn: conn, session: session, owner: owner, library: library, messages: stored}
}
