package message

import (
	"encoding/json"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// FromRow returns the result object of a stored message: its content with later
// changes.
func FromRow(row *messages.Row, includeRaw bool) (*Message, error) {
	m := &Message{Mentions: []string{}, Contacts: []MessageContact{}, LabelIDs: []string{}}
	if len(row.Body) > 0 {
		if err := json.Unmarshal(row.Body, m); err != nil {
			return nil, wa.StorageError("the stored message cannot be read", err)
		}
	}
	m.MessageID, m.Chat, m.Sender, m.FromMe = row.ID, row.Chat, row.Sender.Preferred(), row.FromMe
	m.Timestamp, m.Type, m.Text, m.Starred = row.Time, row.Type, wa.OrNull(row.Text), row.Starred
	m.Status = wa.OrNull(row.Status.String())
	m.EditedAt, m.DeletedAt = wa.TimeOrNull(row.EditedAt), wa.TimeOrNull(row.DeletedAt)
	if row.ServerID != 0 {
		id := int(row.ServerID)
		m.ServerID = &id
	}
	m.Reactions = make([]Reaction, len(row.Reactions))
	for i, r := range row.Reactions {
		m.Reactions[i] = Reaction{Sender: r.Sender, Emoji: r.Emoji, Timestamp: r.At}
	}
	if m.Media != nil {
		m.Media.MediaID = wa.OrNull(row.MediaID)
	}
	if m.Poll != nil && m.Type == typePoll { // a result has the votes in its content
		countVotes(m.Poll, row.Votes)
	}
	if m.Event != nil && m.Type == typeEvent {
		m.Event.Responses = countResponses(row.Votes)
	}
	if m.DeletedAt != nil {
		forgetContent(m)
	}
	if includeRaw && len(row.Raw) > 0 {
		content, err := ContentOfRow(row)
		if err != nil {
			return nil, err
		}
		if m.Raw, err = wa.ProtoJSON(content); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func countVotes(poll *MessagePoll, votes []messages.Vote) {
	for i := range poll.Options {
		poll.Options[i].VoteCount = 0
		for _, vote := range votes {
			for _, chosen := range vote.Options {
				if chosen == poll.Options[i].Text {
					poll.Options[i].VoteCount++
				}
			}
		}
	}
}

// countResponses counts the answers to an event, which are stored as votes with one option.
func countResponses(votes []messages.Vote) (counts EventResponses) {
	for _, vote := range votes {
		for _, response := range vote.Options {
			switch response {
			case ResponseGoing:
				counts.Going++
			case ResponseNotGoing:
				counts.NotGoing++
			case ResponseMaybe:
				counts.Maybe++
			}
		}
	}
	return counts
}

// forgetContent leaves of a revoked message only that there was one.
func forgetContent(m *Message) {
	m.Text, m.Media, m.Quoted, m.Location, m.Poll, m.Event = nil, nil, nil, nil, nil, nil
	m.Order, m.Payment, m.GroupInvite, m.Interactive, m.Selection, m.Raw = nil, nil, nil, nil, nil, nil
	m.Album, m.Call, m.Product, m.StickerPack, m.NewsletterInvite = nil, nil, nil, nil, nil
	m.Contacts, m.Mentions, m.Reactions = []MessageContact{}, []string{}, []Reaction{}
}

// ContentOfRow decodes the protobuf of a stored message.
func ContentOfRow(row *messages.Row) (*waE2E.Message, error) {
	var content waE2E.Message
	if err := proto.Unmarshal(row.Raw, &content); err != nil {
		return nil, wa.StorageError("the stored message cannot be read", err)
	}
	return &content, nil
}

// FromRows returns the messages of stored rows, without their raw content.
func FromRows(rows []*messages.Row) ([]*Message, error) {
	out := make([]*Message, len(rows))
	for i, row := range rows {
		m, err := FromRow(row, false)
		if err != nil {
			return nil, err
		}
		out[i] = m
	}
	return out, nil
}
