package statusposts

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// audience are the people who get a post, by the privacy setting of the account.
type audience struct {
	people []wa.Person
	index  map[types.JID]int // of people, by both addresses
	// fixed: whatsmeow sends to all of them, whatever the context has.
	fixed bool
}

func (a *audience) has(jid types.JID) bool {
	_, ok := a.index[jid.ToNonAD()]
	return ok
}

func (a *audience) put(p wa.Person) {
	if a.index == nil {
		a.index = map[types.JID]int{}
	}
	for _, jid := range []types.JID{p.PN, p.LID} {
		if !jid.IsEmpty() {
			a.index[jid] = len(a.people)
		}
	}
	a.people = append(a.people, p)
}

// readAudience returns the people whom the status privacy of the account includes. whatsmeow compares addresses alone, and
// would send a post to a person whose number is among the contacts and whose LID is on the list of excluded people.
func readAudience(ctx context.Context, cli *whatsmeow.Client) (all audience, err error) {
	lists, err := cli.GetStatusPrivacy(ctx)
	if err != nil {
		return all, wa.Wrap("read the status privacy", err)
	}
	listed := audience{fixed: true}
	if err := listed.addExcept(ctx, cli, lists[0].List, &all); err != nil || lists[0].Type == types.StatusPrivacyTypeWhitelist {
		return listed, err
	}
	stored, err := cli.Store.Contacts.GetAllContacts(ctx)
	if err != nil {
		return all, wa.StorageError("the contacts could not be read", err)
	}
	var contacts []types.JID
	for jid, info := range stored {
		if info.FullName != "" && wa.IsPerson(jid) {
			contacts = append(contacts, jid)
		}
	}
	slices.SortFunc(contacts, func(a, b types.JID) int { return strings.Compare(a.String(), b.String()) })
	return all, all.addExcept(ctx, cli, contacts, &listed)
}

// addExcept adds people once, whichever of their addresses are listed. It leaves out the account itself and the people of
// another audience.
func (a *audience) addExcept(ctx context.Context, cli *whatsmeow.Client, jids []types.JID, others *audience) error {
	for _, jid := range jids {
		p, err := wa.PersonOf(ctx, cli.Store, jid)
		if err != nil {
			return wa.StorageError("the addresses of a contact could not be read", err)
		}
		excluded := others.has(p.PN) || others.has(p.LID) || p.Is(cli.Store.GetJID()) || p.Is(cli.Store.GetLID())
		if !excluded && !a.has(p.PN) && !a.has(p.LID) {
			a.put(p)
		}
	}
	return nil
}

// limitTo returns those of the people whom a call names.
func (a *audience) limitTo(names []string) (*audience, error) {
	jids, err := wa.ParsePeople("audience", names)
	if err != nil || len(names) == 0 {
		return a, err
	}
	limited := &audience{}
	for i, jid := range jids {
		if !a.has(jid) {
			return nil, wa.BadParam("audience/"+strconv.Itoa(i), "is no person who sees the status posts of the account")
		}
		if !limited.has(jid) {
			limited.put(a.people[a.index[jid]])
		}
	}
	if a.fixed && len(limited.people) < len(a.people) {
		return nil, &wa.Error{Reason: wa.ReasonNotSupported, Field: "audience", Message: "the status privacy names the people who see posts; a post cannot have fewer"}
	}
	return limited, nil
}

type audienceKey struct{}

// withAudience returns a context for sending a post to people.
func withAudience(ctx context.Context, people []wa.Person) context.Context {
	return context.WithValue(ctx, audienceKey{}, people)
}

// contactStore returns the audience of the context instead of all contacts.
type contactStore struct{ store.ContactStore }

// LimitContacts wraps a store of contacts so that posts reach the people that Service.Send has chosen.
func LimitContacts(inner store.ContactStore) store.ContactStore { return &contactStore{inner} }

// GetAllContacts implements store.ContactStore.
func (s *contactStore) GetAllContacts(ctx context.Context) (map[types.JID]types.ContactInfo, error) {
	people, limited := ctx.Value(audienceKey{}).([]wa.Person)
	if !limited {
		return s.ContactStore.GetAllContacts(ctx)
	}
	all := make(map[types.JID]types.ContactInfo, len(people))
	for _, p := range people {
		all[p.Address()] = types.ContactInfo{Found: true, FullName: p.Address().User} // whatsmeow leaves out contacts without a name
	}
	return all, nil
}
