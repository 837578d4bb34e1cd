package signal

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"go.mau.fi/libsignal/kdf"
	"go.mau.fi/libsignal/keys/chain"
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/signalrecord"
	"github.com/waystation/waystation/transports/kit/database"
)

// signalStore lets sends, answers to retry receipts and decryptions work on the ratchet of one peer device at the same time.
//
// whatsmeow reads a session record, encrypts or decrypts with it and writes it back. Sends wait for each other in whatsmeow;
// answers to retry receipts (handleRetryReceipt) and decryptions wait for nothing. A late write then undoes the step of
// another operation. An undone step of receiving is harmless: it is derived again from the next message. An undone step of
// sending is not: the next message goes out under a counter already used, and the peer drops it as a duplicate.
//
// Three rules prevent that on either database (one process at a time uses a device):
//
//   - A read outside of a decryption reserves a counter: the record is stored with the next counter before the read returns it
//     with the reserved one. No two reads return the same counter, so encryptions neither wait for each other nor fail. The
//     counter of an encryption that fails is skipped; Signal allows that (the peer keeps up to 2,000 keys of skipped counters).
//   - A decryption excludes these reads and writes, and its result is stored before they begin (Decryptions).
//   - A write outside of a decryption is merged into the record as it is stored by then (mergeSent).
type signalStore struct {
	store.SessionStore
	d *Decryptions
}

var _ store.SessionStore = (*signalStore)(nil)

// GetSession returns a record as the decryption of ctx sees it; outside of one it reserves the counter of one encryption.
func (s *signalStore) GetSession(ctx context.Context, address string) ([]byte, error) {
	u := unitOf(ctx)
	if u == nil {
		sessions, err := s.GetManySessions(ctx, []string{address})
		if err != nil || sessions[address] != nil {
			return sessions[address], err
		}
		return s.readDeleted(ctx, address)
	}
	if session, ok := u.sessions[address]; ok {
		return session, nil
	}
	if session := s.d.record(address); session != nil {
		u.read[address] = session
		return session, nil
	}
	session, err := s.SessionStore.GetSession(ctx, address)
	if err == nil {
		u.read[address] = session
	}
	return session, s.d.storeFailed(ctx, err)
}

// readDeleted returns the record of an address as it was before it was deleted, when that was a moment ago, and reserves a
// counter in it.
func (s *signalStore) readDeleted(ctx context.Context, address string) (session []byte, err error) {
	err = s.d.take(ctx, func() error {
		if session = s.d.recent.get(address); session == nil {
			return nil
		}
		reserved, err := reserveCounters(session, 1)
		if err == nil && reserved != nil {
			s.d.recent.update(address, reserved)
		}
		return err
	})
	return session, s.d.storeFailed(ctx, err)
}

// GetManySessions returns the records that a send needs. It reserves one counter for each occurrence of an address: whatsmeow
// lists the address once for each encryption.
func (s *signalStore) GetManySessions(ctx context.Context, addresses []string) (sessions map[string][]byte, err error) {
	if e, ok := ctx.Value(encryptionKey{}).(*Encryption); ok {
		s.d.mu.Lock()
		s.d.sending = e
		s.d.mu.Unlock()
	}
	count := map[string]uint32{}
	for _, address := range addresses {
		count[address]++
	}
	addresses = slices.Sorted(maps.Keys(count))
	err = s.alone(ctx, func() error {
		return database.Transact(ctx, s.d.db, func(ctx context.Context) error {
			if sessions, err = s.SessionStore.GetManySessions(ctx, addresses); err != nil {
				return err
			}
			return s.reserve(ctx, sessions, count)
		})
	})
	if err != nil {
		return nil, s.d.storeFailed(ctx, err)
	}
	return sessions, nil
}

// reserve stores the records with the counters after those that count reserves. A record that cannot be read is left to the
// operation, which reports it.
func (s *signalStore) reserve(ctx context.Context, sessions map[string][]byte, count map[string]uint32) error {
	for _, address := range slices.Sorted(maps.Keys(sessions)) {
		reserved, err := reserveCounters(sessions[address], count[address])
		if err != nil || reserved == nil {
			continue
		}
		if err = s.SessionStore.PutSession(ctx, address, reserved); err != nil {
			return err
		}
		s.d.recent.update(address, reserved)
	}
	return nil
}

// reserveCounters returns the record with its sender chain moved on by count steps; nil when it has no sender chain.
func reserveCounters(stored []byte, count uint32) ([]byte, error) {
	if len(stored) == 0 {
		return nil, nil
	}
	structure, err := decodeRecord(stored)
	if err != nil {
		return nil, err
	}
	sender := structure.SessionState.SenderChain
	if sender == nil || sender.ChainKey == nil {
		return nil, nil
	}
	key := chain.NewKeyFromStruct(sender.ChainKey, kdf.DeriveSecrets)
	for range count {
		key = key.NextKey()
	}
	sender.ChainKey = chain.NewStructFromKey(key)
	return encodeRecord(structure), nil
}

// HasSession reports whether there is a record. Outside of a decryption whatsmeow encrypts with the record next
// (recentSessions).
func (s *signalStore) HasSession(ctx context.Context, address string) (bool, error) {
	if u := unitOf(ctx); u != nil {
		if session, ok := u.sessions[address]; ok {
			return session != nil, nil
		}
		if s.d.record(address) != nil {
			return true, nil
		}
		has, err := s.SessionStore.HasSession(ctx, address)
		return has, s.d.storeFailed(ctx, err)
	}
	var session []byte
	err := s.alone(ctx, func() (err error) {
		if session, err = s.SessionStore.GetSession(ctx, address); err == nil && session != nil {
			s.d.recent.note(address, session)
		}
		return err
	})
	return session != nil || s.d.recent.get(address) != nil, s.d.storeFailed(ctx, err)
}

// PutSession keeps the record that a decryption wrote in its unit, with the archived sessions as they were (signalrecord);
// outside of a decryption it merges what a retry encrypted.
func (s *signalStore) PutSession(ctx context.Context, address string, session []byte) error {
	u := unitOf(ctx)
	if u == nil {
		return s.PutManySessions(ctx, map[string][]byte{address: session})
	}
	stored, read := u.read[address]
	if !read {
		var err error
		if stored, err = s.GetSession(ctx, address); err != nil {
			return err
		}
	}
	session, err := signalrecord.KeepArchived(stored, session)
	if err != nil {
		return err
	}
	u.sessions[address] = session
	u.read[address] = session
	return nil
}

// PutManySessions merges the records a send encrypted with. It writes all or
// none.
func (s *signalStore) PutManySessions(ctx context.Context, sessions map[string][]byte) error {
	return s.d.storeFailed(ctx, s.alone(ctx, func() error {
		return database.Transact(ctx, s.d.db, func(ctx context.Context) error { return s.mergeMany(ctx, sessions) })
	}))
}

func (s *signalStore) mergeMany(ctx context.Context, sessions map[string][]byte) error {
	for _, address := range slices.Sorted(maps.Keys(sessions)) {
		stored, err := s.SessionStore.GetSession(ctx, address)
		if err != nil {
			return err
		}
		sent := sessions[address]
		if stored == nil {
			sent, err = s.d.recent.withoutDeleted(address, sent)
		} else {
			sent, err = mergeSent(stored, sent)
		}
		if err != nil {
			return err
		}
		if sent == nil {
			continue
		}
		if err = s.SessionStore.PutSession(ctx, address, sent); err != nil {
			return err
		}
		if _, ok := ctx.Value(encryptionKey{}).(*Encryption); !ok { // an answer to a retry receipt, which reads the record again
			s.d.recent.note(address, sent)
		}
	}
	return nil
}

// alone runs fn, which changes records, while nothing decrypts and nothing decrypted waits.
func (s *signalStore) alone(ctx context.Context, fn func() error) error {
	return s.d.take(ctx, func() error {
		if err := s.d.settle(ctx); err != nil {
			return err
		}
		s.d.forgetRecords()
		return fn()
	})
}

// DeleteSession forgets a record, or notes that.
func (s *signalStore) DeleteSession(ctx context.Context, address string) error {
	if u := unitOf(ctx); u != nil {
		u.sessions[address], u.read[address] = nil, nil
		return nil
	}
	return s.alone(ctx, func() error { return s.SessionStore.DeleteSession(ctx, address) })
}

// DeleteAllSessions deletes the records of a contact's devices under each of its addresses.
func (s *signalStore) DeleteAllSessions(ctx context.Context, user string) error {
	return s.alone(ctx, func() error {
		return s.d.eachAddress(ctx, user, func(address string) error { return s.SessionStore.DeleteAllSessions(ctx, address) })
	})
}

// MigratePNToLID moves a person's records to the LID.
func (s *signalStore) MigratePNToLID(ctx context.Context, pn, lid types.JID) error {
	return s.d.storeFailed(ctx, s.alone(ctx, func() error { return s.SessionStore.MigratePNToLID(ctx, pn, lid) }))
}

// mergeSent puts what a send did to a record into the record as it is stored
// now. It returns nil when the stored one is already right.
func mergeSent(stored, sent []byte) ([]byte, error) {
	if len(stored) == 0 {
		return sent, nil
	}
	now, err := decodeRecord(stored)
	if err != nil {
		return nil, err
	}
	mine, err := decodeRecord(sent)
	if err != nil {
		return nil, err
	}
	switch {
	case sameSession(now.SessionState, mine.SessionState):
		return mergeSameSession(now, mine)
	case holds(now.PreviousStates, mine.SessionState) >= 0:
		// The peer began a new session meanwhile; the state of sends under the old one is obsolete.
		return nil, nil
	}
	// The send began a new session. Concurrent changes of the others by receiving stay.
	for _, other := range append([]*record.StateStructure{now.SessionState}, now.PreviousStates...) {
		if i := holds(mine.PreviousStates, other); i >= 0 {
			mine.PreviousStates[i] = other
		} else if other.SenderBaseKey != nil {
			mine.PreviousStates = append(mine.PreviousStates, other)
		}
	}
	if len(mine.PreviousStates) > maxArchivedStates {
		mine.PreviousStates = mine.PreviousStates[:maxArchivedStates]
	}
	return encodeRecord(mine), nil
}

// maxArchivedStates is libsignal's own bound of old sessions per peer.
const maxArchivedStates = 40

func mergeSameSession(now, mine *record.SessionStructure) ([]byte, error) {
	was, is := mine.SessionState.SenderChain, now.SessionState.SenderChain
	if was == nil || is == nil || was.ChainKey == nil || is.ChainKey == nil {
		return encodeRecord(mine), nil
	}
	if !bytes.Equal(was.SenderRatchetKeyPublic, is.SenderRatchetKeyPublic) {
		// Receiving has moved the ratchet on: the chain that was sent under is obsolete.
		return nil, nil
	}
	if is.ChainKey.Index >= was.ChainKey.Index {
		// The read reserved the counter; others may have reserved the next ones since.
		return nil, nil
	}
	now.SessionState.SenderChain = was
	return encodeRecord(now), nil
}

func sameSession(a, b *record.StateStructure) bool {
	return a.SessionVersion == b.SessionVersion && a.SenderBaseKey != nil && bytes.Equal(a.SenderBaseKey, b.SenderBaseKey)
}

func holds(states []*record.StateStructure, state *record.StateStructure) int {
	return slices.IndexFunc(states, func(s *record.StateStructure) bool { return sameSession(s, state) })
}

func decodeRecord(raw []byte) (*record.SessionStructure, error) {
	structure, err := store.SignalProtobufSerializer.Session.Deserialize(raw)
	if err != nil {
		return nil, fmt.Errorf("bridge: read signal session: %w", err)
	}
	return structure, nil
}

func encodeRecord(structure *record.SessionStructure) []byte {
	return store.SignalProtobufSerializer.Session.Serialize(structure)
}
