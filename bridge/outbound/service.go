package outbound

import (
	"context"
	"log/slog"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/chats"
	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
)

// Conn has the methods of a session that sending uses.
type Conn interface {
	Recorder
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
	// Explain adds the state of the session to an error without a cause.
	Explain(err error) error
	// Addresses returns the phone number and the LID of the account, without device.
	Addresses() (pn, lid types.JID)
	// WriteAppState changes the account's synchronised settings.
	WriteAppState(ctx context.Context, operation string, patch appstate.PatchInfo) error
	// Echoes reports whether a message to a chat becomes an event; asked is the option of the call.
	Echoes(to types.JID, asked *bool) bool
	// PermitSend returns an error with the time of a retry if the session applies its send governor to calls, and it permits no message now.
	PermitSend(ctx context.Context) error
	// Reachout returns the account's timelock as last stated by WhatsApp.
	Reachout() Reachout
	// RefreshReachout queries the timelock and records a change.
	RefreshReachout(ctx context.Context, cli *whatsmeow.Client)
}

// Recorder stores sent messages together with their events.
type Recorder interface {
	// RecordPending stores a message that is about to be sent. It returns false if a message of that id is stored and
	// was sent.
	RecordPending(ctx context.Context, cli *whatsmeow.Client, out *Outgoing) (chat messages.Address, stored bool, err error)
	// RecordChange stores a sent message that changes another one.
	RecordChange(ctx context.Context, cli *whatsmeow.Client, out *Outgoing, sentAt time.Time) error
	// RecordStatus records the status of a pending message; project writes it to the row, in the event's transaction.
	RecordStatus(ctx context.Context, out *Outgoing, chat messages.Address, status *MessageStatusData, project func(context.Context) error) error
}

// Outgoing is a message that is ready to be sent.
type Outgoing struct {
	To         types.JID
	ID         string
	Content    *waE2E.Message
	Shown      *waE2E.Message         // the readable form of Content that is encrypted once more; nil = Content
	Act        *message.MessageTarget // the part of Content, which acts on another message, that is encrypted once more; nil = none
	Meta       *types.MsgMetaInfo     // attributes of the stanza; nil = none
	Handle     string                 // handle of media in newsletters
	MediaID    string                 // the stored file that the message was made from
	Recipients int                    // number of people it is sent to; 0 = not known
	Echo       bool                   // the message becomes an event
	Asked      bool                   // the call itself requested the event
	Automatic  bool                   // the server sends it by itself
}

// Config contains the parts of a Service; all are necessary except ObserveAck.
type Config struct {
	Conn   Conn
	Owner  string // key of the session's data
	Stored *messages.Store
	Files  *media.Library
	Chats  *chats.Service
	Log    func() *slog.Logger
	// ObserveAck is called with the time until WhatsApp's acknowledgement; nil = not observed.
	ObserveAck func(took time.Duration)
}

// Service sends the messages of one session. Its methods return *wa.Error.
type Service struct {
	conn       Conn
	owner      string
	stored     *messages.Store
	files      *media.Library
	chats      *chats.Service
	log        func() *slog.Logger
	observeAck func(took time.Duration)
}

// NewService returns a Service.
func NewService(c Config) *Service {
	return &Service{conn: c.Conn, owner: c.Owner, stored: c.Stored, files: c.Files, chats: c.Chats, log: c.Log, observeAck: c.ObserveAck}
}
