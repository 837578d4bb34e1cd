package contacts

import (
	"context"
	"slices"

	"github.com/waystation/waystation/bridge/wa"
)

// maxLabelLookups is the number of contacts up to which their labels are looked up by address; for more, those of all chats are read.
const maxLabelLookups = 50

// LabelsOf returns the labels of a chat, which may be stored under several addresses, among those of chats by address.
func LabelsOf(labels map[string][]string, addresses ...string) []string {
	ids := []string{}
	for _, address := range addresses {
		if address != "" {
			ids = append(ids, labels[address]...)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// addresses returns the addresses of a person.
func (c *Contact) addresses() []string {
	if c.LID == nil || *c.LID == c.Contact {
		return []string{c.Contact}
	}
	return []string{c.Contact, *c.LID}
}

// FillLabels sets the labels of contacts: those of their chats.
func (s *Service) FillLabels(ctx context.Context, contacts ...*Contact) error {
	if s.labels == nil || len(contacts) == 0 {
		return nil
	}
	var chats []string
	if len(contacts) <= maxLabelLookups {
		for _, contact := range contacts {
			chats = append(chats, contact.addresses()...)
		}
	}
	labels, err := s.labels.ChatLabels(ctx, s.owner, chats...)
	if err != nil {
		return wa.StorageError("the labels could not be read", err)
	}
	for _, contact := range contacts {
		contact.LabelIDs = LabelsOf(labels, contact.addresses()...)
	}
	return nil
}

// withLabels returns contacts with their labels.
func (s *Service) withLabels(ctx context.Context, contacts []Contact) ([]Contact, error) {
	pointers := make([]*Contact, len(contacts))
	for i := range contacts {
		pointers[i] = &contacts[i]
	}
	if err := s.FillLabels(ctx, pointers...); err != nil {
		return nil, err
	}
	return contacts, nil
}
