package groups

import (
	"context"
	"log/slog"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/directory"
	"github.com/waystation/waystation/bridge/wa"
)

// Conn has the methods of a session that operations on groups use.
type Conn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
	// Paired returns the keys of the paired device, also while the session is disconnected.
	Paired(ctx context.Context) (*store.Device, error)
	// SeePairs stores the pairs of phone number and LID in an answer.
	SeePairs(ctx context.Context, pairs ...directory.Pair)
}

// Service implements the group operations of one session. Its methods return *wa.Error.
type Service struct {
	conn   Conn
	owner  string // key of the session's data
	stored *directory.Store
	log    func() *slog.Logger
}

// NewService returns the operations on the groups of the session whose data has the key owner.
func NewService(conn Conn, owner string, stored *directory.Store, log func() *slog.Logger) *Service {
	return &Service{conn: conn, owner: owner, stored: stored, log: log}
}

// liveGroup parses the parameter group and returns the client of the open connection.
func (s *Service) liveGroup(group string) (*whatsmeow.Client, types.JID, error) {
	jid, err := wa.ParseGroup("group", group)
	if err != nil {
		return nil, types.EmptyJID, err
	}
	client, err := s.conn.Live()
	return client, jid, err
}
