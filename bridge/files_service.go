package bridge

import (
	"context"

	"go.mau.fi/whatsmeow"

	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/messages"
)

// filesConn is the view of a session that operations on its files have.
type filesConn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
	// StoredMessage returns a stored message, or an Error with ReasonNotFound.
	StoredMessage(ctx context.Context, chat, id string) (*messages.Row, error)
}

// filesService does the operations on the files of one session. Its methods return *wa.Error.
type filesService struct {
	conn     filesConn
	session  string // id, part of the ids of files
	owner    string // key of the session's data
	library  *media.Library
	messages *messages.Store
}

// newFiles returns the operations on the files of the session with an id, whose data has the key owner.
func newFiles(conn filesConn, session, owner string, library *media.Library, stored *messages.Store) *filesService {
	return &filesService{conn: conn, session: session, owner: owner, library: library, messages: stored}
}
