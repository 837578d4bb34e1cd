package signalrecord

import (
	"fmt"
	"testing"

	"go.mau.fi/libsignal/keys/chain"
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/whatsmeow/store"
)

func point(key byte) []byte {
	p := make([]byte, 33)
	p[0], p[1] = 5, key
	return p
}

// state returns a state of the session with that base key; index shows which version of it.
func state(base byte, index uint32) *record.StateStructure {
	return &record.StateStructure{
		LocalIdentityPublic: point(1), RemoteIdentityPublic: point(2), RootKey: []byte{base}, SenderBaseKey: point(base), SessionVersion: 3,
		SenderChain: &record.ChainStructure{
			SenderRatchetKeyPublic: point(base), SenderRatchetKeyPrivate: make([]byte, 32), ChainKey: &chain.KeyStructure{Key: []byte{base}, Index: index},
		},
	}
}

func encoded(current *record.StateStructure, previous ...*record.StateStructure) []byte {
	return store.SignalProtobufSerializer.Session.Serialize(&record.SessionStructure{SessionState: current, PreviousStates: previous})
}

// shown lists the sessions of a record as base key and index, the current one first.
func shown(t *testing.T, raw []byte) string {
	t.Helper()
	structure, err := decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, s := range append([]*record.StateStructure{structure.SessionState}, structure.PreviousStates...) {
		text += fmt.Sprintf("%d/%d ", s.SenderBaseKey[1], s.SenderChain.ChainKey.Index)
	}
	return text
}

func TestKeepArchived(t *testing.T) {
	for name, c := range map[string]struct {
		stored, next []byte
		want         string
	}{
		"the first record":               {nil, encoded(state(10, 1)), "10/1 "},
		"one session":                    {encoded(state(10, 1)), encoded(state(10, 2)), "10/2 "},
		"a new session archives another": {encoded(state(10, 1)), encoded(state(11, 0), state(10, 1)), "11/0 10/1 "},
		"an archived session decrypted; the current one was changed": {
			encoded(state(10, 1), state(11, 1)), encoded(state(11, 2), state(10, 7)), "11/2 10/1 ",
		},
		"the session that decrypted is left in the archive too": {
			encoded(state(10, 1), state(11, 1)), encoded(state(11, 2), state(10, 7), state(11, 2)), "11/2 10/1 ",
		},
		"the last archived session is there twice": {
			encoded(state(10, 1), state(11, 1), state(12, 1)), encoded(state(11, 2), state(10, 7), state(12, 9), state(12, 9)), "11/2 10/1 12/1 ",
		},
		"an archived session that stored does not have": {encoded(state(10, 1)), encoded(state(11, 1), state(13, 4)), "11/1 13/4 "},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := KeepArchived(c.stored, c.next)
			if err != nil {
				t.Fatal(err)
			}
			if text := shown(t, got); text != c.want {
				t.Errorf("got %s, want %s", text, c.want)
			}
		})
	}
	for name, pair := range map[string][2][]byte{
		"next":   {encoded(state(10, 1)), []byte("no record")},
		"stored": {[]byte("no record"), encoded(state(10, 1), state(11, 1))},
	} {
		if _, err := KeepArchived(pair[0], pair[1]); err == nil {
			t.Errorf("a damaged record is accepted as %s", name)
		}
	}
}
