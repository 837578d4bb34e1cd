package inbound

import (
	"context"
	"log/slog"
	"reflect"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/directory"
	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/inbound/projection"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/naming"
	"github.com/waystation/waystation/bridge/objectstore"
	"github.com/waystation/waystation/bridge/people"
	"github.com/waystation/waystation/bridge/signal"
	"github.com/waystation/waystation/transports/journal"
)

// Conn has the methods of a session that the translation of its events uses.
type Conn interface {
	// Context ends when the bridge is closed.
	Context() context.Context
	// Spawn runs fn in a goroutine that the end of the bridge waits for.
	Spawn(fn func()) bool
	// Paired returns the keys of the paired device, also while the session is disconnected.
	Paired(ctx context.Context) (*store.Device, error)
	// EventSettings returns the settings that apply to events.
	EventSettings() Settings
	// StaysOut reports, in the transaction of ctx, whether the session stays out of an outlet that all sessions share.
	StaysOut(ctx context.Context, outlet string) (bool, error)
	// SendNotice sends a text by itself, under a message id.
	SendNotice(ctx context.Context, to, text, messageID string) error
	// StoredGroup returns a group as it is stored; nil = it is not stored.
	StoredGroup(ctx context.Context, group types.JID) (*groups.Group, error)
	// StorePushName stores the account's own push name.
	StorePushName(name string)
	// DropSilentConnection closes a connection on which WhatsApp does not answer.
	DropSilentConnection(cli *whatsmeow.Client)
	// SetReachout applies a notification about the account's reach-out timelock. It returns the data of its event (nil =
	// no event), and the function to call once the event is committed.
	SetReachout(evt *events.NotifyAccountReachoutTimelock) (data naming.Fields, committed func())
	// RecoverAppState applies the phone's copy of a collection.
	RecoverAppState(ctx context.Context, cli *whatsmeow.Client, answer *waE2E.PeerDataOperationRequestResponseMessage) error
	// AddHistory stores the pointer to a history blob, which answers a request (empty = none).
	AddHistory(ctx context.Context, messageID, request string, notice []byte) error
	// RefuseHistory ends a request for history that the phone refuses.
	RefuseHistory(ctx context.Context, request, reason string) error
	// FetchHistory reads the stored blobs in a goroutine.
	FetchHistory(cli *whatsmeow.Client)
	// PlanAnswer returns a function that notes, in the transaction of a message's record, that the message may need an automatic
	// answer; nil = it needs none.
	PlanAnswer(ctx context.Context, info *types.MessageInfo, data *message.EventData) func(context.Context) error
	// PlanWelcome is PlanAnswer for new members of a group.
	PlanWelcome(ctx context.Context, evt *events.GroupInfo) func(context.Context) error
	// WakeAutomation starts the automatic answers of what is committed.
	WakeAutomation()
}

// Journal has the methods of the journal that translations use.
type Journal interface {
	Append(ctx context.Context, session string, records ...journal.Record) ([]journal.Result, error)
	Signal(s journal.Signal)
}

// Storage stores the files of messages outside of this server.
type Storage interface {
	// Plan returns the storages that files of the session go to now, and those whose queue is full.
	Plan(session string) (places, full []objectstore.Place)
	// Add enqueues a file in the transaction of ctx. Wake must be called after the commit.
	Add(ctx context.Context, session string, place objectstore.Place, ref, extension string, about []byte) error
	Wake(session string, place objectstore.Place)
}

// Shared has the stores and limits that are the same for all sessions.
type Shared struct {
	Journal    Journal
	Keys       *people.Keys
	Directory  *directory.Store
	Messages   *messages.Store
	Projection *projection.Writer
	Storage    Storage // nil = none
	SkipMedia  bool    // files of messages are not stored
	DataLimit  int     // bytes of an event's data
	// KeepAliveLimit is the time without an answer after which a connection is closed.
	KeepAliveLimit time.Duration
}

// Settings are the settings of a session that apply to events.
type Settings struct {
	Filter            Filter
	SkipMedia         bool
	SkipHistory       bool
	SendReadReceipts  bool
	EchoToWuzapi      bool
	RejectCalls       bool
	CallRejectReason  string
	CallRejectMessage string
	SkipGlobal        []string // outlets that the session stays out of
}

// Filter selects the messages that are excluded. It applies to received messages and to messages the account sends from
// any device.
type Filter struct {
	Own         bool
	Groups      bool
	Newsletters bool
	Broadcasts  bool // broadcast lists and status posts
}

// Excludes reports whether a message of a chat is excluded; own is true for a message of the account itself.
func (f Filter) Excludes(chat types.JID, own bool) bool {
	switch {
	case own && f.Own:
		return true
	case chat.Server == types.GroupServer:
		return f.Groups
	case chat.Server == types.NewsletterServer:
		return f.Newsletters
	case chat.Server == types.BroadcastServer:
		return f.Broadcasts
	}
	return false
}

// Service translates the events of one session.
type Service struct {
	conn   Conn
	id     string // of the session
	owner  string // key of the session's data
	shared *Shared
	log    func() *slog.Logger
}

// NewService returns the translation of the events of a session by its id and the key of its data.
func NewService(conn Conn, id, owner string, shared *Shared, log func() *slog.Logger) *Service {
	return &Service{conn: conn, id: id, owner: owner, shared: shared, log: log}
}

// New returns an empty translation for events that do not come from whatsmeow. Without a client, addresses are resolved
// with the keys of the paired device.
func (s *Service) New(ctx context.Context, cli *whatsmeow.Client) *Translation {
	t := &Translation{service: s, cli: cli, ctx: ctx, settings: s.conn.EventSettings()}
	if cli != nil {
		return t
	}
	if device, err := s.conn.Paired(ctx); err == nil {
		t.lids = device.LIDs
	}
	return t
}

// Record translates an event and commits the resulting records.
func (s *Service) Record(cli *whatsmeow.Client, evt any) error {
	t := &Translation{service: s, cli: cli, ctx: s.conn.Context(), settings: s.conn.EventSettings()}
	if e, ok := evt.(*events.Message); ok {
		t.message = signal.Message{ID: e.Info.ID, Sender: e.Info.Sender}
	}
	translate := translators[reflect.TypeOf(evt)]
	if translate == nil {
		t.unknown(evt)
	} else if err := translate(t, evt); err != nil {
		return err
	}
	for _, volatile := range t.signals {
		s.shared.Journal.Signal(volatile)
	}
	if len(t.records) > 0 {
		if err := t.Append(); err != nil {
			return err
		}
	}
	t.Committed()
	return nil
}

// NameResult rewrites the chats and people in result, a pointer, as in events. After an error the result stays as it
// is, because the reported operation has been performed.
func (s *Service) NameResult(ctx context.Context, result any) {
	if t := reflect.TypeOf(result); t == nil || !naming.HoldsAddresses(t) {
		return
	}
	t := s.New(ctx, nil)
	err := t.name(result)
	if err == nil && t.Len() > 0 { // keys were merged
		_, err = t.AppendOnce()
	}
	if err != nil && ctx.Err() == nil {
		s.log().Warn("the chats and people in a result could not be named", "error", err)
	}
}
