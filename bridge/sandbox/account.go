package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// maxAccounts bounds a network; an account with its phone costs some 25 KiB.
const maxAccounts = 100_000

// maxDevice is the highest device number that fits the wire form of a JID.
const maxDevice = 255

// AccountOptions describes a new account.
type AccountOptions struct {
	// Number is the international phone number, digits only or with the usual punctuation. Required.
	Number string
	// PushName is the name the account shows to others; the number when empty.
	PushName string
	// BusinessName, when set, makes it a business account.
	BusinessName string
	// Platform is the platform name that the account's phone reports: "android" when empty.
	Platform string
	// Passkey, when set, makes the account link devices only with its passkey.
	Passkey *PasskeyOptions
	// NoContactSalt creates the account without the salt of tokens for first contacts, like accounts to which WhatsApp has not issued one yet.
	NoContactSalt bool
}

// account is one WhatsApp user. Guarded by Network.mu.
type account struct {
	pn, lid      types.JID // without device
	pushName     string
	businessName string
	platform     string
	phone        *Phone
	passkey      *passkey           // nil = devices are linked without one
	devices      map[uint16]*device // 0 is the phone
	nextDevice   uint16
	registeredAt time.Time
	lastSeen     time.Time
	// followers are the accounts that queried this account's devices; they are notified when the devices change.
	followers map[*account]struct{}
	// watchers are the devices that subscribed to this account's presence.
	watchers map[*device]struct{}
	// nctSalt is the secret of the tokens that allow the account a first message to a contact: HMAC-SHA256(nctSalt, LID of the recipient).
	nctSalt []byte
	// keyIndex is the signed list of companions, made on first use.
	keyIndex *keyIndexList
	// nameCertificate is the signed name of a business, created on first use.
	nameCertificate []byte
	// restriction is the account's reach-out timelock; chats are the accounts it exchanged messages with.
	restriction restriction
	chats       map[*account]struct{}
	// notices are the stages of the notices that the account has accepted, such as WhatsApp's terms for channels.
	notices map[string]string
	// profile has the user's settings: about, picture, privacy, block list, app state.
	profile profile
}

// device is one end of an account: the phone (number 0) or a linked companion. Guarded by Network.mu.
type device struct {
	account  *account
	number   uint16
	keys     deviceKeys
	queue    queue
	conn     *conn // nil while disconnected; always nil for phones
	active   bool  // requested deliveries on this connection
	welcomed bool  // has received app state keys and history
	present  bool  // announced itself as available on this connection
	seen     idSet // message ids sent by this device
	// push is the device's registration for push notifications; dirty has the changed data that it has not cleaned.
	push  waBinary.Attrs
	dirty map[string]time.Time
	nacks int // stanzas the client refused
}

func (d *device) lid() types.JID {
	jid := d.account.lid
	jid.Device = d.number
	return jid
}

func (d *device) pn() types.JID {
	jid := d.account.pn
	jid.Device = d.number
	return jid
}

func (d *device) isPhone() bool { return d.number == 0 }

// sortedDevices returns the account's devices by number, the phone first.
func (a *account) sortedDevices() []*device {
	list := make([]*device, 0, len(a.devices))
	for _, d := range a.devices {
		list = append(list, d)
	}
	slices.SortFunc(list, func(x, y *device) int { return int(x.number) - int(y.number) })
	return list
}

// otherDevices returns the account's devices except one.
func (a *account) otherDevices(but *device) []*device {
	return slices.DeleteFunc(a.sortedDevices(), func(d *device) bool { return d == but })
}

// isOnline reports whether any companion announced itself as available.
func (a *account) isOnline() bool {
	for _, d := range a.devices {
		if d.present {
			return true
		}
	}
	return false
}

// AddAccount registers a number and gives it a simulated phone. The error wraps ErrBadJID or ErrAccountExists.
func (n *Network) AddAccount(options AccountOptions) (*Phone, error) {
	pn, err := parseUser(options.Number)
	if err != nil {
		return nil, err
	}
	if pn.Server != types.DefaultUserServer || pn.Device != 0 || pn.IsBot() {
		return nil, fmt.Errorf("sandbox: %w: %q cannot be an account", ErrBadJID, options.Number)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, fmt.Errorf("sandbox: %w", ErrClosed)
	}
	if len(n.byPN) >= maxAccounts {
		return nil, fmt.Errorf("sandbox: more than %d accounts", maxAccounts)
	}
	if n.byPN[pn.User] != nil {
		return nil, fmt.Errorf("sandbox: %w: %s", ErrAccountExists, pn.User)
	}
	a := &account{
		pn:           pn,
		lid:          types.NewJID(strconv.FormatUint(n.nextLID, 10), types.HiddenUserServer),
		pushName:     options.PushName,
		businessName: options.BusinessName,
		platform:     options.Platform,
		devices:      map[uint16]*device{},
		nextDevice:   1,
		registeredAt: n.now(),
		followers:    map[*account]struct{}{},
		watchers:     map[*device]struct{}{},
	}
	n.nextLID++
	if a.pushName == "" {
		a.pushName = "+" + pn.User
	}
	if a.platform == "" {
		a.platform = "android"
	}
	if !options.NoContactSalt {
		a.nctSalt = n.random.derive("nct/" + pn.User).bytes(nctSaltSize)
	}
	a.phone = newPhone(n, a)
	a.devices[0] = a.phone.device
	if options.Passkey != nil {
		if err = a.phone.requirePasskey(*options.Passkey); err != nil {
			return nil, err
		}
	}
	n.byPN[a.pn.User], n.byLID[a.lid.User] = a, a
	return a.phone, nil
}

// freeDevice returns an unused device number. Numbers are reused only after all were used once, because other accounts may have Signal sessions with a reused number.
func (a *account) freeDevice() (uint16, bool) {
	for range maxDevice {
		number := a.nextDevice
		a.nextDevice = a.nextDevice%maxDevice + 1
		if a.devices[number] == nil {
			return number, true
		}
	}
	return 0, false
}

// idSet remembers a bounded number of the latest ids.
type idSet struct {
	known map[string]struct{}
	order []string
}

func (s *idSet) has(id string) bool {
	_, known := s.known[id]
	return known
}

// add remembers the id and reports whether it is new.
func (s *idSet) add(id string) bool {
	if _, known := s.known[id]; known {
		return false
	}
	if s.known == nil {
		s.known = map[string]struct{}{}
	}
	if len(s.order) >= defaultSeenIDs {
		delete(s.known, s.order[0])
		s.order = s.order[1:]
	}
	s.known[id] = struct{}{}
	s.order = append(s.order, id)
	return true
}
