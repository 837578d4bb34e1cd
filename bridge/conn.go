package bridge

import (
	"context"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"

	"github.com/waystation/waystation/bridge/directory"
	"github.com/waystation/waystation/bridge/groups"
)

// conn is the view of a session that the packages of its operations have.
type conn struct{ session *Session }

// Live returns the client of the open connection.
func (c conn) Live() (*whatsmeow.Client, error) { return c.session.live() }

// Paired returns the keys of the paired device.
func (c conn) Paired(ctx context.Context) (*store.Device, error) { return c.session.paired(ctx) }

// SeePairs stores pairs of phone number and LID.
func (c conn) SeePairs(ctx context.Context, pairs ...directory.Pair) {
	c.session.sawPairs(ctx, pairs...)
}

// Groups returns the operations on groups.
func (s *Session) Groups() *groups.Service { return s.groups }
