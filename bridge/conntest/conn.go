// Package conntest is a session without a connection, for tests of the packages that see a session through a small interface.
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

// Conn is a paired session that is not connected. It records its calls and has a database in memory.
type Conn struct {
	DB       *dbutil.Database
	Keys     *store.Device // nil = not paired
	Pairs    *directory.Store
	Messages *messages.Store
	Browser  string

	Seen      []directory.Pair // by SeePairs
	Timer     time.Duration    // by SetDefaultTimer
	TimerAt   time.Time
	Spawned   int  // calls of Spawn
	Closed    bool // Spawn refuses
	Operation []string
}

// NewConn returns a session whose account knows Ada under both addresses.
func NewConn(t testing.TB) *Conn {
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

// Live returns an Error with ReasonNotConnected.
func (c *Conn) Live() (*whatsmeow.Client, error) {
	return nil, wa.NewError(wa.ReasonNotConnected, "the session is not connected")
}

// Client returns nil.
func (c *Conn) Client() *whatsmeow.Client { return nil }

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

// WriteAppState records the operation.
func (c *Conn) WriteAppState(_ context.Context, operation string, _ appstate.PatchInfo) error {
	c.Operation = append(c.Operation, operation)
	return nil
}

// RemoveAppState records the operation and reports that nothing was found.
func (c *Conn) RemoveAppState(_ context.Context, operation string, _ appstate.WAPatchName, _ statepatch.Entry) (bool, error) {
	c.Operation = append(c.Operation, operation)
	return false, nil
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
