package bridge

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/account"
	"github.com/waystation/waystation/bridge/automation"
	"github.com/waystation/waystation/bridge/business"
	"github.com/waystation/waystation/bridge/chats"
	"github.com/waystation/waystation/bridge/communities"
	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/files"
	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/inbound"
	"github.com/waystation/waystation/bridge/inbound/history"
	"github.com/waystation/waystation/bridge/labels"
	"github.com/waystation/waystation/bridge/newsletters"
	"github.com/waystation/waystation/bridge/orders"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/outbox"
	"github.com/waystation/waystation/bridge/proxy"
	"github.com/waystation/waystation/bridge/sessionconfig"
	"github.com/waystation/waystation/bridge/spam"
	"github.com/waystation/waystation/bridge/statesync"
	"github.com/waystation/waystation/bridge/statusposts"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/bridge/wire"
	"github.com/waystation/waystation/transports/journal"
)

// Session is one WhatsApp connection. Commands on one session run one after the other; reading its status never waits.
type Session struct {
	b         *Bridge
	id        string
	owner     string // key of its stored data, see sessionRow.owner
	createdAt time.Time

	// command contains one token while a command that changes the life cycle is running.
	command chan struct{}
	// erased means that keys and row of a deleted session are gone; data in other stores may remain. Guarded by command.
	erased bool

	// work counts calls, events and files that may store data of the session. It is closed once the session is deleted.
	work gate

	// availability is the connection whose availability a caller has set: the session does not go offline by itself then.
	availability atomic.Pointer[whatsmeow.Client]

	mu      sync.Mutex
	row     sessionRow
	snap    Snapshot
	deleted bool

	cli         *whatsmeow.Client  // nil if the session neither has nor needs a connection
	endConn     context.CancelFunc // cancels the context of the connection
	input       *wire.Guard        // checks the input of cli
	attempt     *connectAttempt    // the connect in progress
	retry       *time.Timer        // the next automatic connect
	retryAt     time.Time
	watchdog    *time.Timer       // closes a socket that does not log in
	loginDue    *whatsmeow.Client // WhatsApp requested a login before the pairing was confirmed
	failures    int               // failed connects since the last success
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
	labels   *labels.Service
	account  *account.Service
	files    *files.Service
	outbound *outbound.Service
	inbound  *inbound.Service
	history  *history.Service

	newsletters *newsletters.Service
	communities *communities.Service
	statusPosts *statusposts.Service
	business    *business.Service
	spam        *spam.Service
	orders      *orders.Service
	sends       *outbox.Service
	automation  *automation.Service

	redelivery redelivery

	reach      outbound.Reachout  // the account's reach-out timelock
	reachEvent *outbound.Reachout // as in the last event; nil = no event yet
	reachTimer *time.Timer        // reports the end of the timelock
	progress   history.Progress

	outbox  []journal.Record // records of transitions, in order, not yet written
	writing bool             // a goroutine is writing the outbox
	posted  Snapshot         // the last transition that became an event
}

func newSession(b *Bridge, row *sessionRow, held quarantined) *Session {
	s := &Session{b: b, id: row.ID, owner: row.owner(), createdAt: row.CreatedAt, command: make(chan struct{}, 1), row: *row}
	view := conn{s}
	s.states = statesync.NewService(view, b.cfg.PhoneTimeout, s.log)
	s.groups = groups.NewService(view, s.owner, b.people, s.log)
	s.contacts = contacts.NewService(view, s.owner, b.people, b.db, b.labels, s.log)
	s.chats = chats.NewService(view, s.owner, b.messages, s.contacts, s.groups, b.labels, s.log)
	s.labels = labels.NewService(view, s.owner, b.labels, s.log)
	s.account = account.NewService(view)
	s.newsletters = newsletters.NewService(view)
	s.files = files.NewService(view, s.owner, s.id, b.files, b.messages)
	s.outbound = outbound.NewService(outbound.Config{
		Conn: view, Owner: s.owner, Stored: b.messages, Files: b.files, Chats: s.chats, Log: s.log, ObserveAck: b.observeAck,
	})
	s.inbound = inbound.NewService(view, s.id, s.owner, b.inbound, s.log)
	s.history = history.NewService(view, s.id, s.owner, b.history, s.inbound, s.chats, s.log)
	s.business = business.NewService(view)
	s.spam = spam.NewService(view)
	s.orders = orders.NewService(view)
	s.automation = automation.NewService(view, answers{s}, s.id, s.owner, b.automation, &b.cfg.Automation, s.log)
	s.communities = communities.NewService(view, s.groups, s.outbound)
	s.statusPosts = statusposts.NewService(view, s.outbound)
	s.sends = outbox.NewService(view, s.owner, b.outbox, &b.cfg.Outbox, s.log)
	s.snap = initialSnapshot(row, held, time.Now())
	s.posted = s.snap
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
func (s *Session) Settings() sessionconfig.Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.Settings
}

// Proxy returns the proxy with its password masked.
func (s *Session) Proxy() proxy.Proxy {
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
	s.sends.Stop()
	s.automation.Stop()
	s.work.close()
}

func (s *Session) unmarkDeleted() {
	s.mu.Lock()
	s.deleted = false
	s.mu.Unlock()
	s.work.open()
	s.sends.Resume()
	s.automation.Resume()
}

// beginCommand waits until no other command runs on the session.
func (s *Session) beginCommand(ctx context.Context) error {
	select {
	case s.command <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &wa.Error{Reason: wa.ReasonTimeout, Message: "another command on this session is still running", Err: ctx.Err()}
	case <-s.b.ctx.Done():
		return wa.NewError(wa.ReasonUnavailable, "the bridge is closed")
	}
}

func (s *Session) endCommand() { <-s.command }

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
func (s *Session) UpdateSettings(ctx context.Context, patch sessionconfig.SettingsPatch, replace bool) (sessionconfig.Settings, error) {
	var out sessionconfig.Settings
	err := s.change(ctx, func(row *sessionRow) (err error) {
		base := row.Settings
		if replace {
			base, patch = sessionconfig.DefaultSettings(), s.b.preset(patch)
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

// CheckProxy validates a change of the proxy as SetProxy does, without making it.
func (s *Session) CheckProxy(ctx context.Context, change proxy.Proxy) error {
	s.mu.Lock()
	out, err := s.row.Proxy.MergeChange(change)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.b.proxies.CheckProxy(ctx, out)
}

// SetProxy changes the proxy and returns it masked. An open connection is closed and opened again through the new
// proxy.
func (s *Session) SetProxy(ctx context.Context, change proxy.Proxy) (proxy.Proxy, error) {
	if err := s.CheckProxy(ctx, change); err != nil { // before the command begins, because it may resolve a host
		return proxy.Proxy{}, err
	}
	var out proxy.Proxy
	err := s.change(ctx, func(row *sessionRow) (err error) {
		out, err = row.Proxy.MergeChange(change)
		row.Proxy = out
		return err
	})
	if err != nil {
		return proxy.Proxy{}, err
	}
	if s.holdsClient() {
		err = s.Restart(ctx)
	}
	return out.Masked(), err
}

// change stores a changed row, then updates the copy in memory.
func (s *Session) change(ctx context.Context, fn func(*sessionRow) error) error {
	if err := s.beginCommand(ctx); err != nil {
		return err
	}
	defer s.endCommand()
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
