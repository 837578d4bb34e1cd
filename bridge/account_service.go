package bridge

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"
)

// accountConn is the view of a session that operations on its account have.
type accountConn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
	// Identity returns the addresses and names of the account as the session knows them.
	Identity() accountIdentity
	// StaysUnavailable reports whether the session shows itself as offline after it has connected.
	StaysUnavailable() bool
	// WriteAppState changes the account's synchronised settings; what names the operation in errors.
	WriteAppState(ctx context.Context, what string, patch appstate.PatchInfo) error
	// FetchAppState reads one collection of the account's synchronised settings from its beginning.
	FetchAppState(ctx context.Context, client *whatsmeow.Client, name appstate.WAPatchName) error
	// SetDefaultTimer stores the account's timer for new chats, which was set at a time.
	SetDefaultTimer(ctx context.Context, lifetime time.Duration, at time.Time) error
	// SendText sends a text, under messageID if that is not empty, and returns its id.
	SendText(ctx context.Context, to, text, messageID string) (id string, err error)
}

// accountIdentity is the account as the session knows it. Empty fields are not known.
type accountIdentity struct {
	JID, LID               types.JID
	PushName, BusinessName string
}

// accountService does the operations on the account of one session. Its methods return *wa.Error.
type accountService struct{ conn accountConn }

// newAccount returns the operations on the account of a session.
func newAccount(conn accountConn) *accountService { return &accountService{conn: conn} }
