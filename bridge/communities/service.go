package communities

import (
	"context"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/wa"
)

// Conn has the method of a session that operations on communities use.
type Conn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
}

// Groups has the operations on groups that communities use.
type Groups interface {
	// Create creates a group or community.
	Create(ctx context.Context, create groups.GroupCreate) (*groups.Group, error)
	// StoreCommunity changes the community of a stored group; nil = none.
	StoreCommunity(ctx context.Context, group types.JID, community *string) error
}

// Sender sends messages.
type Sender interface {
	Send(ctx context.Context, to string, c *message.Content, o *outbound.SendOptions) (*outbound.Sent, error)
}

// Service implements the community operations of one session. Its methods return *wa.Error.
type Service struct {
	conn   Conn
	groups Groups
	sender Sender
}

// NewService returns the operations on the communities of a session.
func NewService(conn Conn, groups Groups, sender Sender) *Service {
	return &Service{conn: conn, groups: groups, sender: sender}
}

// liveCommunity parses the parameter community and returns the client of the open connection.
func (s *Service) liveCommunity(community string) (*whatsmeow.Client, types.JID, error) {
	jid, err := wa.ParseGroup("community", community)
	if err != nil {
		return nil, types.EmptyJID, err
	}
	client, err := s.conn.Live()
	return client, jid, err
}
