package chats

import (
	"context"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// carriedLabels are the labels of chats and of the messages in them.
type carriedLabels struct {
	byChat    map[string][]string
	byMessage map[string]map[string][]string
}

// ofChat returns the labels of a chat, which may be stored under several addresses.
func (c *carriedLabels) ofChat(addresses ...string) []string {
	return contacts.LabelsOf(c.byChat, addresses...)
}

// ofMessage returns the labels of a message in a chat.
func (c *carriedLabels) ofMessage(id string, addresses ...string) []string {
	return contacts.LabelsOf(c.byMessage[id], addresses...)
}

// readLabels returns the labels of chats by their addresses: of all chats without addresses.
func (s *Service) readLabels(ctx context.Context, addresses ...string) (*carriedLabels, error) {
	var carried carriedLabels
	if s.labels == nil {
		return &carried, nil
	}
	var err error
	if carried.byChat, carried.byMessage, err = s.labels.Carried(ctx, s.owner, addresses...); err != nil {
		return nil, wa.StorageError("the labels could not be read", err)
	}
	return &carried, nil
}

// fillLabels sets the labels of the messages of a page.
func (s *Service) fillLabels(ctx context.Context, list ...*message.Message) error {
	if len(list) == 0 {
		return nil
	}
	var all []string
	byChat := map[string][]string{} // addresses of the chats, both of a person
	for _, m := range list {
		if byChat[m.Chat] != nil {
			continue
		}
		byChat[m.Chat] = []string{m.Chat}
		if jid, err := types.ParseJID(m.Chat); err == nil {
			byChat[m.Chat] = append(byChat[m.Chat], s.AddressOf(ctx, jid).Alt)
		}
		all = append(all, byChat[m.Chat]...)
	}
	carried, err := s.readLabels(ctx, all...)
	if err != nil {
		return err
	}
	for _, m := range list {
		m.LabelIDs = carried.ofMessage(m.MessageID, byChat[m.Chat]...)
	}
	return nil
}

// withLabels returns the messages of rows with their labels.
func (s *Service) withLabels(ctx context.Context, rows []*messages.Row) ([]*message.Message, error) {
	list, err := message.FromRows(rows)
	if err == nil {
		err = s.fillLabels(ctx, list...)
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}
