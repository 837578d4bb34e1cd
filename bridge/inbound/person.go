package inbound

import (
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/people"
	"github.com/waystation/waystation/bridge/wa"
)

// who resolves a person's addresses and adds pn, lid and contact_key to the data. It returns the addresses that a chat
// filter should match.
func (t *Translation) who(data fields, jids ...types.JID) (wa.Person, error) {
	p, err := t.Person(jids...)
	if err != nil {
		return p, err
	}
	key, err := t.key(p)
	if err != nil {
		return p, err
	}
	data["pn"], data["lid"], data["contact_key"] = wa.JIDOrNull(p.PN), wa.JIDOrNull(p.LID), wa.OrNull(key)
	return p, nil
}

// Person combines the given addresses of one person and looks up the missing one.
func (t *Translation) Person(jids ...types.JID) (wa.Person, error) {
	var p wa.Person
	for _, jid := range jids {
		jid = jid.ToNonAD()
		switch jid.Server {
		case types.DefaultUserServer:
			p.PN = jid
		case types.HiddenUserServer:
			p.LID = jid
		}
	}
	if !p.PN.IsEmpty() && !p.LID.IsEmpty() {
		if t.known == nil {
			t.known = make(map[types.JID]wa.Person)
		}
		t.known[p.PN], t.known[p.LID] = p, p
		// whatsmeow stores the pairs in messages; pairs in calls, receipts and other events are stored here.
		if lids := t.addressBook(); lids != nil {
			if err := lids.PutLIDMapping(t.ctx, p.LID, p.PN); err != nil {
				return p, fmt.Errorf("bridge: store phone number of LID: %w", err)
			}
		}
		return p, nil
	}
	if p.PN.IsEmpty() && p.LID.IsEmpty() {
		return p, nil
	}
	lids := t.addressBook()
	if lids == nil {
		return p, nil
	}
	return wa.PersonOf(t.ctx, &store.Device{LIDs: lids}, p.Address())
}

// addressBook returns the store that maps LIDs to phone numbers; nil = there is none.
func (t *Translation) addressBook() store.LIDStore {
	if t.cli != nil && t.cli.Store != nil {
		return t.cli.Store.LIDs
	}
	return t.lids
}

// key returns the contact key. If two keys are merged, it emits an Alias event.
func (t *Translation) key(p wa.Person) (string, error) {
	key, joined, err := t.service.shared.Keys.Key(t.ctx, t.service.owner, p)
	if err != nil || joined == nil {
		return key, err
	}
	return key, t.emitAlias(p, joined)
}

// emitAlias emits the event that two keys belong to one person.
func (t *Translation) emitAlias(p wa.Person, joined *people.Alias) error {
	return t.Emit("Alias", time.Time{}, "", Addresses(p), fields{
		"pn": wa.JIDOrNull(p.PN), "lid": wa.JIDOrNull(p.LID), "contact_key": joined.Key, "replaced_contact_key": joined.Replaced,
	})
}

// Addresses lists the addresses by which a chat filter may refer to a person.
func Addresses(p wa.Person) []string {
	var out []string
	for _, jid := range []types.JID{p.PN, p.LID} {
		if !jid.IsEmpty() {
			out = append(out, jid.String())
		}
	}
	return out
}

// chatAddresses lists the addresses of a chat: both addresses of a person, or the address of a group.
func (t *Translation) chatAddresses(chat types.JID, alt types.JID) ([]string, error) {
	switch chat.Server {
	case types.DefaultUserServer, types.HiddenUserServer:
		p, err := t.Person(chat, alt)
		return Addresses(p), err
	}
	if chat.IsEmpty() {
		return nil, nil
	}
	return []string{chat.ToNonAD().String()}, nil
}

// canonical returns one spelling of a chat or sender for dedupe keys, regardless of which of its addresses WhatsApp
// used.
func (t *Translation) canonical(jid types.JID, alt types.JID) (string, error) {
	switch jid.Server {
	case types.DefaultUserServer, types.HiddenUserServer:
		p, err := t.Person(jid, alt)
		if err != nil {
			return "", err
		}
		return t.key(p)
	}
	return jid.ToNonAD().String(), nil
}
