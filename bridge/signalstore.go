package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/store"
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
// Two rules prevent that on either database:
//
//   - Decryption reads and writes a record inside one transaction that no other
//     writer of the record can enter: SQLite transactions begin immediate
//     (database.Open), PostgreSQL takes an advisory lock per record.
//   - A write of sending is merged, inside such a transaction, into what is
//     stored by then: receiving's part stays, the sender chain moves on.
//
// When the merge finds that another send used the same counter, the write
// fails with errRatchetTaken before anything has left; Session.sendMessage
// encrypts again.
type signalStore struct {
	store.SessionStore
	db  *dbutil.Database
	own string // the own device, part of each lock's name
}

var (
	_ store.SessionStore = (*signalStore)(nil)

	errRatchetTaken = errors.New("bridge: another message was encrypted at the same time")
)

func newSignalStore(db *dbutil.Database, own string, inner store.SessionStore) *signalStore {
	return &signalStore{SessionStore: inner, db: db, own: own}
}

// decrypting marks the context of a transaction that decrypts.
type decrypting struct{}

// GetSession reads a record, and keeps other writers out when it is read to
// decrypt with.
func (s *signalStore) GetSession(ctx context.Context, address string) ([]byte, error) {
	if ctx.Value(decrypting{}) != nil {
		if err := s.lock(ctx, address); err != nil {
			return nil, err
		}
	}
	return s.SessionStore.GetSession(ctx, address)
}

// PutSession writes what decryption made of the record it holds, or merges
// what a retry encrypted.
func (s *signalStore) PutSession(ctx context.Context, address string, session []byte) error {
	if ctx.Value(decrypting{}) != nil {
		return s.SessionStore.PutSession(ctx, address, session)
	}
	return s.PutManySessions(ctx, map[string][]byte{address: session})
}

// PutManySessions merges the records a send encrypted with. It writes all or
// none.
func (s *signalStore) PutManySessions(ctx context.Context, sessions map[string][]byte) error {
	return s.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		// One order for all, so that two sends cannot wait for each other's locks.
		for _, address := range slices.Sorted(maps.Keys(sessions)) {
			if err := s.lock(ctx, address); err != nil {
				return err
			}
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
	})
}

// lock makes the transaction in ctx the only writer of a record until it ends.
// The record need not exist yet.
func (s *signalStore) lock(ctx context.Context, address string) error {
	if s.db.Dialect != dbutil.Postgres {
		return nil // the transaction holds the only write lock there is
	}
	_, err := s.db.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, s.own+"/"+address)
	if err != nil {
		return fmt.Errorf("bridge: lock signal session: %w", err)
	}
	return nil
}

// eventBuffer marks the transactions in which messages are decrypted.
type eventBuffer struct {
	store.EventBuffer
	ratchets *signalStore
}

// DoDecryptionTxn runs fn in a transaction whose session reads exclude other
// writers.
func (e *eventBuffer) DoDecryptionTxn(ctx context.Context, fn func(context.Context) error) error {
	return e.EventBuffer.DoDecryptionTxn(ctx, func(ctx context.Context) error {
		return fn(context.WithValue(ctx, decrypting{}, true))
	})
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
		return nil, errRatchetTaken
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
