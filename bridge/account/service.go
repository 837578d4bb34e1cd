package account

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/statesync"
)

// Conn has the methods of a session that operations on the account use.
type Conn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
	// Identity returns the addresses and names of the account as the session knows them.
	Identity() Identity
	// SettingAvailability notes that a caller sets the availability of a connection.
	SettingAvailability(cli *whatsmeow.Client)
	// StaysUnavailable reports whether the session shows itself as offline after it has connected.
	StaysUnavailable() bool
	// WriteAppState changes the account's synchronised settings; operation is its name in errors.
	WriteAppState(ctx context.Context, operation string, patch appstate.PatchInfo) error
	// FetchAppState reads one collection of the account's synchronised settings.
	FetchAppState(ctx context.Context, client *whatsmeow.Client, name appstate.WAPatchName, opts statesync.FetchOptions) error
	// RequestRecovery asks the phone for its copy of a collection; with a request id its end is an event.
	RequestRecovery(ctx context.Context, client *whatsmeow.Client, name appstate.WAPatchName, requestID string) error
	// SetDefaultTimer stores the account's timer for new chats, which was set at a time.
	SetDefaultTimer(ctx context.Context, lifetime time.Duration, at time.Time) error
	// SendText sends a text, under messageID if that is not empty, and returns its id.
	SendText(ctx context.Context, to, text, messageID string) (id string, err error)
}

// Identity is the account as the session knows it. Empty fields are not known.
type Identity struct {
	JID, LID               types.JID
	PushName, BusinessName string
}

// Service does the operations on the account of one session. Its methods return *wa.Error.
type Service struct{ conn Conn }

// NewService returns the operations on the account of a session.
func NewService(conn Conn) *Service { return &Service{conn: conn} }
