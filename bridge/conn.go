package bridge

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/account"
	"github.com/waystation/waystation/bridge/chats"
	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/directory"
	"github.com/waystation/waystation/bridge/files"
	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/statepatch"
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

// StaysUnavailable reports whether the session stays offline after it has connected.
func (c conn) StaysUnavailable() bool { return c.session.Settings().UnavailableAfterConnect }

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

// FetchAppState reads a whole collection of the account's synchronised settings.
func (c conn) FetchAppState(ctx context.Context, client *whatsmeow.Client, name appstate.WAPatchName) error {
	return c.session.states.Fetch(ctx, client, name, true)
}

// SendText sends a text.
func (c conn) SendText(ctx context.Context, to, text, messageID string) (id string, err error) {
	sent, err := c.session.Send(ctx, to, &message.Content{Type: message.TypeText, Text: text}, &SendOptions{MessageID: messageID})
	if err != nil {
		return "", err
	}
	return sent.MessageID, nil
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

// Groups returns the operations on groups.
func (s *Session) Groups() *groups.Service { return s.groups }

// Contacts returns the operations on contacts.
func (s *Session) Contacts() *contacts.Service { return s.contacts }

// Chats returns the operations on chats and stored messages.
func (s *Session) Chats() *chats.Service { return s.chats }

// Account returns the operations on the own account.
func (s *Session) Account() *account.Service { return s.account }

// Files returns the operations on files.
func (s *Session) Files() *files.Service { return s.files }
