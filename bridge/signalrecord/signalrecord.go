// Package signalrecord corrects Signal session records between libsignal and the store that keeps them.
package signalrecord

import (
	"bytes"
	"fmt"
	"slices"

	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/whatsmeow/store"
)

// KeepArchived returns next with the archived states of stored, as next is to replace stored.
//
// A record holds the current Signal session with a device and up to 40 earlier ones. libsignal tries the current one on
// each message first. It turns the ratchet of that session and advances its chain before it verifies the MAC, and when the
// message belongs to an archived session it stores the changed session too: the session can no longer encrypt or decrypt
// anything. It also leaves a copy of the session that decrypted the message among the archived ones. Two devices that write
// to each other for the first time at the same moment each open a session, so both sessions are in use for a while and each
// message of one destroys the other.
//
// Every operation of libsignal changes the session that is current after it, and no other. So the archived sessions of next
// that stored has, current or archived, are taken from stored, and copies are removed. stored may be empty: there was no
// record.
func KeepArchived(stored, next []byte) ([]byte, error) {
	if len(stored) == 0 || len(next) == 0 {
		return next, nil
	}
	after, err := decode(next)
	if err != nil {
		return nil, err
	}
	if len(after.PreviousStates) == 0 {
		return next, nil
	}
	before, err := decode(stored)
	if err != nil {
		return nil, err
	}
	known := append([]*record.StateStructure{before.SessionState}, before.PreviousStates...)
	archived := make([]*record.StateStructure, 0, len(after.PreviousStates))
	for _, state := range after.PreviousStates {
		if same(state, after.SessionState) || slices.ContainsFunc(archived, func(s *record.StateStructure) bool { return same(s, state) }) {
			continue
		}
		if i := slices.IndexFunc(known, func(s *record.StateStructure) bool { return same(s, state) }); i >= 0 {
			state = known[i]
		}
		archived = append(archived, state)
	}
	after.PreviousStates = archived
	return store.SignalProtobufSerializer.Session.Serialize(after), nil
}

// same reports whether two states belong to one session.
func same(a, b *record.StateStructure) bool {
	return a.SessionVersion == b.SessionVersion && a.SenderBaseKey != nil && bytes.Equal(a.SenderBaseKey, b.SenderBaseKey)
}

func decode(raw []byte) (*record.SessionStructure, error) {
	structure, err := store.SignalProtobufSerializer.Session.Deserialize(raw)
	if err != nil {
		return nil, fmt.Errorf("signalrecord: decode session record: %w", err)
	}
	return structure, nil
}
