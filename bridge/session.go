package bridge

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/account"
	"github.com/waystation/waystation/bridge/chats"
	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/files"
	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/statesync"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
)

// Session is one WhatsApp connection. Commands on one session run one after the other; reading its status never waits.
type Session struct {
	b         *Bridge
	id        string
	owner     string // key of its stored data, see sessionRow.owner
	createdAt time.Time

	// turn contains one token while a command that changes the life cycle is running.
	turn chan struct{}
	// erased means that keys and row of a deleted session are gone; data in other stores may remain. Guarded by turn.
	erased bool

	// accountSync is locked by the handler of an account_sync notification; one runs at a time.
	accountSync sync.Mutex

	// work counts calls, events and files that may store data of the session. It is closed once the session is deleted.
	work gate

	mu      sync.Mutex
	row     sessionRow
	snap    Snapshot
	deleted bool

	cli         *whatsmeow.Client  // nil if the session neither has nor needs a connection
	endConn     context.CancelFunc // cancels the context of the connection
	socket      *socketGuard       // the guard of cli
	endStanza   *waBinary.Node     // the last stanza of the connection, read and not yet handled
	endReason   string             // WhatsApp's reason for the end of the connection, from its last stanza
	flight      *flight            // the connect in progress
	retry       *time.Timer        // the next automatic connect
	retryAt     time.Time
	watchdog    *time.Timer       // closes a socket that does not log in
	loginDue    *whatsmeow.Client // WhatsApp requested a login before the pairing was confirmed
	attempts    int               // failed connects since the last success
	connectedAt time.Time
	codes       []string      // pairing codes not displayed yet
	codesOf     int           // total number of codes
	passkey     passkeyState  // the passkey step of the pairing in progress
	bound       binding       // the account that owns the session's data
	refusedJID  types.JID     // the account that the pairing in progress was refused for
	rebind      bool          // the pairing in progress may use another account
	changed     chan struct{} // closed at the next transition; nil = no waiters

	states   *statesync.Service
	groups   *groups.Service
	contacts *contacts.Service
	chats    *chats.Service
	account  *account.Service
	files    *files.Service

	redelivery redelivery

	reach      Reachout    // the account's reach-out timelock
	reachEvent *Reachout   // as in the last event; nil = no event yet
	reachTimer *time.Timer // reports the end of the timelock
	history    HistoryProgress

	readingHistory bool // a goroutine is fetching history
	moreHistory    bool // the goroutine must check for more history when it is done

	outbox  []journal.Record // records of transitions, in order, not yet written
	writing bool             // a goroutine is writing the outbox
	told    Snapshot         // the last transition that became an event
}

func newSession(b *Bridge, row *sessionRow, held quarantined) *Session {
	s := &Session{b: b, id: row.ID, owner: row.owner(), createdAt: row.CreatedAt, turn: make(chan struct{}, 1), row: *row}
	view := conn{s}
	s.states = statesync.NewService(view, s.log)
	s.groups = groups.NewService(view, s.owner, b.people, s.log)
	s.contacts = contacts.NewService(view, s.owner, b.people, b.db, s.log)
	s.chats = chats.NewService(view, s.owner, b.messages, s.contacts, s.groups, s.log)
	s.account = account.NewService(view)
	s.files = files.NewService(view, s.owner, s.id, b.files, b.messages)
	s.snap = initialSnapshot(row, held, time.Now())
	s.told = s.snap
	return s
}

// initialSnapshot returns the state of a stored session when the process starts.
func initialSnapshot(row *sessionRow, held quarantined, now time.Time) Snapshot {
	switch {
	case row.Device.IsEmpty() && held.Session != "":
		return Snapshot{State: StateLoggedOut, Reason: held.Reason, Since: held.CreatedAt}
	case row.Device.IsEmpty():
		return Snapshot{State: StateCreated, Since: row.CreatedAt}
	case row.HoldReason == string(StateReplaced):
		return Snapshot{State: StateReplaced, Since: now}
	case row.HoldReason == string(StateBanned) && (row.HoldUntil.IsZero() || row.HoldUntil.After(now)):
		return Snapshot{State: StateBanned, Since: now, Until: row.HoldUntil}
	case row.Wanted:
		return Snapshot{State: StateDisconnected, Reason: reasonShutdown, Since: now}
	default:
		return Snapshot{State: StateDisconnected, Reason: reasonStopped, Since: now}
	}
}

// ID returns the session's id.
func (s *Session) ID() string { return s.id }

// Name returns the display name.
func (s *Session) Name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.Name
}

// Times returns the creation time of the session and the time of the last change by command.
func (s *Session) Times() (created, updated time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.CreatedAt, s.row.UpdatedAt
}

// Settings returns the settings of the session.
func (s *Session) Settings() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.Settings
}

// Proxy returns the proxy with its password masked.
func (s *Session) Proxy() Proxy {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.Proxy.Masked()
}

// live returns the client of a session that is connected and logged in, otherwise an *Error with ReasonNotConnected.
func (s *Session) live() (*whatsmeow.Client, error) {
	s.mu.Lock()
	cli, snap := s.cli, s.snap
	s.mu.Unlock()
	if cli == nil || snap.State != StateConnected || !cli.IsConnected() || !cli.IsLoggedIn() {
		return nil, wa.NewError(wa.ReasonNotConnected, "%s", notConnected(snap))
	}
	return cli, nil
}

func (s *Session) device() types.JID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.Device
}

func (s *Session) isDeleted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deleted
}

// Enter registers a call that may store data of the session, in any store; leave ends it. A deleted session admits no
// more calls, and its data is removed once the running calls have ended.
func (s *Session) Enter() (leave func(), err error) {
	if !s.work.enter() {
		return nil, wa.NewError(wa.ReasonNotFound, "there is no such session")
	}
	return s.work.leave, nil
}

func (s *Session) markDeleted() {
	s.mu.Lock()
	s.deleted = true
	s.stopReachoutTimer()
	s.mu.Unlock()
	s.work.close()
}

func (s *Session) unmarkDeleted() {
	s.mu.Lock()
	s.deleted = false
	s.mu.Unlock()
	s.work.open()
}

// takeTurn waits until no other command runs on the session.
func (s *Session) takeTurn(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &wa.Error{Reason: wa.ReasonTimeout, Message: "another command on this session is still running", Err: ctx.Err()}
	case <-s.b.ctx.Done():
		return wa.NewError(wa.ReasonUnavailable, "the bridge is closed")
	}
}

func (s *Session) endTurn() { <-s.turn }

func (s *Session) log() *slog.Logger { return s.b.log.With("session", s.id) }

// Rename changes the display name.
func (s *Session) Rename(ctx context.Context, name string) error {
	if err := checkSessionName(name); err != nil {
		return err
	}
	return s.change(ctx, func(row *sessionRow) error {
		row.Name = name
		return nil
	})
}

// UpdateSettings applies a patch to the settings, or to the defaults if replace is set, and returns the result. It
// takes effect immediately.
func (s *Session) UpdateSettings(ctx context.Context, patch SettingsPatch, replace bool) (Settings, error) {
	var out Settings
	err := s.change(ctx, func(row *sessionRow) (err error) {
		base := row.Settings
		if replace {
			base, patch = DefaultSettings(), s.b.preset(patch)
		}
		out, err = base.Apply(patch)
		row.Settings = out
		return err
	})
	if err == nil {
		s.settingsChanged(out)
	}
	return out, err
}

// SetProxy changes the proxy and returns it masked. An open connection is closed and opened again through the new
// proxy.
func (s *Session) SetProxy(ctx context.Context, proxy Proxy) (Proxy, error) {
	s.mu.Lock()
	out, err := s.row.Proxy.merge(proxy)
	s.mu.Unlock()
	if err != nil {
		return Proxy{}, err
	}
	if err := s.b.checkProxy(ctx, out); err != nil { // before the turn is acquired, because it may resolve a host
		return Proxy{}, err
	}
	err = s.change(ctx, func(row *sessionRow) (err error) {
		out, err = row.Proxy.merge(proxy)
		row.Proxy = out
		return err
	})
	if err != nil {
		return Proxy{}, err
	}
	if s.holdsClient() {
		err = s.Restart(ctx)
	}
	return out.Masked(), err
}

// change stores a changed row, then updates the copy in memory.
func (s *Session) change(ctx context.Context, fn func(*sessionRow) error) error {
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	s.mu.Lock()
	row, deleted := s.row, s.deleted
	s.mu.Unlock()
	skipped := row.Settings.SkipGlobal
	if deleted {
		return wa.NewError(wa.ReasonNotFound, "there is no such session")
	}
	if err := fn(&row); err != nil {
		return err
	}
	row.UpdatedAt = time.Now().UTC().Truncate(time.Millisecond)
	if err := s.store(ctx, &row, skipped); err != nil {
		return err
	}
	s.mu.Lock()
	s.row.Name, s.row.Settings, s.row.Proxy, s.row.UpdatedAt = row.Name, row.Settings, row.Proxy, row.UpdatedAt
	s.mu.Unlock()
	return nil
}
