package chats

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// AddressOf returns the address of a chat in the store, with both addresses of a person if they are known.
func (s *Service) AddressOf(ctx context.Context, chat types.JID) messages.Address {
	address := messages.Address{JID: chat.String()}
	if !wa.IsPerson(chat) {
		return address
	}
	device, err := s.conn.Paired(ctx)
	if err != nil {
		return address
	}
	// Without a pair the chat is found under its one address.
	if who, err := wa.PersonOf(ctx, device, chat); err == nil {
		address.Alt = wa.OtherAddress(address.JID, wa.JIDOrNull(who.PN), wa.JIDOrNull(who.LID))
	}
	return address
}

// FindMessage returns a stored message; chat may be empty if the id is unique.
func (s *Service) FindMessage(ctx context.Context, chat, id string) (*messages.Row, error) {
	var address messages.Address
	if chat != "" {
		jid, err := wa.ParseJID("chat", chat)
		if err != nil {
			return nil, err
		}
		address = s.AddressOf(ctx, jid)
	}
	row, err := s.store.Message(ctx, s.owner, address, id)
	switch {
	case errors.Is(err, messages.ErrNotFound):
		return nil, &wa.Error{Reason: wa.ReasonNotFound, Field: "message_id", Message: "there is no such message"}
	case errors.Is(err, messages.ErrAmbiguous):
		return nil, wa.BadParam("chat", "is needed: the message id occurs in several chats")
	case err != nil:
		return nil, wa.StorageError("the message could not be read", err)
	}
	return row, nil
}

// GetMessage returns a stored message.
func (s *Service) GetMessage(ctx context.Context, chat, id string, includeRaw bool) (*message.Message, error) {
	m, err := s.readMessage(ctx, chat, id, includeRaw)
	if err != nil {
		return nil, err
	}
	return m, s.fillLabels(ctx, m)
}

// readMessage returns a stored message without its labels.
func (s *Service) readMessage(ctx context.Context, chat, id string, includeRaw bool) (*message.Message, error) {
	row, err := s.FindMessage(ctx, chat, id)
	if err != nil {
		return nil, err
	}
	return message.FromRow(row, includeRaw)
}

// MessageQuery selects messages of a chat.
type MessageQuery struct {
	Chat   string
	Limit  int
	Before string // message id; empty = the newest
	Since  time.Time
	FromMe *bool
}

// ListMessages returns a page of a chat, oldest first.
func (s *Service) ListMessages(ctx context.Context, q MessageQuery) (list []*message.Message, more bool, err error) {
	chat, err := wa.ParseJID("chat", q.Chat)
	if err != nil {
		return nil, false, err
	}
	rows, more, err := s.store.List(ctx, s.owner, messages.ListQuery{
		Chat: s.AddressOf(ctx, chat), Limit: q.Limit, Before: q.Before, Since: q.Since, FromMe: q.FromMe,
	})
	if errors.Is(err, messages.ErrNotFound) {
		return nil, false, &wa.Error{Reason: wa.ReasonNotFound, Field: "before_message_id", Message: "there is no such message in the chat"}
	}
	if err != nil {
		return nil, false, wa.StorageError("the messages could not be read", err)
	}
	list, err = s.withLabels(ctx, rows)
	return list, more, err
}

// MessageSearch selects messages of a session.
type MessageSearch struct {
	Text   string // empty = all
	Chat   string // empty = everywhere
	Type   string // empty = any
	FromMe *bool
	Limit  int
	Offset int
}

// SearchMessages returns a page of matches, newest first, and how many there are.
func (s *Service) SearchMessages(ctx context.Context, q MessageSearch) (list []*message.Message, total int, err error) {
	search := messages.SearchQuery{Text: q.Text, Type: q.Type, FromMe: q.FromMe, Limit: q.Limit, Offset: q.Offset}
	if q.Chat != "" {
		chat, err := wa.ParseJID("chat", q.Chat)
		if err != nil {
			return nil, 0, err
		}
		search.Chat = s.AddressOf(ctx, chat)
	}
	rows, total, err := s.store.Search(ctx, s.owner, search)
	if err != nil {
		return nil, 0, wa.StorageError("the messages could not be searched", err)
	}
	list, err = s.withLabels(ctx, rows)
	return list, total, err
}

// GetQuoted returns the message that a stored message quotes, or nil. If the original is not stored, the result is made from the quote.
func (s *Service) GetQuoted(ctx context.Context, chat, id string) (*message.Message, error) {
	row, err := s.FindMessage(ctx, chat, id)
	if err != nil {
		return nil, err
	}
	m, err := message.FromRow(row, false)
	if err != nil || m.Quoted == nil {
		return nil, err
	}
	if original, err := s.GetMessage(ctx, m.Quoted.Chat, m.Quoted.MessageID, false); err == nil {
		return original, nil
	} else if wa.ReasonOf(err) != wa.ReasonNotFound {
		return nil, err
	}
	content, err := message.ContentOfRow(row)
	if err != nil {
		return nil, err
	}
	quoted := message.WithoutEnvelopes(message.ContextOf(content).GetQuotedMessage())
	sender, _ := types.ParseJID(m.Quoted.Sender) // an unreadable one stays empty
	chatJID, _ := types.ParseJID(m.Quoted.Chat)
	info := &types.MessageInfo{ID: m.Quoted.MessageID, MessageSource: types.MessageSource{Chat: chatJID, Sender: sender}}
	return message.NewMessage(info, quoted), nil
}

// MessageReceipts are the recipients of an own message by the state of their receipts.
type MessageReceipts struct {
	Delivered          []MessageReceipt `json:"delivered" doc:"who got it"`
	Read               []MessageReceipt `json:"read" doc:"who read it"`
	Played             []MessageReceipt `json:"played" doc:"who played it"`
	DeliveredRemaining *int             `json:"delivered_remaining" doc:"still missing"`
	ReadRemaining      *int             `json:"read_remaining" doc:"still missing"`
	PlayedRemaining    *int             `json:"played_remaining" doc:"still missing"`
}

// MessageReceipt is the receipt of one person.
type MessageReceipt struct {
	Contact    string    `json:"contact" doc:"the person"`
	ContactKey *string   `json:"contact_key" doc:"stable key of the person"`
	At         time.Time `json:"at" doc:"when"`
}

// ListReceipts returns the receipts of an own message; nil for messages of others.
func (s *Service) ListReceipts(ctx context.Context, chat, id string) (*MessageReceipts, error) {
	row, err := s.FindMessage(ctx, chat, id)
	if err != nil || !row.FromMe {
		return nil, err
	}
	times, err := s.store.Receipts(ctx, row)
	if err != nil {
		return nil, wa.StorageError("the receipts could not be read", err)
	}
	out := &MessageReceipts{Delivered: []MessageReceipt{}, Read: []MessageReceipt{}, Played: []MessageReceipt{}}
	for _, t := range times {
		contact := t.Recipient
		if jid, err := types.ParseJID(contact); err == nil {
			contact = s.AddressOf(ctx, jid).Preferred()
		}
		for _, part := range []struct {
			list *[]MessageReceipt
			at   time.Time
		}{{&out.Delivered, t.Delivered}, {&out.Read, t.Read}, {&out.Played, t.Played}} {
			if !part.at.IsZero() {
				*part.list = append(*part.list, MessageReceipt{Contact: contact, At: part.at})
			}
		}
	}
	if row.Recipients > 0 {
		out.DeliveredRemaining = countRemaining(row.Recipients, out.Delivered)
		out.ReadRemaining = countRemaining(row.Recipients, out.Read)
		out.PlayedRemaining = countRemaining(row.Recipients, out.Played)
	}
	return out, nil
}

func countRemaining(of int, have []MessageReceipt) *int {
	n := max(0, of-len(have))
	return &n
}

// ListMentions returns the contacts a message mentions.
func (s *Service) ListMentions(ctx context.Context, chat, id string) ([]contacts.Contact, error) {
	m, err := s.readMessage(ctx, chat, id, false)
	if err != nil {
		return nil, err
	}
	device, err := s.conn.Paired(ctx)
	if err != nil {
		return nil, err
	}
	out := []contacts.Contact{}
	for _, mention := range m.Mentions {
		jid, err := types.ParseJID(mention)
		if err != nil || !wa.IsPerson(jid) {
			continue
		}
		contact, err := contacts.ReadStored(ctx, device, jid)
		if err != nil {
			return nil, err
		}
		if err = s.contacts.FillLabels(ctx, &contact); err != nil {
			return nil, err
		}
		out = append(out, contact)
	}
	return out, nil
}
