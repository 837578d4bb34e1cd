package signal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/signalrecord"
	"github.com/waystation/waystation/transports/kit/database"
)

// signalStore lets sending and receiving work on the ratchet of one peer at
// the same time.
//
// whatsmeow reads a session record, encrypts or decrypts with it and writes it
// back, and its two directions share no lock. A late write then undoes the
// other's step. An undone step of receiving is harmless: it is derived again
// from the next message. An undone step of sending is not: the next message
// goes out under a counter already used, the peer takes it for a repetition
// and drops it, and nobody hears of it.
//
// Two rules prevent that on either database (a device is one process's alone):
//
//   - A decryption and the write of a send take turns, and what was decrypted is
//     stored before a send writes (Decryptions).
//   - A write of sending is merged into what is stored by then: receiving's part
//     stays, the sender chain moves on.
//
// When the merge finds that another send used the same counter, the write
// fails with errRatchetTaken before anything has left; Session.sendMessage
// encrypts again.
type signalStore struct {
	store.SessionStore
	d *Decryptions
}

var (
	_ store.SessionStore = (*signalStore)(nil)

	ErrRatchetTaken = errors.New("bridge: another message was encrypted at the same time")
)

// GetSession reads a record as the decryption or the send sees it.
func (s *signalStore) GetSession(ctx context.Context, address string) ([]byte, error) {
	u := unitOf(ctx)
	if u != nil {
		if session, ok := u.sessions[address]; ok {
			return session, nil
		}
		if session := s.d.record(address); session != nil {
			u.read[address] = session
			return session, nil
		}
	}
	session, err := s.SessionStore.GetSession(ctx, address)
	if u != nil && err == nil {
		u.read[address] = session
	}
	return session, s.d.storeFailed(ctx, err)
}

// GetManySessions reads the records that a send needs.
func (s *signalStore) GetManySessions(ctx context.Context, addresses []string) (map[string][]byte, error) {
	sessions, err := s.SessionStore.GetManySessions(ctx, addresses)
	return sessions, s.d.storeFailed(ctx, err)
}

// HasSession tells whether there is a record.
func (s *signalStore) HasSession(ctx context.Context, address string) (bool, error) {
	if u := unitOf(ctx); u != nil {
		if session, ok := u.sessions[address]; ok {
			return session != nil, nil
		}
		if s.d.record(address) != nil {
			return true, nil
		}
	}
	has, err := s.SessionStore.HasSession(ctx, address)
	return has, s.d.storeFailed(ctx, err)
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
		merged, err := mergeSent(stored, sessions[address])
		if err != nil {
			return err
		}
		if merged == nil {
			continue
		}
		if err = s.SessionStore.PutSession(ctx, address, merged); err != nil {
			return err
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
		// The peer began a new session meanwhile; what was sent under the old one needs no memory.
		return nil, nil
	}
	// The send began a new session. What receiving did to the others meanwhile stays.
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
		// Receiving has turned the ratchet: the chain that was sent under is done with.
		return nil, nil
	}
	if is.ChainKey.Index >= was.ChainKey.Index {
		return nil, ErrRatchetTaken
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
