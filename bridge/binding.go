package bridge

import (
	"context"
	"errors"
	"fmt"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// reasonWrongNumber is the reason of a pairing that failed because a phone of another account scanned the code.
const reasonWrongNumber = "wrong_number"

// binding is the account that owns the session's data, set by the first pairing. Journal, messages and contacts of the
// session belong to this account; pairing with another account requires ConnectOptions.Rebind. The zero value is a
// session that was never paired.
type binding struct {
	pn, lid types.JID // without device; lid may be empty
}

func (b binding) isFor(pn types.JID) bool { return b.pn.IsEmpty() || b.pn.User == pn.User }

// sameAccount reports whether a device belongs to the account. It compares the phone number and, in case the account
// changed its number, the LID.
func (b binding) sameAccount(pn, lid types.JID) bool {
	return b.isFor(pn) || !lid.IsEmpty() && b.lid.User == lid.User
}

func (st sessionStore) bindings(ctx context.Context) (map[string]binding, error) {
	type row struct {
		session string
		binding
	}
	rows, err := st.db.Query(ctx, `SELECT session, pn, lid FROM bridge_bindings`)
	list, err := dbutil.NewRowIterWithError(rows, func(scan dbutil.Scannable) (r row, err error) {
		var pn, lid string
		if err = scan.Scan(&r.session, &pn, &lid); err != nil {
			return r, err
		}
		if r.pn, err = types.ParseJID(pn); err == nil && lid != "" {
			r.lid, err = types.ParseJID(lid)
		}
		if err != nil {
			return r, fmt.Errorf("read the account of session %s: %w", r.session, err)
		}
		r.pn, r.lid = r.pn.ToNonAD(), r.lid.ToNonAD()
		return r, nil
	}, err).AsList()
	if err != nil {
		return nil, err
	}
	out := make(map[string]binding, len(list))
	for _, r := range list {
		out[r.session] = r.binding
	}
	return out, nil
}

func (st sessionStore) bind(ctx context.Context, session string, b binding) error {
	_, err := st.db.Exec(ctx, `
		INSERT INTO bridge_bindings (session, pn, lid) VALUES ($1, $2, $3)
		ON CONFLICT (session) DO UPDATE SET pn=excluded.pn, lid=excluded.lid`, session, b.pn.String(), deviceString(b.lid))
	return err
}

// admits is called by whatsmeow before it confirms a pairing and reports whether the account may be linked. After a
// refusal, whatsmeow sends WhatsApp an error instead of the device's signature, and WhatsApp links nothing.
func (s *Session) admits(jid types.JID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rebind || s.bound.isFor(jid) {
		return true
	}
	s.refusedJID = jid
	return false
}

// failWrongNumber ends a pairing that admits has refused. It is called when whatsmeow reports the refusal or when
// WhatsApp closes the connection, whichever comes first. The caller holds s.mu.
func (s *Session) failWrongNumber() {
	s.post(pairErrorRecord(fields{
		"jid": wa.JIDOrNull(s.refusedJID), "lid": nil, "bound_jid": wa.JIDOrNull(s.bound.pn), "reason": reasonWrongNumber,
		"error": "the phone belongs to another account than the session; session.connect with rebind=true pairs it all the same",
	}, s.snap.Step, 0))
	if s.feed(InputPairFailed, Details{Reason: reasonWrongNumber}, fact{}) {
		s.dropClient()
	}
}

// checkNumber rejects a phone number that the session cannot be paired with, before a pairing code is requested for it.
func (s *Session) checkNumber(number types.JID, rebind bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rebind || s.rebind || s.bound.isFor(number) {
		return nil
	}
	return &wa.Error{
		Reason: wa.ReasonConflict, Kind: wa.KindWrongNumber, Field: "phone",
		Message: "the session belongs to another number: rebind=true pairs it with this one and drops the journal, messages and contacts of the old one",
	}
}

// settleBinding binds the session to the account of its device. If Rebind allowed another account than before, the
// stored data of the old account is deleted first: messages, files, contacts, groups, pairs of phone number and LID,
// pending history, quarantined keys, and the journal, whose next event begins a new epoch. settleBinding may be
// repeated: if the process dies meanwhile, the next process calls it again before it connects.
func (s *Session) settleBinding(ctx context.Context, device, lid types.JID) error {
	if device.IsEmpty() {
		return nil
	}
	s.mu.Lock()
	bound := s.bound
	s.mu.Unlock()
	now := binding{pn: device.ToNonAD(), lid: lid.ToNonAD()}
	if now.lid.IsEmpty() && bound.pn.User == now.pn.User {
		now.lid = bound.lid
	}
	if bound == now {
		return nil
	}
	if !bound.sameAccount(now.pn, now.lid) {
		s.log().Info("the session is paired with another account; what was stored of the old one is deleted")
		if err := s.b.wipeAccount(ctx, s, now); err != nil {
			return err
		}
	}
	if err := s.b.store.bind(ctx, s.id, now); err != nil {
		return wa.StorageError("store the account of the session", err)
	}
	s.mu.Lock()
	s.bound = now
	s.mu.Unlock()
	return nil
}

// wipeAccount deletes the stored data of the session's previous account. Settings, webhooks, past deliveries and files
// in object storages stay.
func (b *Bridge) wipeAccount(ctx context.Context, s *Session, now binding) error {
	session := s.id
	held, err := b.store.quarantines(ctx, session)
	if err != nil {
		return wa.StorageError("find the keys of the old account", err)
	}
	for _, q := range held {
		if now.sameAccount(q.Device, types.EmptyJID) {
			continue
		}
		if err = b.deleteKeys(ctx, q.Device); err == nil {
			err = b.store.release(ctx, q.Device)
		}
		if err != nil {
			return wa.StorageError("delete the keys of the old account", err)
		}
	}
	if err = errors.Join(b.history.Pointers.DropAll(ctx, session), b.history.Requests.DropAll(ctx, session)); err != nil {
		return wa.StorageError("drop the history of the old account", err)
	}
	if err = b.purgeData(ctx, s.owner); err != nil {
		return wa.StorageError("delete the messages and contacts of the old account", err)
	}
	if err = b.lids.Purge(ctx, s.owner); err == nil && !now.lid.IsEmpty() { // pairing has already stored the pair of the new account
		err = b.lids.Of(s.owner).PutLIDMapping(ctx, now.lid, now.pn)
	}
	if err != nil {
		return wa.StorageError("delete the phone number pairs of the old account", err)
	}
	if err = b.journal.Purge(ctx, session); err != nil {
		return wa.StorageError("drop the journal of the old account", err)
	}
	return nil
}
