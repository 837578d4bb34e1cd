package sandbox

import (
	"slices"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// statusPrivacy is the audience of an account's status posts; the zero value includes all contacts.
type statusPrivacy struct {
	kind   types.StatusPrivacyType
	people []*account // of a whitelist or blacklist
}

// SetStatusPrivacy sets who gets the status posts of the account: contacts, or the people of a whitelist, or all contacts
// but those of a blacklist.
func (p *Phone) SetStatusPrivacy(kind types.StatusPrivacyType, people []types.JID) error {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	setting := statusPrivacy{kind: kind}
	for _, jid := range people {
		person := p.net.find(jid)
		if person == nil {
			return ErrNoAccount
		}
		setting.people = append(setting.people, person)
	}
	p.account.profile.status = setting
	return nil
}

// getStatusPrivacy lists the lists in the order of WhatsApp, the one in use marked.
func (n *Network) getStatusPrivacy(r *request) ([]waBinary.Node, error) {
	setting := r.device.account.profile.status
	if setting.kind == "" {
		setting.kind = types.StatusPrivacyTypeContacts
	}
	var lists []waBinary.Node
	for _, kind := range []types.StatusPrivacyType{types.StatusPrivacyTypeContacts, types.StatusPrivacyTypeBlacklist, types.StatusPrivacyTypeWhitelist} {
		list := waBinary.Node{Tag: "list", Attrs: waBinary.Attrs{"type": string(kind)}}
		if kind == setting.kind {
			list.Attrs["default"] = "true"
			var users []waBinary.Node
			for _, person := range setting.people {
				users = append(users, waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": person.lid}})
			}
			list.Content = users
		} else if kind != types.StatusPrivacyTypeContacts {
			continue
		}
		lists = append(lists, list)
	}
	return []waBinary.Node{{Tag: "privacy", Content: lists}}, nil
}

// getsStatusOf reports whether the status privacy of an account allows another account to get its posts. The network does not
// have the address book that is on the phone.
func (a *account) getsStatusOf(author *account) bool {
	switch setting := &author.profile.status; setting.kind {
	case types.StatusPrivacyTypeWhitelist:
		return a == author || slices.Contains(setting.people, a)
	case types.StatusPrivacyTypeBlacklist:
		return !slices.Contains(setting.people, a)
	}
	return true
}
