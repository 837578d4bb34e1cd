package bridge

import (
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// who completes a person's addresses and adds pn, lid and contact_key to the
// data. It returns the addresses a chat filter should match.
func (t *translation) who(data fields, jids ...types.JID) (person, error) {
	p, err := t.person(jids...)
	if err != nil {
		return p, err
	}
	key, err := t.key(p)
	if err != nil {
		return p, err
	}
	data["pn"], data["lid"], data["contact_key"] = jidOrNull(p.pn), jidOrNull(p.lid), orNull(key)
	return p, nil
}

// person puts the known addresses of one person together; what is missing is
// looked up.
func (t *translation) person(jids ...types.JID) (person, error) {
	var p person
	for _, jid := range jids {
		jid = jid.ToNonAD()
		switch jid.Server {
		case types.DefaultUserServer:
			p.pn = jid
		case types.HiddenUserServer:
			p.lid = jid
		}
	}
	if !p.pn.IsEmpty() && !p.lid.IsEmpty() {
		if t.known == nil {
			t.known = make(map[types.JID]person)
		}
		t.known[p.pn], t.known[p.lid] = p, p
		// whatsmeow stores the pairs that come with messages; those of calls, receipts and the like count as well.
		if lids := t.addressBook(); lids != nil {
			if err := lids.PutLIDMapping(t.ctx, p.lid, p.pn); err != nil {
				return p, fmt.Errorf("bridge: store phone number of LID: %w", err)
			}
		}
		return p, nil
	}
	if p.pn.IsEmpty() && p.lid.IsEmpty() {
		return p, nil
	}
	lids := t.addressBook()
	if lids == nil {
		return p, nil
	}
	return personOf(t.ctx, &store.Device{LIDs: lids}, p.contact())
}

// addressBook knows which LID and phone number are one person; nil = there is none.
func (t *translation) addressBook() store.LIDStore {
	if t.cli != nil && t.cli.Store != nil {
		return t.cli.Store.LIDs
	}
	return t.lids
}

// key gives the contact key; a join of two keys becomes an Alias event.
func (t *translation) key(p person) (string, error) {
	key, joined, err := t.s.b.keys.of(t.ctx, t.s.owner, p)
	if err != nil || joined == nil {
		return key, err
	}
	return key, t.emitAlias(p, joined)
}

// emitAlias announces that two keys meant one person.
func (t *translation) emitAlias(p person, joined *alias) error {
	return t.emit("Alias", time.Time{}, "", addresses(p), fields{
		"pn": jidOrNull(p.pn), "lid": jidOrNull(p.lid), "contact_key": joined.Key, "replaced_contact_key": joined.Replaced,
	})
}

// addresses lists what a chat filter may name.
func addresses(p person) []string {
	var out []string
	for _, jid := range []types.JID{p.pn, p.lid} {
		if !jid.IsEmpty() {
			out = append(out, jid.String())
		}
	}
	return out
}

// chatAddresses lists the addresses of a chat: both of a person's, or the one
// of a group.
func (t *translation) chatAddresses(chat types.JID, alt types.JID) ([]string, error) {
	switch chat.Server {
	case types.DefaultUserServer, types.HiddenUserServer:
		p, err := t.person(chat, alt)
		return addresses(p), err
	}
	if chat.IsEmpty() {
		return nil, nil
	}
	return []string{chat.ToNonAD().String()}, nil
}

// canonical gives a chat or sender one spelling for dedupe keys, whichever of
// its addresses WhatsApp used this time.
func (t *translation) canonical(jid types.JID, alt types.JID) (string, error) {
	switch jid.Server {
	case types.DefaultUserServer, types.HiddenUserServer:
		p, err := t.person(jid, alt)
		if err != nil {
			return "", err
		}
		return t.key(p)
	}
	return jid.ToNonAD().String(), nil
}
