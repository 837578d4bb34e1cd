package signal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/database"
)

// writtenStore records the writes of a device's stores. refuse is the answer to writes that begin with a text.
type writtenStore struct {
	store.SessionStore
	store.IdentityStore
	store.PreKeyStore
	store.SenderKeyStore
	store.MsgSecretStore
	store.EventBuffer
	writes []string
	refuse string
	buffer map[[32]byte]*store.BufferedEvent // plaintexts; nil = none is kept
}

func (s *writtenStore) write(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if s.refuse != "" && strings.HasPrefix(text, s.refuse) {
		return errStoreAway
	}
	s.writes = append(s.writes, text)
	return nil
}

func (s *writtenStore) GetSession(context.Context, string) ([]byte, error) { return nil, nil }
func (s *writtenStore) HasSession(context.Context, string) (bool, error)   { return false, nil }
func (s *writtenStore) PutSession(_ context.Context, address string, _ []byte) error {
	return s.write("session %s", address)
}

func (s *writtenStore) DeleteSession(_ context.Context, address string) error {
	return s.write("no session %s", address)
}

func (s *writtenStore) PutIdentity(_ context.Context, address string, key [32]byte) error {
	return s.write("identity %s %d", address, key[0])
}

func (s *writtenStore) DeleteIdentity(_ context.Context, address string) error {
	return s.write("no identity %s", address)
}

func (s *writtenStore) IsTrustedIdentity(_ context.Context, _ string, key [32]byte) (bool, error) {
	return key[0] == 99, nil
}

func (s *writtenStore) GetSenderKey(context.Context, string, string) ([]byte, error) { return nil, nil }

func (s *writtenStore) PutSenderKey(_ context.Context, group, user string, key []byte) error {
	return s.write("sender key %s %s %s", group, user, key)
}

func (s *writtenStore) RemovePreKey(_ context.Context, id uint32) error {
	return s.write("no prekey %d", id)
}

func (s *writtenStore) PutMessageSecret(_ context.Context, _, _ types.JID, id types.MessageID, _ []byte) error {
	return s.write("secret %s", id)
}

func (s *writtenStore) GetBufferedEvent(_ context.Context, hash [32]byte) (*store.BufferedEvent, error) {
	return s.buffer[hash], nil
}

func (s *writtenStore) PutBufferedEvent(_ context.Context, hash [32]byte, plaintext []byte, _ time.Time) error {
	if s.buffer != nil {
		s.buffer[hash] = &store.BufferedEvent{Plaintext: plaintext}
	}
	return s.write("plaintext %d %s", hash[0], plaintext)
}

func (s *writtenStore) ClearBufferedEventPlaintext(_ context.Context, hash [32]byte) error {
	return s.write("no plaintext %d", hash[0])
}

// guarded is a device with guarded stores.
type guarded struct {
	*store.Device
	d     *Decryptions
	inner *writtenStore
	lost  []error
	t     *testing.T
}

var sender = types.NewJID("15550900001", types.DefaultUserServer)

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	inner := &writtenStore{}
	g := &guarded{inner: inner, t: t, Device: &store.Device{
		Sessions: inner, Identities: inner, PreKeys: inner, SenderKeys: inner, MsgSecrets: inner, EventBuffer: inner,
	}}
	GuardRatchets(db, g.Device, func(err error) { g.lost = append(g.lost, err) })
	g.d = g.EventBuffer.(*eventBuffer).d
	g.d.stored = func(context.Context, int) ([][]byte, error) { return nil, nil }
	return g
}

// decrypt decrypts a message of a number, which is its id and the first byte of its hash and keys.
func (g *guarded) decrypt(n byte) error {
	ctx := WithMessage(g.t.Context(), &waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"id": fmt.Sprint(n), "from": sender}})
	return g.EventBuffer.DoDecryptionTxn(ctx, func(ctx context.Context) error {
		return errors.Join(
			g.Sessions.PutSession(ctx, "a", encoded(state(10, chainAt(n, 0)))), g.Identities.PutIdentity(ctx, "a", [32]byte{7}), g.SenderKeys.PutSenderKey(ctx, "g", "a", []byte{'0' + n}),
			g.PreKeys.RemovePreKey(ctx, uint32(n)), g.EventBuffer.PutBufferedEvent(ctx, [32]byte{n}, []byte("text"), time.Now()),
		)
	})
}

func (g *guarded) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// expect checks the writes since the last call.
func (g *guarded) expect(step string, want ...string) {
	g.t.Helper()
	if !slices.Equal(g.inner.writes, want) {
		g.t.Errorf("%s: written %q, want %q", step, g.inner.writes, want)
	}
	g.inner.writes = nil
}

// TestUnitIsStoredWithItsEvent checks that the writes of a decryption wait for the commit of its event, without the plaintext.
func TestUnitIsStoredWithItsEvent(t *testing.T) {
	t.Parallel()
	g, ctx := newGuarded(t), t.Context()
	g.must(g.decrypt(1))
	g.must(g.MsgSecrets.PutMessageSecret(ctx, sender, sender, "1", []byte("s")))
	g.expect("before the commit")
	u := g.d.Claim(Message{ID: "1", Sender: sender})
	if u == nil || g.d.Claim(Message{}) != nil {
		t.Fatal("the unit is not there, or is given to two callers")
	}
	g.must(g.d.Write(ctx, u))
	g.d.Release(true)
	g.expect("commit", "session a", "identity a 7", "sender key g a 1", "no prekey 1", "secret 1")
	g.must(g.EventBuffer.ClearBufferedEventPlaintext(ctx, [32]byte{1}))
	g.expect("handled")
	if g.d.Claim(Message{}) != nil {
		t.Error("a unit that is stored is still there")
	}
	// The identity key is known now, and is not written again.
	g.must(g.decrypt(2))
	g.must(g.d.Write(ctx, g.d.Claim(Message{ID: "2", Sender: sender})))
	g.d.Release(true)
	g.expect("second message", "session a", "sender key g a 2", "no prekey 2")
}

// TestUnitOfAnotherMessageKeepsItsPlaintext checks the ways in which a unit is stored before its own event: by the event of another message, the next
// decryption, and other writers.
func TestUnitOfAnotherMessageKeepsItsPlaintext(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	stored := []string{"session a", "identity a 7", "sender key g a 1", "no prekey 1", "plaintext 1 text"}
	for name, c := range map[string]struct {
		store func(g *guarded) error
		after []string
	}{
		"event of another message": {func(g *guarded) error {
			u := g.d.Claim(Message{ID: "2", Sender: sender})
			defer g.d.Release(true)
			return g.d.Write(ctx, u)
		}, nil},
		"next decryption": {func(g *guarded) error { return g.decrypt(2) }, nil},
		"identity key":    {func(g *guarded) error { return g.Identities.PutIdentity(ctx, "b", [32]byte{8}) }, []string{"identity b 8"}},
		"deletion of a key": {
			func(g *guarded) error { return g.Identities.DeleteIdentity(ctx, "a") }, []string{"no identity a"},
		},
		"sender key":             {func(g *guarded) error { return g.SenderKeys.PutSenderKey(ctx, "g", "b", []byte("x")) }, []string{"sender key g b x"}},
		"deletion of a session":  {func(g *guarded) error { return g.Sessions.DeleteSession(ctx, "a") }, []string{"no session a"}},
		"message without events": {func(g *guarded) error { return g.d.settle(ctx) }, nil},
	} {
		g := newGuarded(t)
		g.must(g.decrypt(1))
		g.must(c.store(g))
		g.expect(name, append(slices.Clone(stored), c.after...)...)
		g.must(g.EventBuffer.ClearBufferedEventPlaintext(ctx, [32]byte{1}))
		if len(g.inner.writes) == 0 || g.inner.writes[len(g.inner.writes)-1] != "no plaintext 1" {
			t.Errorf("%s: the stored plaintext stays: %q", name, g.inner.writes)
		}
	}
}

// TestUnitWhoseCommitFailedWaits checks that a unit survives a failed commit, and that the next message is left alone while it cannot be stored.
func TestUnitWhoseCommitFailedWaits(t *testing.T) {
	t.Parallel()
	g, ctx := newGuarded(t), t.Context()
	g.must(g.decrypt(1))
	g.inner.refuse = "sender key"
	if err := g.d.Write(ctx, g.d.Claim(Message{ID: "1", Sender: sender})); !errors.Is(err, errStoreAway) {
		t.Errorf("a store that is away: %v", err)
	}
	g.d.Release(false)
	if err := g.decrypt(2); !errors.Is(err, context.Canceled) || !errors.Is(err, errStoreAway) || len(g.lost) != 1 {
		t.Errorf("the next message: %v, reported %v", err, g.lost)
	}
	g.inner.refuse, g.inner.writes = "", nil
	if event, err := g.EventBuffer.GetBufferedEvent(ctx, [32]byte{1}); err != nil || event == nil || string(event.Plaintext) != "text" {
		t.Errorf("the plaintext of the first: %+v, %v", event, err)
	}
	g.must(g.decrypt(2))
	g.expect("afterwards", "session a", "identity a 7", "sender key g a 1", "no prekey 1", "plaintext 1 text")
}

// TestClaimedUnitIsAwaited checks that other writers wait for the commit that stores a unit, and stop waiting with their caller.
func TestClaimedUnitIsAwaited(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	g.must(g.decrypt(1))
	g.d.Claim(Message{ID: "1", Sender: sender})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Identities.PutIdentity(gone, "b", [32]byte{8}); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that has gone: %v", err)
	}
	written := make(chan error, 1)
	go func() { written <- g.Identities.PutIdentity(t.Context(), "b", [32]byte{8}) }()
	select {
	case err := <-written:
		t.Fatalf("the write did not wait: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	g.d.Release(true)
	if err := <-written; err != nil {
		t.Error(err)
	}
	g.expect("after the commit", "identity b 8")
}

// TestMessageOnTwoConnectionsIsDecryptedOnce checks a message that WhatsApp delivers to a new connection while the handler of the
// earlier one runs: whatsmeow must not decrypt it again, or it acknowledges an old counter although the event is not recorded.
func TestMessageOnTwoConnectionsIsDecryptedOnce(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	g.inner.buffer = map[[32]byte]*store.BufferedEvent{}
	search := func(n byte) (context.Context, *store.BufferedEvent) {
		ctx := WithMessage(t.Context(), &waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"id": fmt.Sprint(n), "from": sender}})
		event, err := g.EventBuffer.GetBufferedEvent(ctx, [32]byte{n})
		g.must(err)
		return ctx, event
	}
	ctx, _ := search(1)
	g.must(g.decrypt(1)) // by the other handler, which cannot record the event
	err := g.EventBuffer.DoDecryptionTxn(ctx, func(context.Context) error {
		t.Error("the message was decrypted again")
		return nil
	})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, errDecryptedMeanwhile) || ctx.Err() == nil || len(g.lost) != 1 {
		t.Errorf("the message would be acknowledged: %v, %v, %v", err, ctx.Err(), g.lost)
	}
	if _, event := search(1); event == nil || string(event.Plaintext) != "text" {
		t.Errorf("the message that comes again has no plaintext: %v", event)
	}

	ctx, _ = search(2)
	g.must(g.decrypt(2))
	g.d.Claim(Message{ID: "2", Sender: sender})
	g.d.Release(true) // the other handler has recorded the event
	errOldCounter := errors.New("old counter")
	if err := g.EventBuffer.DoDecryptionTxn(ctx, func(context.Context) error { return errOldCounter }); !errors.Is(err, errOldCounter) || ctx.Err() != nil {
		t.Errorf("the recorded message is not acknowledged: %v, %v", err, ctx.Err())
	}
}

// TestDecryptionSeesItsOwnWrites checks what a decryption reads of what it has written, also of deletions.
func TestDecryptionSeesItsOwnWrites(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	session := encoded(state(10, chainAt(20, 7)))
	g.must(g.EventBuffer.DoDecryptionTxn(t.Context(), func(ctx context.Context) error {
		g.must(errors.Join(
			g.Sessions.PutSession(ctx, "a", session), g.SenderKeys.PutSenderKey(ctx, "g", "a", []byte("key")), g.Identities.PutIdentity(ctx, "a", [32]byte{7}),
		))
		read, err := g.Sessions.GetSession(ctx, "a")
		key, keyErr := g.SenderKeys.GetSenderKey(ctx, "g", "a")
		if err != nil || counterOf(t, read) != 7 || keyErr != nil || string(key) != "key" {
			t.Errorf("session %v, %v; sender key %q, %v", read, err, key, keyErr)
		}
		for address, keys := range map[string]map[byte]bool{"a": {7: true, 99: false}, "b": {7: false, 99: true}} {
			for key, want := range keys {
				if trusted, err := g.Identities.IsTrustedIdentity(ctx, address, [32]byte{key}); err != nil || trusted != want {
					t.Errorf("key %d of %s: trusted %v, %v", key, address, trusted, err)
				}
			}
		}
		g.must(g.Sessions.DeleteSession(ctx, "a"))
		has, err := g.Sessions.HasSession(ctx, "a")
		read, readErr := g.Sessions.GetSession(ctx, "a")
		if has || read != nil || err != nil || readErr != nil {
			t.Errorf("a deleted session: %v, %v, %v, %v", has, read, err, readErr)
		}
		return nil
	}))
	g.expect("so far")
	g.must(g.d.settle(t.Context()))
	g.expect("in the end", "no session a", "identity a 7", "sender key g a key")
}

// TestSecretsOfAUnitAreBounded checks the number of secrets that wait with a unit; further ones are stored at once, as those without a unit.
func TestSecretsOfAUnitAreBounded(t *testing.T) {
	t.Parallel()
	g, ctx := newGuarded(t), t.Context()
	put := func(id string) { g.must(g.MsgSecrets.PutMessageSecret(ctx, sender, sender, id, []byte("s"))) }
	put("before")
	g.expect("without a unit", "secret before")
	g.must(g.decrypt(1))
	for range maxUnitSecrets {
		put("waits")
	}
	g.expect("up to the limit")
	put("beyond")
	g.expect("beyond the limit", "secret beyond")
	g.must(g.d.settle(ctx))
	if got := len(g.inner.writes); got != maxUnitSecrets+5 {
		t.Errorf("%d writes of the unit", got)
	}
}

// TestKnownRecordsAreBounded checks the number and the size of remembered session records.
func TestKnownRecordsAreBounded(t *testing.T) {
	t.Parallel()
	known := knownRecords{}
	for i := range maxKnownRecords {
		known.put(fmt.Sprint(i), []byte{byte(i)})
	}
	known.put("0", make([]byte, maxKnownRecord+1))
	if len(known) != maxKnownRecords-1 || known["0"] != nil {
		t.Errorf("a large record: %d known", len(known))
	}
	known.put("1", nil)
	if _, ok := known["1"]; ok {
		t.Error("a deleted record is known")
	}
	for i := range maxKnownRecords + 1 {
		known.put(fmt.Sprint("n", i), []byte{1})
	}
	if len(known) > maxKnownRecords || known[fmt.Sprint("n", maxKnownRecords)] == nil {
		t.Errorf("%d known, or the last is missing", len(known))
	}
}

// TestKeysThatCannotBeFetchedEndTheSend checks which errors end a send, with which reason, and that others do not.
func TestKeysThatCannotBeFetchedEndTheSend(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		reason wa.Reason // empty = the send goes on
	}{
		"connection ended":          {whatsmeow.ErrIQDisconnected, wa.ReasonNotConnected},
		"no answer":                 {fmt.Errorf("prekeys: %w", whatsmeow.ErrIQTimedOut), wa.ReasonTimeout},
		"too many requests":         {&whatsmeow.IQError{Code: 429, Text: "rate-overlimit"}, wa.ReasonRateLimited},
		"refused for good":          {&whatsmeow.IQError{Code: 406, Text: "not-acceptable"}, ""},
		"the caller has gone":       {fmt.Errorf("prekeys: %w", context.Canceled), ""},
		"the caller's time is over": {context.DeadlineExceeded, ""},
	} {
		g := newGuarded(t)
		ctx, encryption, cancel := NewEncryption(t.Context())
		g.d.sending = encryption
		g.d.KeysNotFetched(c.err)
		err := encryption.Err()
		if c.reason == "" {
			if err != nil || ctx.Err() != nil {
				t.Errorf("%s: %v", name, err)
			}
			cancel()
			continue
		}
		var e *wa.Error
		if !errors.As(err, &e) || e.Reason != c.reason || !e.Retryable || !errors.Is(err, c.err) || !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("%s: %+v, context %v", name, e, ctx.Err())
		}
		encryption.fail(errStoreAway)
		if again := encryption.Err(); wa.ReasonOf(again) != c.reason {
			t.Errorf("%s: a later error replaced the first: %v", name, again)
		}
		cancel()
	}
	newGuarded(t).d.KeysNotFetched(whatsmeow.ErrIQTimedOut) // no send runs
	(*Decryptions)(nil).KeysNotFetched(whatsmeow.ErrIQTimedOut)
}

// TestStoreFailureEndsASend checks that a send whose keys cannot be read or stored ends with an error of the store.
func TestStoreFailureEndsASend(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	ctx, encryption, cancel := NewEncryption(t.Context())
	defer cancel()
	g.inner.refuse = "session"
	if err := g.Sessions.PutManySessions(ctx, map[string][]byte{"a": encoded(state(10, chainAt(20, 1)))}); !errors.Is(err, errStoreAway) {
		t.Errorf("write: %v", err)
	}
	if err := encryption.Err(); wa.ReasonOf(err) != wa.ReasonStorage || ctx.Err() == nil || len(g.lost) != 0 {
		t.Errorf("the send: %v, context %v, reported %v", err, ctx.Err(), g.lost)
	}
}
