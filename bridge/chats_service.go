package bridge

import (
	"context"
	"log/slog"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/store"

	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/messages"
)

// chatsConn is the view of a session that operations on chats and stored messages have.
type chatsConn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
	// Paired returns the keys of the paired device, also while the session is disconnected.
	Paired(ctx context.Context) (*store.Device, error)
	// WriteAppState changes the account's synchronised settings; what names the operation in errors.
	WriteAppState(ctx context.Context, what string, patch appstate.PatchInfo) error
	// DefaultTimer returns the account's timer for new chats and when it was set.
	DefaultTimer() (lifetime time.Duration, setAt time.Time)
	// SetDefaultTimer stores the account's timer for new chats, which was set at a time.
	SetDefaultTimer(ctx context.Context, lifetime time.Duration, at time.Time) error
}

// chatsService does the operations on the chats and the stored messages of one session. Its methods return *wa.Error.
type chatsService struct {
	conn     chatsConn
	owner    string // key of the session's data
	store    *messages.Store
	contacts *contactsService
	groups   *groups.Service
	log      func() *slog.Logger
}

// newChats returns the operations on the chats of the session whose data has the key owner.
func newChats(conn chatsConn, owner string, stored *messages.Store, contacts *contactsService, groups *groups.Service, log func() *slog.Logger) *chatsService {
	return &chatsService{conn: conn, owner: owner, store: stored, contacts: contacts, groups: groups, log: log}
}
