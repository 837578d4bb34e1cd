package contacts

import (
	"context"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/statepatch"
	"github.com/waystation/waystation/bridge/wa"
)

const (
	maxContactName = 100 // characters
	// contactActionVersion is the number WhatsApp gives to this kind of entry.
	contactActionVersion = 2
)

// ContactSave is an entry of the address book.
type ContactSave struct {
	Contact     string
	FullName    string
	FirstName   string // empty = first word of FullName
	SaveOnPhone bool   // also into the phone's own address book
}

// Save adds a person to the account's address book, or renames the person, on all devices of the account.
func (s *Service) Save(ctx context.Context, save ContactSave) (*Contact, error) {
	jid, err := wa.ParsePerson("contact", save.Contact)
	if err != nil {
		return nil, err
	}
	save.FullName, save.FirstName = strings.TrimSpace(save.FullName), strings.TrimSpace(save.FirstName)
	if err := wa.CheckText("full_name", save.FullName, 1, maxContactName); err != nil {
		return nil, err
	}
	if err := wa.CheckText("first_name", save.FirstName, 0, maxContactName); err != nil {
		return nil, err
	}
	if save.FirstName == "" {
		save.FirstName = strings.Fields(save.FullName)[0]
	}
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	who, err := wa.PersonOf(ctx, client.Store, jid)
	if err != nil {
		return nil, err
	}
	action := &waSyncAction.ContactAction{
		FullName: &save.FullName, FirstName: &save.FirstName, SaveOnPrimaryAddressbook: &save.SaveOnPhone,
		LidJID: wa.JIDOrNull(who.LID), PnJID: wa.JIDOrNull(who.PN),
	}
	err = s.conn.WriteAppState(ctx, "save the contact", appstate.PatchInfo{
		Type: appstate.WAPatchCriticalUnblockLow,
		Mutations: []appstate.MutationInfo{{
			Index: []string{appstate.IndexContact, who.Address().String()}, Version: contactActionVersion,
			Value: &waSyncAction.SyncActionValue{ContactAction: action},
		}},
	})
	if err != nil {
		return nil, err
	}
	contact, err := ReadStored(ctx, client.Store, who.Address())
	if err != nil {
		return nil, err
	}
	return &contact, s.FillLabels(ctx, &contact)
}

// Remove removes a person from the account's address book, on all devices of the account. removed is false if the book has no such entry.
func (s *Service) Remove(ctx context.Context, contact string) (removed bool, err error) {
	client, who, err := s.livePerson(ctx, contact)
	if err != nil {
		return false, err
	}
	before, err := ReadStored(ctx, client.Store, who.Address())
	if err != nil {
		return false, err
	}
	// The contact may have been saved under the number or under the LID.
	for _, address := range []types.JID{who.PN, who.LID} {
		if address.IsEmpty() {
			continue
		}
		found, err := s.conn.RemoveAppState(ctx, "remove the contact", appstate.WAPatchCriticalUnblockLow, statepatch.Entry{
			Index: []string{appstate.IndexContact, address.String()}, Version: contactActionVersion,
			Value: &waSyncAction.SyncActionValue{ContactAction: &waSyncAction.ContactAction{FullName: proto.String("")}},
		})
		if err != nil {
			return false, err
		}
		removed = removed || found
	}
	if !removed && before.IsSaved {
		return false, wa.NewError(wa.ReasonNotSupported, "the contact was saved under an earlier key of the account; remove it on the phone")
	}
	return removed, forgetName(ctx, client.Store, who)
}

// forgetName clears the names in the store, because whatsmeow ignores removals.
func forgetName(ctx context.Context, device *store.Device, who wa.Person) error {
	if !who.PN.IsEmpty() {
		if err := device.Contacts.PutContactName(ctx, who.PN, "", ""); err != nil {
			return wa.StorageError("the contact was removed but its stored name was not", err)
		}
	}
	if !who.LID.IsEmpty() {
		if err := device.Contacts.PutContactName(ctx, who.LID, "", ""); err != nil {
			return wa.StorageError("the contact was removed but its stored name was not", err)
		}
	}
	return nil
}

// SetBlocked blocks or unblocks people one after the other and returns their addresses. It stops at the first refusal, which names the person;
// earlier changes stay.
func (s *Service) SetBlocked(ctx context.Context, contacts []string, blocked bool) ([]string, error) {
	client, jids, err := s.livePeople(contacts)
	if err != nil {
		return nil, err
	}
	action := events.BlocklistChangeActionUnblock
	if blocked {
		action = events.BlocklistChangeActionBlock
	}
	changed := make([]string, len(jids))
	for i, jid := range jids {
		// Blocking needs the LID; whatsmeow returns an untyped error for an unknown number.
		who, err := s.findLID(ctx, client, "contacts/"+itoa(i), jid)
		if err != nil {
			return nil, err
		}
		if _, err := client.UpdateBlocklist(ctx, jid, action); err != nil {
			return nil, wa.NameField("contacts/"+itoa(i), wa.Wrap("change the block list", err))
		}
		changed[i] = who.Address().String()
	}
	return changed, nil
}

// findLID returns a person with the LID, which it asks WhatsApp for if the store has none.
func (s *Service) findLID(ctx context.Context, client *whatsmeow.Client, field string, jid types.JID) (wa.Person, error) {
	who, err := wa.PersonOf(ctx, client.Store, jid)
	if err != nil || !who.LID.IsEmpty() {
		return who, err
	}
	answers, err := client.GetUserInfo(ctx, []types.JID{jid})
	if err != nil {
		return wa.Person{}, wa.Wrap("ask for the person", err)
	}
	who.LID = answers[jid].LID.ToNonAD()
	if who.LID.IsEmpty() {
		return wa.Person{}, &wa.Error{Reason: wa.ReasonNotFound, Field: field, Message: "is not on WhatsApp"}
	}
	s.SeePairs(ctx, who.Pair())
	return who, nil
}

// ListBlocked asks WhatsApp for the blocked people.
func (s *Service) ListBlocked(ctx context.Context) ([]Contact, error) {
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	list, err := client.GetBlocklist(ctx)
	if err != nil {
		return nil, wa.Wrap("read the block list", err)
	}
	yes := true
	contacts := make([]Contact, len(list.JIDs))
	for i, jid := range list.JIDs {
		if contacts[i], err = ReadStored(ctx, client.Store, jid); err != nil {
			return nil, err
		}
		contacts[i].IsBlocked = &yes
	}
	return s.withLabels(ctx, contacts)
}
