package sandbox

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/types"
)

// Network is one simulated WhatsApp. All methods are safe for concurrent use.
type Network struct {
	options Options
	log     *slog.Logger
	random  *entropy
	pki     *certificates

	iqRoutes      iqRoutes
	usyncFields   map[string]usyncField
	messageRoutes map[string]func(*request)
	httpRoutes    []httpRoute
	phoneRoutes   map[string]phoneRoute

	// wait counts every goroutine of the network; Close waits for it.
	wait sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	nextID   uint64
	nextLID  uint64
	byPN     map[string]*account
	byLID    map[string]*account
	conns    map[*conn]struct{}
	pairings map[string]*pairing // by pairing reference
	faults   faultTable
	records  records
	tokens   map[tokenKey]*contactToken // trusted contact tokens, issuer to holder
	listens  []*Listener
	// automatic has the ids of automatic replies, so that no phone answers them automatically.
	automatic idSet

	// groups answers questions about group membership; nil until registerGroups sets it.
	groups groupState
	// media stores blobs for phones and serves them to clients; set by the media files.
	media mediaHost
	services
	// bootstrap runs in the phone's worker, in order, before a new companion gets its app state key.
	bootstrap []func(p *Phone, companion types.JID)
}

// groupState answers questions of message delivery about groups. Its methods are called under Network.mu.
type groupState interface {
	// members lists the accounts in a group in a stable order; ok is false when the group does not exist.
	members(group types.JID) (accounts []*account, ok bool)
	// wasMember reports whether an account left the group or was removed from it.
	wasMember(group types.JID, a *account) bool
	// maySend is 0 when the account may post in the group, else the error code of the refusal (420 announce-only, 421 not a member, 404 no group).
	maySend(group types.JID, sender *account) int
}

// New returns an empty network. Close it after use.
func New(options Options) *Network {
	silenceSignalLog()
	options = options.withDefaults()
	n := &Network{
		options:       options,
		log:           options.Log,
		random:        newEntropy(seedOf(options.Seed)),
		iqRoutes:      iqRoutes{},
		usyncFields:   map[string]usyncField{},
		messageRoutes: map[string]func(*request){},
		phoneRoutes:   map[string]phoneRoute{},
		nextLID:       100_000_000_000_000,
		byPN:          map[string]*account{},
		byLID:         map[string]*account{},
		conns:         map[*conn]struct{}{},
		pairings:      map[string]*pairing{},
		tokens:        map[tokenKey]*contactToken{},
	}
	n.pki = newCertificates(n.random.derive("certificates"))
	n.registerAll()
	return n
}

// Close cuts every connection, stops the listeners and phones, and returns when all goroutines of the network have ended.
func (n *Network) Close() {
	n.mu.Lock()
	n.closed = true
	listens := n.listens
	n.listens = nil
	for c := range n.conns {
		c.close()
	}
	for _, a := range n.byPN {
		if a.restriction.timer != nil {
			a.restriction.timer.Stop()
		}
		a.phone.stop()
	}
	for _, bot := range n.botAccounts {
		bot.phone.stop()
	}
	n.mu.Unlock()
	for _, l := range listens {
		_ = l.Close()
	}
	n.wait.Wait()
}

func (n *Network) now() time.Time { return n.options.Now() }

// unixNow returns the network's time in seconds, as in stanzas.
func (n *Network) unixNow() string { return strconv.FormatInt(n.now().Unix(), 10) }

// newID returns the id of a new stanza of the server. Call under n.mu.
func (n *Network) newID() string {
	n.nextID++
	return "sandbox-" + strconv.FormatUint(n.nextID, 10)
}

// sortedAccounts returns all accounts by LID. Call under n.mu.
func (n *Network) sortedAccounts() []*account {
	return slices.SortedFunc(maps.Values(n.byLID), func(x, y *account) int { return strings.Compare(x.lid.User, y.lid.User) })
}

// find returns the account of a JID with or without device part; nil when unknown. Call under n.mu.
func (n *Network) find(jid types.JID) *account {
	switch jid.Server {
	case types.DefaultUserServer, types.LegacyUserServer:
		return n.byPN[jid.User]
	case types.HiddenUserServer:
		return n.byLID[jid.User]
	case types.BotServer:
		return n.botAccounts[jid.User]
	}
	return nil
}

// findDevice returns the device of a JID; nil when account or device is unknown. Call under n.mu.
func (n *Network) findDevice(jid types.JID) *device {
	if a := n.find(jid); a != nil {
		return a.devices[jid.Device]
	}
	return nil
}

// Phone returns the simulated phone of an account, by JID or by international number.
func (n *Network) Phone(jidOrNumber string) (*Phone, error) {
	jid, err := parseUser(jidOrNumber)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if a := n.find(jid); a != nil {
		return a.phone, nil
	}
	return nil, fmt.Errorf("sandbox: %w: %s", ErrNoAccount, jidOrNumber)
}

// parseUser reads a user JID or an international number with or without plus sign, spaces and dashes.
func parseUser(text string) (types.JID, error) {
	if strings.Contains(text, "@") {
		jid, err := types.ParseJID(text)
		if err != nil {
			return types.JID{}, fmt.Errorf("sandbox: %w: %w", ErrBadJID, err)
		}
		return jid, nil
	}
	digits := strings.Map(func(r rune) rune {
		switch r {
		case '+', ' ', '-', '(', ')':
			return -1
		}
		return r
	}, text)
	if _, err := strconv.ParseUint(digits, 10, 63); err != nil || len(digits) < 5 || len(digits) > 15 {
		return types.JID{}, fmt.Errorf("sandbox: %w: %q is neither a JID nor an international number", ErrBadJID, text)
	}
	return types.NewJID(digits, types.DefaultUserServer), nil
}
