package signal

import (
	"context"
	"errors"
	"sync"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"

	"github.com/waystation/waystation/transports/kit/database"
)

// Decryptions keeps the writes of decrypting a message until they can be stored in
// one transaction with the resulting event.
//
// whatsmeow stores the ratchet's step and the plaintext before it calls the
// handler, in a transaction that is open while it decrypts. On SQLite that is one
// message at a time for all sessions together, and three commits a message. Here
// decryption only reads; its writes wait in memory as a unit, and the journal's
// commit of the event takes them along. A process that dies before that has stored
// nothing and acknowledged nothing: WhatsApp delivers the message again, and it
// decrypts again. Writes without an event are stored when whatsmeow reports the
// message as handled.
//
// A device has one unit at most: the next decryption, and any other writer of the
// same tables, stores a waiting one first. Only then is the plaintext stored too,
// because the message may come again after its keys are used up. A message that
// comes again after it was handled is an old counter to whatsmeow, which
// acknowledges it and raises no event.
type Decryptions struct {
	db    *dbutil.Database
	inner stores
	lost  func(error) // called for messages that were not acknowledged because the store failed
	// ratchetLock contains one token while a decryption reads and computes, or a send merges:
	// neither sees half of the other.
	ratchetLock chan struct{}

	stored func(ctx context.Context, limit int) ([][]byte, error) // lists hashes of plaintexts

	mu         sync.Mutex
	held       *Unit
	storing    chan struct{}       // closed when the claim of held ends; nil = unclaimed
	done       [sha256Size]byte    // the last message whose unit was committed with its event
	known      map[string][32]byte // identity keys as they are stored
	records    knownRecords
	lids       store.LIDStore
	replaced   replacedIdentities
	recent     recentSessions
	sending    *Encryption // of the last send that has read session records; whatsmeow sends one message at a time
	plaintexts knownPlaintexts
}

const (
	sha256Size = 32
	// maxUnitSecrets is far above the one secret a message has.
	maxUnitSecrets = 64
	// maxKnownIdentities bounds the identity keys remembered to save a write and a read
	// a message; about 100 bytes each.
	maxKnownIdentities = 128
)

// stores are a device's own tables.
type stores struct {
	sessions   store.SessionStore
	identities store.IdentityStore
	preKeys    store.PreKeyStore
	senderKeys store.SenderKeyStore
	secrets    store.MsgSecretStore
	events     store.EventBuffer
}

// GuardRatchets replaces the Signal stores of a device by guarded ones. lost is called when a message could not be decrypted or
// encrypted because the database failed.
func GuardRatchets(db *dbutil.Database, device *store.Device, lost func(error)) {
	d := &Decryptions{
		db: db, lost: lost, ratchetLock: make(chan struct{}, 1), known: map[string][32]byte{}, records: knownRecords{},
		lids:   device.LIDs,
		stored: storedPlaintexts(db, device.GetJID().String()),
		inner:  stores{device.Sessions, device.Identities, device.PreKeys, device.SenderKeys, device.MsgSecrets, device.EventBuffer},
	}
	device.Sessions = &signalStore{SessionStore: device.Sessions, d: d}
	device.Identities = &identityStore{IdentityStore: device.Identities, d: d}
	device.PreKeys = &preKeyStore{PreKeyStore: device.PreKeys}
	device.SenderKeys = &senderKeyStore{SenderKeyStore: device.SenderKeys, d: d}
	device.MsgSecrets = &secretStore{MsgSecretStore: device.MsgSecrets, d: d}
	device.EventBuffer = &eventBuffer{EventBuffer: device.EventBuffer, d: d}
	if device.LIDs != nil {
		device.LIDs = &lidStore{LIDStore: device.LIDs, d: d}
	}
}

// DecryptionsOf returns what guardRatchets put over a client's device; nil before pairing.
func DecryptionsOf(cli *whatsmeow.Client) *Decryptions {
	if cli == nil || cli.Store == nil {
		return nil
	}
	if events, ok := cli.Store.EventBuffer.(*eventBuffer); ok {
		return events.d
	}
	return nil
}

// Unit has the writes of one decryption. A nil value is a deletion.
type Unit struct {
	sessions   map[string][]byte
	read       map[string][]byte // session records as the decryption last saw them; not written
	identities map[string]*[32]byte
	senderKeys map[senderKeyName][]byte
	preKeys    []uint32 // used up
	secrets    []store.MessageSecretInsert
	plaintexts map[[sha256Size]byte]*store.BufferedEvent
	incoming   *incoming // the message that was decrypted; nil = unknown
	handled    bool      // the event is committed with the unit, or there is none: no plaintext is needed
	failed     error     // error of reading the store: the result of the decryption is not the message's fault
}

type senderKeyName struct{ group, user string }

func newUnit() *Unit {
	return &Unit{
		sessions: map[string][]byte{}, read: map[string][]byte{}, identities: map[string]*[32]byte{}, senderKeys: map[senderKeyName][]byte{},
		plaintexts: map[[sha256Size]byte]*store.BufferedEvent{},
	}
}

type unitKey struct{}

// unitOf returns the unit of the decryption that a context belongs to; nil outside one.
func unitOf(ctx context.Context) *Unit {
	u, _ := ctx.Value(unitKey{}).(*Unit)
	return u
}

// take runs fn while no decryption and no merge of a send runs.
func (d *Decryptions) take(ctx context.Context, fn func() error) error {
	select {
	case d.ratchetLock <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-d.ratchetLock }()
	return fn()
}

// decrypt runs fn, which decrypts, and keeps its writes.
func (d *Decryptions) decrypt(ctx context.Context, fn func(context.Context) error) error {
	return d.take(ctx, func() error {
		if err := d.settle(ctx); err != nil {
			return d.leaveAlone(ctx, err)
		}
		if err := d.checkUndecrypted(ctx); err != nil {
			return d.leaveAlone(ctx, err)
		}
		u := newUnit()
		u.incoming = incomingOf(ctx)
		err := fn(context.WithValue(ctx, unitKey{}, u))
		if u.failed != nil {
			return d.leaveAlone(ctx, u.failed)
		}
		if err != nil {
			return err
		}
		d.mu.Lock()
		d.held = u
		d.mu.Unlock()
		return nil
	})
}

var errDecryptedMeanwhile = errors.New("the message was decrypted for an earlier connection, and its event is not recorded yet")

// checkUndecrypted returns an error if the message of ctx has been decrypted since its plaintext was searched, and was not
// handled. That happens when WhatsApp delivers a message to a new connection while the handler of the earlier one still runs. The
// second decryption would find an old counter, which whatsmeow acknowledges, and the event of the first may not be recorded.
func (d *Decryptions) checkUndecrypted(ctx context.Context) error {
	i := incomingOf(ctx)
	if i == nil || i.searched == nil {
		return nil
	}
	d.mu.Lock()
	may := d.plaintexts.mayHave(i.searched[:])
	d.mu.Unlock()
	if !may {
		return nil
	}
	event, err := d.inner.events.GetBufferedEvent(ctx, *i.searched)
	if err == nil && event != nil && event.Plaintext != nil {
		err = errDecryptedMeanwhile
	}
	return err
}

// Claim hands the waiting unit to the caller, who stores it and calls Release; nil
// when there is none or another caller is storing it. handled is the message about
// which nothing is left to do after the caller's commit; the zero Message = none. The
// unit may be of another message, whose event could not be committed: that one comes
// again, and its plaintext is stored.
func (d *Decryptions) Claim(handled Message) *Unit {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held == nil || d.storing != nil {
		return nil
	}
	d.storing = make(chan struct{})
	if i := d.held.incoming; i != nil && i.message == handled && !i.failed.Load() {
		d.held.handled = true
	}
	return d.held
}

// Release ends a claim. A unit whose commit failed, or may have, waits on: storing
// it twice is harmless, as nothing else is written in between.
func (d *Decryptions) Release(stored bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !stored {
		d.held.handled = false
	} else {
		d.remember(d.held)
		if d.held.handled {
			for hash := range d.held.plaintexts {
				d.done = hash // a decryption has one plaintext
			}
		}
		d.held = nil
	}
	close(d.storing)
	d.storing = nil
}

// remember notes the session records and identity keys that a commit stored.
func (d *Decryptions) remember(u *Unit) {
	for address, session := range u.sessions {
		d.records.put(address, session)
	}
	for address, key := range u.identities {
		if key == nil {
			delete(d.known, address)
			continue
		}
		if len(d.known) >= maxKnownIdentities {
			clear(d.known)
		}
		d.known[address] = *key
	}
}

// forget makes identity keys be read again.
func (d *Decryptions) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.known)
}

func (d *Decryptions) isKnown(address string, key [32]byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	known, ok := d.known[address]
	return ok && known == key
}

// settle stores a waiting unit now, or waits for the commit that does.
func (d *Decryptions) settle(ctx context.Context) error {
	for {
		d.mu.Lock()
		waiting, storing := d.held != nil, d.storing
		d.mu.Unlock()
		if !waiting {
			return nil
		}
		if storing != nil {
			select {
			case <-storing:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		u := d.Claim(Message{})
		if u == nil {
			continue
		}
		err := database.Transact(ctx, d.db, func(ctx context.Context) error { return d.Write(ctx, u) })
		d.Release(err == nil)
		return err
	}
}

// Write stores a unit in the transaction of ctx.
func (d *Decryptions) Write(ctx context.Context, u *Unit) error {
	for address, session := range u.sessions {
		var err error
		if session == nil {
			err = d.inner.sessions.DeleteSession(ctx, address)
		} else {
			err = d.inner.sessions.PutSession(ctx, address, session)
		}
		if err != nil {
			return err
		}
	}
	for address, key := range u.identities {
		var err error
		switch {
		case key == nil:
			err = d.inner.identities.DeleteIdentity(ctx, address)
		case !d.isKnown(address, *key):
			err = d.inner.identities.PutIdentity(ctx, address, *key)
		}
		if err != nil {
			return err
		}
	}
	for name, key := range u.senderKeys {
		if err := d.inner.senderKeys.PutSenderKey(ctx, name.group, name.user, key); err != nil {
			return err
		}
	}
	for _, id := range u.preKeys {
		if err := d.inner.preKeys.RemovePreKey(ctx, id); err != nil {
			return err
		}
	}
	for _, secret := range u.secrets {
		if err := d.inner.secrets.PutMessageSecret(ctx, secret.Chat, secret.Sender, secret.ID, secret.Secret); err != nil {
			return err
		}
	}
	if u.handled {
		return nil
	}
	for hash, event := range u.plaintexts {
		if err := d.writePlaintext(ctx, hash, event); err != nil {
			return err
		}
	}
	return nil
}

// writePlaintext stores the plaintext until the message is handled. A commit whose
// answer was lost may have stored it already.
func (d *Decryptions) writePlaintext(ctx context.Context, hash [sha256Size]byte, event *store.BufferedEvent) error {
	d.notePlaintext(hash)
	stored, err := d.inner.events.GetBufferedEvent(ctx, hash)
	if err != nil || stored != nil {
		return err
	}
	return d.inner.events.PutBufferedEvent(ctx, hash, event.Plaintext, event.ServerTime)
}

// handledBeforeStored reports whether a message was handled before its plaintext was stored, so that it need not be.
func (d *Decryptions) handledBeforeStored(hash [sha256Size]byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done == hash {
		return true
	}
	if d.held == nil || d.storing != nil || d.held.plaintexts[hash] == nil {
		return false
	}
	d.held.handled = true
	return true
}

// note adds a secret to the waiting unit, if one waits. Whose message it is does not
// matter: the unit is stored in any case before the next decryption.
func (d *Decryptions) note(secret store.MessageSecretInsert) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held == nil || d.storing != nil || len(d.held.secrets) >= maxUnitSecrets {
		return false
	}
	d.held.secrets = append(d.held.secrets, secret)
	return true
}
