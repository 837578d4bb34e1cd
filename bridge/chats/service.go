package chats

import (
	"context"
	"log/slog"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/store"

	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/messages"
)

// Conn has the methods of a session that operations on chats and stored messages use.
type Conn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
	// Paired returns the keys of the paired device, also while the session is disconnected.
	Paired(ctx context.Context) (*store.Device, error)
	// WriteAppState changes the account's synchronised settings; operation is its name in errors.
	WriteAppState(ctx context.Context, operation string, patch appstate.PatchInfo) error
	// DefaultTimer returns the account's timer for new chats and when it was set.
	DefaultTimer() (lifetime time.Duration, setAt time.Time)
	// SetDefaultTimer stores the account's timer for new chats, which was set at a time.
	SetDefaultTimer(ctx context.Context, lifetime time.Duration, at time.Time) error
	// SkipsHistory reports whether history that the phone sends is dropped.
	SkipsHistory() bool
	// BeginHistory stores a request for the history of one chat, or of all (empty), before it is sent.
	BeginHistory(ctx context.Context, request, chat string) error
	// ForgetHistory removes a request that could not be sent.
	ForgetHistory(ctx context.Context, request string) error
}

// LabelSource has the labels of chats and messages.
type LabelSource interface {
	// Carried returns the ids of the labels that chats carry, by the chats' addresses, and those that messages in them carry, by message
	// id and then by the address of the chat: of all chats of a session without chats.
	Carried(ctx context.Context, owner string, chats ...string) (byChat map[string][]string, byMessage map[string]map[string][]string, err error)
}

// Service does the operations on the chats and the stored messages of one session. Its methods return *wa.Error.
type Service struct {
	conn     Conn
	owner    string // key of the session's data
	store    *messages.Store
	contacts *contacts.Service
	groups   *groups.Service
	labels   LabelSource // nil = no labels
	log      func() *slog.Logger
}

// NewService returns the operations on the chats of the session whose data has the key owner.
func NewService(conn Conn, owner string, stored *messages.Store, contacts *contacts.Service, groups *groups.Service, labels LabelSource, log func() *slog.Logger) *Service {
	return &Service{conn: conn, owner: owner, store: stored, contacts: contacts, groups: groups, labels: labels, log: log}
}
