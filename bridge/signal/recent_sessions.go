package signal

import (
	"sync"
	"time"

	"go.mau.fi/libsignal/state/record"
)

const (
	// recentWindow is longer than whatsmeow takes to encrypt an answer after it has looked for the session record.
	recentWindow = 15 * time.Second
	// maxRecent bounds the records remembered per device, about 2 kB each; beyond it the oldest is dropped.
	maxRecent = 32
)

// recentSessions remembers the session records that answers to retry receipts are about to use. whatsmeow looks for a record
// twice, or writes a new one, and reads it again to encrypt. When the notification of a contact's new identity deletes the
// record in between, whatsmeow acknowledges the receipt without an answer ("no signal session established", "uninitialized
// session"), and the message is lost. For recentWindow the deleted record is therefore still found. The peer cannot decrypt
// an answer that uses it and sends the next retry receipt with its keys, which whatsmeow answers with a new session.
type recentSessions struct {
	mu        sync.Mutex
	byAddress map[string]recentSession
}

type recentSession struct {
	record []byte
	at     time.Time
}

// note remembers a record.
func (r *recentSessions) note(address string, session []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byAddress == nil {
		r.byAddress = map[string]recentSession{}
	}
	r.byAddress[address] = recentSession{session, time.Now()}
	for len(r.byAddress) > maxRecent {
		oldest := address
		for other, s := range r.byAddress {
			if s.at.Before(r.byAddress[oldest].at) {
				oldest = other
			}
		}
		delete(r.byAddress, oldest)
	}
}

// update replaces a remembered record after its counters were reserved. It is remembered no longer for that.
func (r *recentSessions) update(address string, session []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.byAddress[address]; ok {
		r.byAddress[address] = recentSession{session, s.at}
	}
}

// get returns the remembered record of an address; nil when there is none.
func (r *recentSessions) get(address string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.byAddress[address]
	if !ok || time.Since(s.at) >= recentWindow {
		return nil
	}
	return s.record
}

// withoutDeleted removes the remembered sessions of an address, which have been deleted, from a record that an encryption writes.
// It returns nil when the encryption used one of them and began no new session.
func (r *recentSessions) withoutDeleted(address string, sent []byte) ([]byte, error) {
	deleted := r.get(address)
	if deleted == nil {
		return sent, nil
	}
	old, err := decodeRecord(deleted)
	if err != nil {
		return nil, err
	}
	mine, err := decodeRecord(sent)
	if err != nil {
		return nil, err
	}
	states := append([]*record.StateStructure{old.SessionState}, old.PreviousStates...)
	if holds(states, mine.SessionState) >= 0 {
		return nil, nil
	}
	var kept []*record.StateStructure
	for _, state := range mine.PreviousStates {
		if holds(states, state) < 0 {
			kept = append(kept, state)
		}
	}
	mine.PreviousStates = kept
	return encodeRecord(mine), nil
}
