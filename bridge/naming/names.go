package naming

import (
	"context"
	"reflect"
	"strings"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/people"
	"github.com/waystation/waystation/bridge/wa"
)

// Names rewrites the chats and people of one event or result.
type Names struct {
	ctx   context.Context
	lids  store.LIDStore          // nil = no lookup
	known map[types.JID]wa.Person // address pairs in the event itself
	slots []keySlot
}

// keySlot is a field that receives the key of a person.
type keySlot struct {
	who wa.Person
	set func(key string)
}

// New returns the names of one event or result. lids looks up the other address of a person (nil = no lookup), known
// has the pairs of addresses in the event itself.
func New(ctx context.Context, lids store.LIDStore, known map[types.JID]wa.Person) *Names {
	return &Names{ctx: ctx, lids: lids, known: known}
}

// Apply rewrites the addresses in v, a pointer or a map, and collects the fields that need a key.
func (n *Names) Apply(v any) error { return n.rewriteValue(reflect.ValueOf(v)) }

// findPerson returns both addresses of a person; ok is false for other kinds of addresses.
func (n *Names) findPerson(text string) (p wa.Person, ok bool, err error) {
	if !strings.HasSuffix(text, "@"+types.DefaultUserServer) && !strings.HasSuffix(text, "@"+types.HiddenUserServer) {
		return p, false, nil
	}
	jid, err := types.ParseJID(text)
	if err != nil || jid.User == "" {
		return p, false, nil //nolint:nilerr // text that is no address stays as it is
	}
	jid = jid.ToNonAD()
	if p, seen := n.known[jid]; seen {
		return p, true, nil
	}
	if p.PN = jid; jid.Server == types.HiddenUserServer {
		p = wa.Person{LID: jid}
	}
	if n.lids == nil {
		return p, true, nil
	}
	p, err = wa.PersonOf(n.ctx, &store.Device{LIDs: n.lids}, jid)
	return p, true, err
}

// canonicalAddress returns the canonical address of a person; other addresses stay unchanged.
func (n *Names) canonicalAddress(text string) (string, error) {
	p, ok, err := n.findPerson(text)
	if err != nil || !ok {
		return text, err
	}
	return p.Address().String(), nil
}

// nameTarget receives the names and keys of an object.
type nameTarget interface {
	setChat(chat string, pn, lid *string)
	setPerson(pn, lid *string)
	setKey(field, key string)
}

func (n *Names) nameChat(text string, to nameTarget) error {
	if text == "" {
		return nil
	}
	p, ok, err := n.findPerson(text)
	if err != nil {
		return err
	}
	if !ok {
		if jid, err := types.ParseJID(text); err == nil {
			text = jid.ToNonAD().String()
		}
		to.setChat(text, nil, nil)
		to.setKey("chat_key", text)
		return nil
	}
	to.setChat(p.Address().String(), wa.JIDOrNull(p.PN), wa.JIDOrNull(p.LID))
	n.slots = append(n.slots, keySlot{p, func(key string) { to.setKey("chat_key", key) }})
	return nil
}

func (n *Names) namePerson(text string, to nameTarget) error {
	p, ok, err := n.findPerson(text)
	if err != nil || !ok {
		return err
	}
	to.setPerson(wa.JIDOrNull(p.PN), wa.JIDOrNull(p.LID))
	n.slots = append(n.slots, keySlot{p, func(key string) { to.setKey("contact_key", key) }})
	return nil
}

// FillKeys sets the collected keys and returns the aliases to announce.
func (n *Names) FillKeys(keys *people.Keys, owner string) ([]people.Join, error) {
	if len(n.slots) == 0 {
		return nil, nil
	}
	people := make([]wa.Person, len(n.slots))
	for i, slot := range n.slots {
		people[i] = slot.who
	}
	found, joined, err := keys.Keys(n.ctx, owner, people)
	if err != nil {
		return nil, err
	}
	for i, slot := range n.slots {
		slot.set(found[i])
	}
	return joined, nil
}
