package signal

import (
	"errors"
	"testing"

	"go.mau.fi/libsignal/keys/chain"
	"go.mau.fi/libsignal/state/record"
)

func chainAt(key byte, index uint32) *record.ChainStructure {
	return &record.ChainStructure{
		SenderRatchetKeyPublic: point(key), SenderRatchetKeyPrivate: make([]byte, 32),
		ChainKey: &chain.KeyStructure{Key: []byte{key, byte(index)}, Index: index},
	}
}

func point(key byte) []byte {
	p := make([]byte, 33)
	p[0], p[1] = 5, key
	return p
}

func state(base byte, sender *record.ChainStructure, receivers ...*record.ChainStructure) *record.StateStructure {
	return &record.StateStructure{
		LocalIdentityPublic: point(1), RemoteIdentityPublic: point(2), RootKey: []byte{base}, SenderBaseKey: point(base),
		SenderChain: sender, ReceiverChains: receivers, SessionVersion: 3,
	}
}

func encoded(current *record.StateStructure, previous ...*record.StateStructure) []byte {
	return encodeRecord(&record.SessionStructure{SessionState: current, PreviousStates: previous})
}

// TestMergeSent checks records that changed between the read and the write of a
// send.
func TestMergeSent(t *testing.T) {
	sent := encoded(state(10, chainAt(20, 8), chainAt(30, 3)))
	unchanged := func(t *testing.T, s *record.SessionStructure) {
		if s != nil {
			t.Error("the stored record was overwritten")
		}
	}
	for name, c := range map[string]struct {
		stored, sent []byte
		wantErr      error
		check        func(t *testing.T, s *record.SessionStructure)
	}{
		"nothing happened": {encoded(state(10, chainAt(20, 7), chainAt(30, 3))), sent, nil, func(t *testing.T, s *record.SessionStructure) {
			if s.SessionState.SenderChain.ChainKey.Index != 8 {
				t.Error("the send is forgotten")
			}
		}},
		"a message was received on the same chain": {encoded(state(10, chainAt(20, 7), chainAt(30, 9))), sent, nil, func(t *testing.T, s *record.SessionStructure) {
			if s.SessionState.SenderChain.ChainKey.Index != 8 || s.SessionState.ReceiverChains[0].ChainKey.Index != 9 {
				t.Errorf("sender at %d, receiver at %d", s.SessionState.SenderChain.ChainKey.Index, s.SessionState.ReceiverChains[0].ChainKey.Index)
			}
		}},
		"the ratchet has moved on": {encoded(state(10, chainAt(21, 0), chainAt(30, 3), chainAt(31, 1))), sent, nil, func(t *testing.T, s *record.SessionStructure) {
			if s != nil {
				t.Error("the new chains were overwritten")
			}
		}},
		"the counter is reserved":     {encoded(state(10, chainAt(20, 8), chainAt(30, 3))), sent, nil, unchanged},
		"later counters are reserved": {encoded(state(10, chainAt(20, 11), chainAt(30, 3))), sent, nil, unchanged},
		"the peer began a new session": {
			encoded(state(11, chainAt(22, 0), chainAt(32, 1)), state(10, chainAt(20, 7), chainAt(30, 3))), sent, nil,
			func(t *testing.T, s *record.SessionStructure) {
				if s != nil {
					t.Error("the new session was overwritten")
				}
			},
		},
		"the send began a new session": {
			encoded(state(10, chainAt(20, 7), chainAt(30, 9))),
			encoded(state(12, chainAt(23, 1)), state(10, chainAt(20, 7), chainAt(30, 3))), nil,
			func(t *testing.T, s *record.SessionStructure) {
				if s.SessionState.RootKey[0] != 12 || len(s.PreviousStates) != 1 || s.PreviousStates[0].ReceiverChains[0].ChainKey.Index != 9 {
					t.Errorf("merged to %+v with %d previous", s.SessionState, len(s.PreviousStates))
				}
			},
		},
		"both began one": {
			encoded(state(13, chainAt(24, 0), chainAt(33, 1))), encoded(state(12, chainAt(23, 1))), nil,
			func(t *testing.T, s *record.SessionStructure) {
				if s.SessionState.RootKey[0] != 12 || len(s.PreviousStates) != 1 || s.PreviousStates[0].RootKey[0] != 13 {
					t.Error("one of the two sessions is lost")
				}
			},
		},
		"first record": {nil, sent, nil, func(t *testing.T, s *record.SessionStructure) {
			if s.SessionState.SenderChain.ChainKey.Index != 8 {
				t.Error("not written as it is")
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			merged, err := mergeSent(c.stored, c.sent)
			if !errors.Is(err, c.wantErr) {
				t.Fatalf("error %v, want %v", err, c.wantErr)
			}
			if c.check == nil {
				return
			}
			if merged == nil {
				c.check(t, nil)
				return
			}
			structure, err := decodeRecord(merged)
			if err != nil {
				t.Fatal(err)
			}
			c.check(t, structure)
		})
	}
	if _, err := mergeSent([]byte{0xff}, sent); err == nil {
		t.Error("a broken stored record was accepted")
	}
}
