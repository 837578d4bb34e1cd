package contacts

import (
	"cmp"
	"context"
	"slices"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// Contact is the data a session has of a person. Null means not known.
type Contact struct {
	Contact      string   `json:"contact" doc:"phone JID, or the LID when the number is unknown"`
	LID          *string  `json:"lid" doc:"LID"`
	ContactKey   *string  `json:"contact_key" doc:"stable key of the person"`
	PhoneNumber  *string  `json:"phone_number" doc:"digits"`
	Name         string   `json:"name" doc:"best name: full, business, push or number"`
	FullName     *string  `json:"full_name" doc:"from the address book"`
	FirstName    *string  `json:"first_name" doc:"from the address book"`
	PushName     *string  `json:"push_name" doc:"chosen by the person"`
	BusinessName *string  `json:"business_name" doc:"business name"`
	VerifiedName *string  `json:"verified_name" doc:"verified business name"`
	IsBusiness   *bool    `json:"is_business" doc:"business account"`
	IsEnterprise *bool    `json:"is_enterprise" doc:"large business account"`
	IsSaved      bool     `json:"is_saved" doc:"in the address book"`
	IsBlocked    *bool    `json:"is_blocked" doc:"blocked"`
	IsSelf       bool     `json:"is_self" doc:"the own account"`
	IsRegistered *bool    `json:"is_registered" doc:"on WhatsApp as far as known"`
	LabelIDs     []string `json:"label_ids" doc:"labels"`
	PictureURL   *string  `json:"picture_url" doc:"when known"`
}

// newContact merges what is stored under the two addresses of a person.
func newContact(device *store.Device, p wa.Person, infos ...types.ContactInfo) Contact {
	var known types.ContactInfo
	for _, info := range infos {
		known.FullName = cmp.Or(known.FullName, info.FullName)
		known.FirstName = cmp.Or(known.FirstName, info.FirstName)
		known.PushName = cmp.Or(known.PushName, info.PushName)
		known.BusinessName = cmp.Or(known.BusinessName, info.BusinessName)
		known.RedactedPhone = cmp.Or(known.RedactedPhone, info.RedactedPhone)
	}
	contact := Contact{
		Contact:      p.Address().String(),
		LID:          wa.JIDOrNull(p.LID),
		PhoneNumber:  p.PhoneNumber(),
		FullName:     wa.OrNull(known.FullName),
		FirstName:    wa.OrNull(known.FirstName),
		PushName:     wa.OrNull(known.PushName),
		BusinessName: wa.OrNull(known.BusinessName),
		// WhatsApp's business names come from verified certificates only.
		VerifiedName: wa.OrNull(known.BusinessName),
		IsSaved:      known.FullName != "" || known.FirstName != "",
		IsSelf:       p.Is(device.GetJID()) || p.Is(device.GetLID()),
		LabelIDs:     []string{},
	}
	if known.BusinessName != "" {
		yes := true
		contact.IsBusiness = &yes
	}
	number := p.Address().User
	if p.PN.IsEmpty() {
		number = cmp.Or(known.RedactedPhone, number)
	}
	contact.Name = cmp.Or(known.FullName, known.FirstName, known.BusinessName, known.PushName, number)
	return contact
}

// ReadStored reads one person from the device store, without labels.
func ReadStored(ctx context.Context, device *store.Device, jid types.JID) (Contact, error) {
	p, err := wa.PersonOf(ctx, device, jid)
	if err != nil {
		return Contact{}, err
	}
	var infos []types.ContactInfo
	for _, address := range []types.JID{p.PN, p.LID} {
		if address.IsEmpty() {
			continue
		}
		info, err := device.Contacts.GetContact(ctx, address)
		if err != nil {
			return Contact{}, wa.StorageError("the contact could not be read", err)
		}
		infos = append(infos, info)
	}
	return newContact(device, p, infos...), nil
}

// List returns the known people, sorted by address, from the store alone. savedOnly limits the result to the address book.
func (s *Service) List(ctx context.Context, savedOnly bool) ([]Contact, error) {
	device, err := s.conn.Paired(ctx)
	if err != nil {
		return nil, err
	}
	stored, err := device.Contacts.GetAllContacts(ctx)
	if err != nil {
		return nil, wa.StorageError("the contacts could not be read", err)
	}
	people, err := mergePeople(ctx, device, stored)
	if err != nil {
		return nil, err
	}
	contacts := make([]Contact, 0, len(people))
	for p, infos := range people {
		contact := newContact(device, p, infos...)
		if !savedOnly || contact.IsSaved {
			contacts = append(contacts, contact)
		}
	}
	slices.SortFunc(contacts, func(a, b Contact) int { return cmp.Compare(a.Contact, b.Contact) })
	return s.withLabels(ctx, contacts)
}

// mergePeople joins the entries of each person, which may be under phone number and LID.
func mergePeople(ctx context.Context, device *store.Device, stored map[types.JID]types.ContactInfo) (map[wa.Person][]types.ContactInfo, error) {
	people := make(map[wa.Person][]types.ContactInfo, len(stored))
	for jid := range stored {
		if jid.Server != types.DefaultUserServer && jid.Server != types.HiddenUserServer {
			continue
		}
		p, err := wa.PersonOf(ctx, device, jid)
		if err != nil {
			return nil, err
		}
		if people[p] != nil {
			continue
		}
		// Entries under the phone number win over those under the LID.
		for _, address := range []types.JID{p.PN, p.LID} {
			if info, known := stored[address]; known && !address.IsEmpty() {
				people[p] = append(people[p], info)
			}
		}
	}
	return people, nil
}
