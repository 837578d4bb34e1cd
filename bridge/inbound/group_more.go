package inbound

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
)

// moreGroupChanges are the group notifications (w:gp2) that whatsmeow passes on unparsed, by tag. Each function adds
// the change to the event.
var moreGroupChanges = map[string]func(t *Translation, data fields, change *waBinary.Node) error{
	"created_membership_requests": func(t *Translation, data fields, change *waBinary.Node) error {
		data["join_request_method"] = wa.OrNull(change.AttrGetter().OptionalString("request_method"))
		return t.changedPeople(data, "join_requests", change)
	},
	"revoked_membership_requests": func(t *Translation, data fields, change *waBinary.Node) error {
		return t.changedPeople(data, "revoked_join_requests", change)
	},
	"growth_locked": func(_ *Translation, data fields, change *waBinary.Node) error {
		data["growth_locked"] = true
		data["growth_locked_type"] = wa.OrNull(change.AttrGetter().OptionalString("type"))
		data["growth_locked_until"] = wa.TimeOrNull(change.AttrGetter().OptionalUnixTime("expiration"))
		return nil
	},
	"growth_unlocked": func(_ *Translation, data fields, _ *waBinary.Node) error {
		data["growth_locked"] = false
		return nil
	},
	"member_link_mode": func(_ *Translation, data fields, change *waBinary.Node) error {
		data["member_link_mode"] = wa.NodeText(change)
		return nil
	},
	"member_add_mode": func(_ *Translation, data fields, change *waBinary.Node) error {
		data["member_add_mode"] = wa.NodeText(change)
		return nil
	},
	"modify": func(t *Translation, data fields, change *waBinary.Node) error {
		return t.changedPeople(data, "modified", change)
	},
}

// moreChanges adds the changes that whatsmeow did not parse to the data. A change without a row in moreGroupChanges is
// listed in unknown_changes.
func (t *Translation) moreChanges(data fields, evt *events.GroupInfo) error {
	for _, change := range evt.UnknownChanges {
		read := moreGroupChanges[change.Tag]
		if read == nil {
			names, _ := data["unknown_changes"].([]string)
			data["unknown_changes"] = append(names, change.Tag)
			continue
		}
		if err := read(t, data, change); err != nil {
			return err
		}
	}
	return nil
}

// changedPeople adds the people in the children of a change.
func (t *Translation) changedPeople(data fields, name string, change *waBinary.Node) error {
	list := []eventPerson{}
	for _, child := range change.GetChildren() {
		attrs := child.AttrGetter()
		jid := attrs.OptionalJIDOrEmpty("jid")
		if jid.IsEmpty() {
			continue
		}
		jids := []types.JID{jid}
		for _, other := range []string{"phone_number", "lid"} {
			if alt := attrs.OptionalJIDOrEmpty(other); !alt.IsEmpty() {
				jids = append(jids, alt)
			}
		}
		p, err := t.Person(jids...)
		if err != nil {
			return err
		}
		list = append(list, eventPerson{Contact: p.Address().String(), PN: wa.JIDOrNull(p.PN), LID: wa.JIDOrNull(p.LID)})
	}
	known, _ := data[name].([]eventPerson)
	data[name] = append(known, list...)
	return nil
}
