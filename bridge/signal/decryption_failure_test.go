package signal

import (
	"context"
	"errors"
	"testing"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
)

var errStoreAway = errors.New("connection refused")

// awayStore is a store whose database does not answer while away is set.
type awayStore struct {
	store.SessionStore
	store.IdentityStore
	store.PreKeyStore
	store.SenderKeyStore
	store.EventBuffer
	away bool
}

func (a *awayStore) err() error {
	if a.away {
		return errStoreAway
	}
	return nil
}

func (a *awayStore) GetSession(context.Context, string) ([]byte, error) { return nil, a.err() }
func (a *awayStore) HasSession(context.Context, string) (bool, error)   { return false, a.err() }

func (a *awayStore) IsTrustedIdentity(context.Context, string, [32]byte) (bool, error) {
	return true, a.err()
}

func (a *awayStore) GetPreKey(context.Context, uint32) (*keys.PreKey, error) { return nil, a.err() }

func (a *awayStore) GetSenderKey(context.Context, string, string) ([]byte, error) {
	return nil, a.err()
}

func (a *awayStore) GetBufferedEvent(context.Context, [32]byte) (*store.BufferedEvent, error) {
	return nil, a.err()
}

// When the store fails, whatsmeow must see a cancelled context: after anything else
// it acknowledges a message it could not read. Errors of the message itself
// pass unchanged.
func TestStoreFailureLeavesTheMessageAlone(t *testing.T) {
	errBadMAC := errors.New("bad MAC")
	for name, read := range map[string]func(ctx context.Context, d *store.Device) error{
		"session": func(ctx context.Context, d *store.Device) error {
			_, err := d.Sessions.GetSession(ctx, "a")
			return err
		},
		"sessions": func(ctx context.Context, d *store.Device) error {
			_, err := d.Sessions.HasSession(ctx, "a")
			return err
		},
		"prekey": func(ctx context.Context, d *store.Device) error { _, err := d.PreKeys.GetPreKey(ctx, 1); return err },
		"sender key": func(ctx context.Context, d *store.Device) error {
			_, err := d.SenderKeys.GetSenderKey(ctx, "g", "a")
			return err
		},
		"identity": func(ctx context.Context, d *store.Device) error {
			_, err := d.Identities.IsTrustedIdentity(ctx, "a", [32]byte{1})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			away := &awayStore{}
			device := &store.Device{Sessions: away, Identities: away, PreKeys: away, SenderKeys: away, EventBuffer: away}
			var lost []error
			GuardRatchets(nil, device, func(err error) { lost = append(lost, err) })
			buffer := device.EventBuffer
			// libsignal may hide the cause, and may even go on without what it asked for.
			for _, outcome := range []error{errBadMAC, nil} {
				away.away = true
				lost = nil
				err := buffer.DoDecryptionTxn(t.Context(), func(ctx context.Context) error {
					_ = read(ctx, device)
					return outcome
				})
				if !errors.Is(err, context.Canceled) || !errors.Is(err, errStoreAway) || len(lost) != 1 {
					t.Errorf("a store that is away: %v, told of %v", err, lost)
				}
				if d := buffer.(*eventBuffer).d; d.held != nil {
					t.Error("what came of it waits to be stored")
				}
			}
			away.away = false
			lost = nil
			err := buffer.DoDecryptionTxn(t.Context(), func(ctx context.Context) error {
				_ = read(ctx, device)
				return errBadMAC
			})
			if !errors.Is(err, errBadMAC) || errors.Is(err, context.Canceled) || len(lost) != 0 {
				t.Errorf("a broken message: %v, told of %v", err, lost)
			}
			err = buffer.DoDecryptionTxn(t.Context(), func(ctx context.Context) error {
				return errors.Join(read(ctx, device), buffer.PutBufferedEvent(ctx, [32]byte{1}, []byte("text"), time.Now()))
			})
			if err != nil || buffer.(*eventBuffer).d.held == nil {
				t.Errorf("a good message: %v", err)
			}
		})
	}
	away := &awayStore{away: true}
	device := &store.Device{EventBuffer: away}
	GuardRatchets(nil, device, nil)
	d := device.EventBuffer.(*eventBuffer).d
	hash := [32]byte{1}
	d.stored = func(context.Context, int) ([][]byte, error) { return nil, errStoreAway }
	if _, err := device.EventBuffer.GetBufferedEvent(t.Context(), hash); !errors.Is(err, context.Canceled) {
		t.Errorf("whether it was decrypted before cannot be read: %v", err)
	}
	d.stored = func(context.Context, int) ([][]byte, error) { return [][]byte{hash[:]}, nil }
	if _, err := device.EventBuffer.GetBufferedEvent(t.Context(), hash); !errors.Is(err, context.Canceled) {
		t.Errorf("what was decrypted before cannot be read: %v", err)
	}
	if _, err := device.EventBuffer.GetBufferedEvent(t.Context(), [32]byte{2}); err != nil {
		t.Errorf("a message that was never stored is looked up: %v", err)
	}
}

// TestMessageWhoseSenderKeyIsNotStoredComesAgain: whatsmeow logs that a sender key cannot be stored and goes on with the
// message. It must find its context cancelled then, before it decrypts the rest or acknowledges, and the plaintext must stay.
func TestMessageWhoseSenderKeyIsNotStoredComesAgain(t *testing.T) {
	away := &awayStore{}
	device := &store.Device{Sessions: away, Identities: away, PreKeys: away, SenderKeys: away, EventBuffer: away}
	GuardRatchets(nil, device, nil)
	d := device.EventBuffer.(*eventBuffer).d
	d.stored = func(context.Context, int) ([][]byte, error) { return nil, nil }
	sender := types.NewJID("15550900001", types.DefaultUserServer)
	ctx := WithMessage(t.Context(), &waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"id": "A", "from": sender}})
	hash := [32]byte{1}
	err := device.EventBuffer.DoDecryptionTxn(ctx, func(ctx context.Context) error {
		return device.EventBuffer.PutBufferedEvent(ctx, hash, []byte("sender key"), time.Now())
	})
	if err != nil || ctx.Err() != nil {
		t.Fatalf("decrypt: %v, %v", err, ctx.Err())
	}
	away.away = true
	if _, err := device.SenderKeys.GetSenderKey(ctx, "group", "a"); !errors.Is(err, errStoreAway) {
		t.Errorf("a store that is away: %v", err)
	}
	away.away = false
	if !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("whatsmeow would acknowledge the message: %v", ctx.Err())
	}
	if _, err := device.EventBuffer.GetBufferedEvent(ctx, [32]byte{2}); !errors.Is(err, context.Canceled) {
		t.Errorf("whatsmeow would decrypt the rest: %v", err)
	}
	if err := device.EventBuffer.ClearBufferedEventPlaintext(ctx, hash); !errors.Is(err, context.Canceled) {
		t.Errorf("the plaintext is cleared: %v", err)
	}
	if u := d.Claim(Message{ID: "A", Sender: sender}); u == nil || u.handled {
		t.Error("the event of the message counts it as handled")
	}
	d.Release(false)
	again := WithMessage(t.Context(), &waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"id": "A", "from": sender}})
	if event, err := device.EventBuffer.GetBufferedEvent(again, hash); err != nil || event == nil {
		t.Errorf("the message that comes again has no plaintext: %v", err)
	}
}

// TestMessageWhoseSenderIsNotFoundIsLeftAlone: whatsmeow logs that the LID of a sender cannot be looked up, and would decrypt
// the message with the session record of the phone number, which is another one. Outside of a message the error passes.
func TestMessageWhoseSenderIsNotFoundIsLeftAlone(t *testing.T) {
	sender := types.NewJID("15550900001", types.DefaultUserServer)
	device := &store.Device{EventBuffer: &awayStore{}, LIDs: awayLIDs{}}
	GuardRatchets(nil, device, nil)
	ctx := WithMessage(t.Context(), &waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"id": "A", "from": sender}})
	if _, err := device.LIDs.GetLIDForPN(ctx, types.NewJID("1", types.GroupServer)); err == nil || ctx.Err() != nil {
		t.Errorf("an address that is no phone number: %v, %v", err, ctx.Err())
	}
	if _, err := device.LIDs.GetLIDForPN(ctx, sender); !errors.Is(err, errStoreAway) || !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("a store that is away: %v, %v", err, ctx.Err())
	}
	if _, err := device.LIDs.GetLIDForPN(t.Context(), sender); !errors.Is(err, errStoreAway) || errors.Is(err, context.Canceled) {
		t.Errorf("outside of a message: %v", err)
	}
}

// awayLIDs is a store of addresses whose database does not answer.
type awayLIDs struct{ store.LIDStore }

func (awayLIDs) GetLIDForPN(context.Context, types.JID) (types.JID, error) {
	return types.EmptyJID, errStoreAway
}

// TestManyKnownPlaintexts: with more than are remembered, each message is looked up.
func TestManyKnownPlaintexts(t *testing.T) {
	known := knownPlaintexts{loaded: true}
	for i := range maxKnownPlaintexts {
		known.add([]byte{byte(i), byte(i >> 8), 0, 0, 0, 0, 0, 0})
	}
	other := []byte{0, 0, 1, 0, 0, 0, 0, 0}
	if known.mayHave(other) || !known.mayHave([]byte{1, 1, 0, 0, 0, 0, 0, 0}) {
		t.Error("what is known is forgotten, or made up")
	}
	known.add(other)
	if !known.mayHave([]byte{9, 9, 9, 0, 0, 0, 0, 0}) {
		t.Error("one that may be stored is not looked up")
	}
}
