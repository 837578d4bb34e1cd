// Package conntest is a session for tests of the packages that see a session through a small interface: without a connection (Conn), or connected
// to a simulated WhatsApp (LiveConn).
package conntest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/store/sqlstore/upgrades"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/directory"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/statepatch"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/database"
)

// Owner is the key of the session's data.
const Owner = "owner"

// Own is the address of the session's account, Ada and Bob are other people. Ada's LID is stored as a pair.
var (
	Own    = types.NewJID("15550000001", types.DefaultUserServer)
	Ada    = types.NewJID("15550000002", types.DefaultUserServer)
	AdaLID = types.NewJID("100000000000002", types.HiddenUserServer)
	Bob    = types.NewJID("15550000003", types.DefaultUserServer)
)

// Conn is a paired session. It records its calls and has a database in memory. It is not connected unless it is part of a LiveConn.
type Conn struct {
	DB       *dbutil.Database
	Keys     *store.Device // nil = not paired
	Pairs    *directory.Store
	Messages *messages.Store
	Browser  string
	Business bool // a WhatsApp Business account

	Seen      []directory.Pair // by SeePairs
	NoHistory bool             // history that the phone sends is dropped
	Requested []string         // chats by BeginHistory, empty = all
	Forgotten int              // calls of ForgetHistory
	BeginErr  error            // error of BeginHistory
	Timer     time.Duration    // by SetDefaultTimer
	TimerAt   time.Time
	Spawned   int  // calls of Spawn
	Closed    bool // Spawn refuses
	Operation []string
	Patches   []appstate.PatchInfo // by WriteAppState
	Removed   []statepatch.Entry   // by RemoveAppState
	Found     bool                 // answer of RemoveAppState
	StateErr  error                // error of WriteAppState and RemoveAppState

	client *whatsmeow.Client // nil = not connected
}

// openConn returns a session without a device, and the store of its devices.
func openConn(t testing.TB) (*Conn, *sqlstore.Container) {
	t.Helper()
	ctx := t.Context()
	db, err := database.Open(ctx, ":memory:", database.Options{})
	mustSucceed(t, err)
	t.Cleanup(func() { _ = db.Close() })
	devices := sqlstore.NewWithWrappedDB(db.Child("whatsmeow_version", upgrades.Table, nil), nil)
	mustSucceed(t, devices.Upgrade(ctx))
	c := &Conn{DB: db}
	c.Pairs, err = directory.Open(ctx, db)
	mustSucceed(t, err)
	c.Messages, err = messages.Open(ctx, db)
	mustSucceed(t, err)
	return c, devices
}

// NewConn returns a session whose account knows Ada under both addresses.
func NewConn(t testing.TB) *Conn {
	t.Helper()
	ctx := t.Context()
	c, devices := openConn(t)
	device := devices.NewDevice()
	own := Own
	own.Device = 7
	device.ID = &own
	device.Account = &waAdv.ADVSignedDeviceIdentity{
		Details: []byte{1}, AccountSignature: make([]byte, 64), AccountSignatureKey: make([]byte, 32), DeviceSignature: make([]byte, 64),
	}
	mustSucceed(t, devices.PutDevice(ctx, device))
	mustSucceed(t, device.LIDs.PutLIDMapping(ctx, AdaLID, Ada))
	c.Keys = device
	return c
}

func mustSucceed(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Live returns the client of a LiveConn, and an Error with ReasonNotConnected otherwise.
func (c *Conn) Live() (*whatsmeow.Client, error) {
	if c.client != nil {
		return c.client, nil
	}
	return nil, wa.NewError(wa.ReasonNotConnected, "the session is not connected")
}

// Client returns the client of a LiveConn, nil otherwise.
func (c *Conn) Client() *whatsmeow.Client { return c.client }

// Context returns a context without an end.
func (c *Conn) Context() context.Context { return context.Background() }

// Spawn counts its calls and runs nothing.
func (c *Conn) Spawn(func()) bool {
	c.Spawned++
	return !c.Closed
}

// Paired returns the keys of the device, or an Error with ReasonNotConnected.
func (c *Conn) Paired(context.Context) (*store.Device, error) {
	if c.Keys == nil {
		return nil, wa.NewError(wa.ReasonNotConnected, "the session is not paired")
	}
	return c.Keys, nil
}

// Device returns the address of the paired device, empty without one.
func (c *Conn) Device() types.JID {
	if c.Keys == nil {
		return types.EmptyJID
	}
	return c.Keys.GetJID()
}

// BrowserName returns Browser.
func (c *Conn) BrowserName() string { return c.Browser }

// SeePairs records pairs.
func (c *Conn) SeePairs(_ context.Context, pairs ...directory.Pair) {
	c.Seen = append(c.Seen, pairs...)
}

// WriteAppState records the operation and its patch.
func (c *Conn) WriteAppState(_ context.Context, operation string, patch appstate.PatchInfo) error {
	c.Operation, c.Patches = append(c.Operation, operation), append(c.Patches, patch)
	return c.StateErr
}

// ApplyEntries does nothing.
func (c *Conn) ApplyEntries(context.Context, appstate.WAPatchName, []appstate.Mutation, bool) error {
	return nil
}

// IsBusiness returns Business.
func (c *Conn) IsBusiness(context.Context) bool { return c.Business }

// AddressOf returns the address as it is, and Ada's LID for her phone number.
func (c *Conn) AddressOf(_ context.Context, chat types.JID) messages.Address {
	address := messages.Address{JID: chat.String()}
	if chat == Ada {
		address.Alt = AdaLID.String()
	}
	return address
}

// RemoveAppState records the operation and its entry.
func (c *Conn) RemoveAppState(_ context.Context, operation string, _ appstate.WAPatchName, entry statepatch.Entry) (bool, error) {
	c.Operation, c.Removed = append(c.Operation, operation), append(c.Removed, entry)
	return c.Found, c.StateErr
}

// SkipsHistory reports NoHistory.
func (c *Conn) SkipsHistory() bool { return c.NoHistory }

// BeginHistory records the chat of a request.
func (c *Conn) BeginHistory(_ context.Context, _, chat string) error {
	c.Requested = append(c.Requested, chat)
	return c.BeginErr
}

// ForgetHistory counts its calls.
func (c *Conn) ForgetHistory(context.Context, string) error {
	c.Forgotten++
	return nil
}

// DefaultTimer returns the recorded timer.
func (c *Conn) DefaultTimer() (lifetime time.Duration, setAt time.Time) { return c.Timer, c.TimerAt }

// SetDefaultTimer records a timer.
func (c *Conn) SetDefaultTimer(_ context.Context, lifetime time.Duration, at time.Time) error {
	c.Timer, c.TimerAt = lifetime, at
	return nil
}

// NewLog returns a log that drops its lines.
func NewLog() *slog.Logger { return slog.New(slog.DiscardHandler) }
