package bridge

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/account"
	"github.com/waystation/waystation/bridge/business"
	"github.com/waystation/waystation/bridge/chats"
	"github.com/waystation/waystation/bridge/communities"
	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/directory"
	"github.com/waystation/waystation/bridge/files"
	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/inbound"
	"github.com/waystation/waystation/bridge/inbound/history"
	"github.com/waystation/waystation/bridge/labels"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/naming"
	"github.com/waystation/waystation/bridge/newsletters"
	"github.com/waystation/waystation/bridge/orders"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/spam"
	"github.com/waystation/waystation/bridge/statepatch"
	"github.com/waystation/waystation/bridge/statesync"
	"github.com/waystation/waystation/bridge/statusposts"
	"github.com/waystation/waystation/bridge/wa"
)

// conn is the view of a session for the packages of its operations.
type conn struct{ session *Session }

// Live returns the client of the open connection.
func (c conn) Live() (*whatsmeow.Client, error) { return c.session.live() }

// Client returns the client, connected or not; nil if the session has no client.
func (c conn) Client() *whatsmeow.Client {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	return c.session.cli
}

// Context ends when the bridge is closed.
func (c conn) Context() context.Context { return c.session.b.ctx }

// Spawn runs fn in a goroutine that Close waits for.
func (c conn) Spawn(fn func()) bool { return c.session.b.spawn(fn) }

// Paired returns the keys of the paired device.
func (c conn) Paired(ctx context.Context) (*store.Device, error) { return c.session.paired(ctx) }

// Device returns the address of the paired device.
func (c conn) Device() types.JID { return c.session.device() }

// BrowserName returns the browser in the session's client profile.
func (c conn) BrowserName() string {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	if profile := c.session.row.Profile; profile != nil {
		return profile.Browser
	}
	return ""
}

// Identity returns the addresses and names of the account.
func (c conn) Identity() account.Identity {
	status := c.session.Status()
	return account.Identity{JID: status.JID, LID: status.LID, PushName: status.PushName, BusinessName: status.BusinessName}
}

// EventSettings returns the settings that apply to events.
func (c conn) EventSettings() inbound.Settings {
	settings := c.session.Settings()
	events := eventSettings(&settings)
	events.SendReadReceipts = events.SendReadReceipts || c.session.automation.Reads()
	return events
}

// StaysOut reports, in the transaction of ctx, whether the session stays out of an outlet that all sessions share.
func (c conn) StaysOut(ctx context.Context, outlet string) (bool, error) {
	return c.session.b.store.staysOut(ctx, c.session.id, outlet)
}

// SettingAvailability notes that a caller sets the availability of a connection, which the session does not change by itself from then on.
func (c conn) SettingAvailability(cli *whatsmeow.Client) { c.session.availability.Store(cli) }

// StaysUnavailable reports whether the session stays offline after it has connected.
func (c conn) StaysUnavailable() bool { return c.session.Settings().UnavailableAfterConnect }

// SkipsHistory reports whether the session drops history that the phone sends.
func (c conn) SkipsHistory() bool { return c.session.Settings().SkipHistorySync }

// SeePairs stores pairs of phone number and LID.
func (c conn) SeePairs(ctx context.Context, pairs ...directory.Pair) {
	c.session.contacts.SeePairs(ctx, pairs...)
}

// StoredMessage returns a stored message.
func (c conn) StoredMessage(ctx context.Context, chat, id string) (*messages.Row, error) {
	return c.session.chats.FindMessage(ctx, chat, id)
}

// WriteAppState changes the account's synchronised settings.
func (c conn) WriteAppState(ctx context.Context, operation string, patch appstate.PatchInfo) error {
	return c.session.states.Write(ctx, operation, patch)
}

// RemoveAppState removes an entry of the account's synchronised settings.
func (c conn) RemoveAppState(ctx context.Context, operation string, name appstate.WAPatchName, entry statepatch.Entry) (found bool, err error) {
	return c.session.states.Remove(ctx, operation, name, entry)
}

// ApplyEntries stores the labels among the entries of a collection.
func (c conn) ApplyEntries(ctx context.Context, name appstate.WAPatchName, entries []appstate.Mutation, whole bool) error {
	return c.session.labels.ApplyEntries(ctx, name, entries, whole)
}

// IsBusiness reports whether the account is one of WhatsApp Business.
func (c conn) IsBusiness(ctx context.Context) bool {
	device, err := c.session.paired(ctx)
	return err == nil && (device.BusinessName != "" || strings.HasPrefix(device.Platform, "smb"))
}

// AddressOf returns the addresses of a chat.
func (c conn) AddressOf(ctx context.Context, chat types.JID) messages.Address {
	return c.session.chats.AddressOf(ctx, chat)
}

// FetchAppState reads a collection of the account's synchronised settings.
func (c conn) FetchAppState(ctx context.Context, client *whatsmeow.Client, name appstate.WAPatchName, opts statesync.FetchOptions) error {
	return c.session.states.Fetch(ctx, client, name, opts)
}

// RequestRecovery asks the phone for its copy of a collection.
func (c conn) RequestRecovery(ctx context.Context, client *whatsmeow.Client, name appstate.WAPatchName, requestID string) error {
	return c.session.states.RequestRecovery(ctx, client, name, requestID)
}

// SyncAppState handles a notification about changed app state.
func (c conn) SyncAppState(ctx context.Context, client *whatsmeow.Client, notification *waBinary.Node) {
	c.session.states.HandleNotification(ctx, client, notification)
}

// SendText sends a text.
func (c conn) SendText(ctx context.Context, to, text, messageID string) (id string, err error) {
	sent, err := c.session.outbound.Send(ctx, to, &message.Content{Type: message.TypeText, Text: text}, &outbound.SendOptions{MessageID: messageID})
	if err != nil {
		return "", err
	}
	return sent.MessageID, nil
}

// SendContent sends a message, under messageID if that is not empty. A message of that id that was sent already is not sent again.
func (c conn) SendContent(ctx context.Context, to types.JID, messageID string, content *waE2E.Message) (id string, at time.Time, err error) {
	sent, err := c.session.outbound.SendContent(ctx, to, messageID, content)
	if err != nil {
		return "", at, err
	}
	return sent.MessageID, sent.Timestamp, nil
}

// Explain adds the state of the session to an error without a cause.
func (c conn) Explain(err error) error { return c.session.explain(err) }

// Addresses returns the phone number and the LID of the account.
func (c conn) Addresses() (pn, lid types.JID) {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	return c.session.row.Device.ToNonAD(), c.session.row.Identity.LID.ToNonAD()
}

// Echoes reports whether a message that is sent through a method becomes an event.
func (c conn) Echoes(to types.JID, asked *bool) bool { return c.session.echoes(to, asked) }

// Reachout returns the account's reach-out timelock.
func (c conn) Reachout() outbound.Reachout {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	return c.session.reach.Current(time.Now())
}

// RefreshReachout queries the account's reach-out timelock.
func (c conn) RefreshReachout(ctx context.Context, client *whatsmeow.Client) {
	c.session.readReachout(ctx, client)
}

// needsOwner are the states that a session leaves only after an action of its owner.
var needsOwner = map[State]bool{StateCreated: true, StatePairing: true, StateLoggedOut: true, StateReplaced: true, StateBanned: true, StateOutdated: true}

// StaysDisconnected reports whether the session connects again only after an action of its owner.
func (c conn) StaysDisconnected() bool {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	return needsOwner[c.session.snap.State]
}

// StoredGroup returns a group as it is stored.
func (c conn) StoredGroup(ctx context.Context, group types.JID) (*groups.Group, error) {
	return c.session.groups.Stored(ctx, group)
}

// StorePushName stores the account's own push name.
func (c conn) StorePushName(name string) { c.session.storePushName(name) }

// DropSilentConnection closes a connection on which WhatsApp does not answer.
func (c conn) DropSilentConnection(client *whatsmeow.Client) {
	c.session.dropConnection(client, reasonKeepAlive)
}

// SetReachout applies a notification about the account's reach-out timelock.
func (c conn) SetReachout(evt *events.NotifyAccountReachoutTimelock) (data naming.Fields, committed func()) {
	return c.session.setAnnouncedReachout(evt)
}

// RecoverAppState applies the phone's copy of a collection.
func (c conn) RecoverAppState(ctx context.Context, client *whatsmeow.Client, answer *waE2E.PeerDataOperationRequestResponseMessage) error {
	return c.session.states.Recover(ctx, client, answer)
}

// AddHistory stores the pointer to a history blob.
func (c conn) AddHistory(ctx context.Context, messageID, request string, notice []byte) error {
	return c.session.history.AddPointer(ctx, messageID, request, notice)
}

// RefuseHistory ends a request for history that the phone refuses.
func (c conn) RefuseHistory(ctx context.Context, request, reason string) error {
	return c.session.history.RefuseRequest(ctx, request, reason)
}

// BeginHistory stores a request for history before it is sent.
func (c conn) BeginHistory(ctx context.Context, request, chat string) error {
	kind := history.KindFull
	if chat != "" {
		kind = history.KindChat
	}
	return c.session.history.BeginRequest(ctx, history.Request{ID: request, Kind: kind, Chat: chat})
}

// ForgetHistory removes a request for history that could not be sent.
func (c conn) ForgetHistory(ctx context.Context, request string) error {
	return c.session.history.ForgetRequest(ctx, request)
}

// FetchHistory reads the stored blobs in a goroutine.
func (c conn) FetchHistory(client *whatsmeow.Client) { c.session.history.Fetch(client) }

// Enter registers work that stores data of the session.
func (c conn) Enter() (leave func(), err error) { return c.session.Enter() }

// Deleted reports whether the session is deleted.
func (c conn) Deleted() bool { return c.session.isDeleted() }

// SetHistoryProgress stores the latest chunk for the session's status.
func (c conn) SetHistoryProgress(p history.Progress) {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	c.session.progress = p
	c.session.wakeWaiters()
}

// DefaultTimer returns the account's timer for new chats and when it was set.
func (c conn) DefaultTimer() (lifetime time.Duration, setAt time.Time) {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	return c.session.row.DefaultTimer, c.session.row.DefaultTimerAt
}

// SetDefaultTimer stores the account's timer for new chats unless a later setting is stored.
func (c conn) SetDefaultTimer(ctx context.Context, lifetime time.Duration, at time.Time) error {
	s := c.session
	s.mu.Lock()
	known := s.row.DefaultTimerAt
	s.mu.Unlock()
	if at.Before(known) {
		return nil
	}
	if err := s.b.store.setDefaultTimer(ctx, s.id, lifetime, at); err != nil {
		return wa.StorageError("the default timer could not be stored", err)
	}
	s.mu.Lock()
	s.row.DefaultTimer, s.row.DefaultTimerAt = lifetime, at
	s.mu.Unlock()
	return nil
}

// NameResult rewrites the chats and people in result, a pointer, as in events.
func (s *Session) NameResult(ctx context.Context, result any) { s.inbound.NameResult(ctx, result) }

// WholeMessage returns the data of a Message event, completed from the message store as inbound.WholeMessage does.
func (b *Bridge) WholeMessage(ctx context.Context, session string, data json.RawMessage, limit int) (json.RawMessage, error) {
	return inbound.WholeMessage(ctx, b.messages, b.OwnerOf(session), data, limit)
}

// Groups returns the operations on groups.
func (s *Session) Groups() *groups.Service { return s.groups }

// Contacts returns the operations on contacts.
func (s *Session) Contacts() *contacts.Service { return s.contacts }

// Chats returns the operations on chats and stored messages.
func (s *Session) Chats() *chats.Service { return s.chats }

// Labels returns the operations on labels.
func (s *Session) Labels() *labels.Service { return s.labels }

// Account returns the operations on the own account.
func (s *Session) Account() *account.Service { return s.account }

// Newsletters returns the operations on newsletters.
func (s *Session) Newsletters() *newsletters.Service { return s.newsletters }

// StatusPosts returns the operations on status posts.
func (s *Session) StatusPosts() *statusposts.Service { return s.statusPosts }

// Files returns the operations on files.
func (s *Session) Files() *files.Service { return s.files }

// Messages returns the operations that send and change messages.
func (s *Session) Messages() *outbound.Service { return s.outbound }

// Communities returns the operations on communities.
func (s *Session) Communities() *communities.Service { return s.communities }

// Spam returns the reports of spam.
func (s *Session) Spam() *spam.Service { return s.spam }

// Business returns the queries for businesses and bots.
func (s *Session) Business() *business.Service { return s.business }

// Orders returns the orders and payments behind stored messages.
func (s *Session) Orders() *orders.Service { return s.orders }
