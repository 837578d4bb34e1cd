package outbound

import (
	"context"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// Forwarded is the result of forwarding a message to one chat.
type Forwarded struct {
	To        string     `json:"to" doc:"chat"`
	MessageID *string    `json:"message_id" doc:"id of the new message"`
	Timestamp *time.Time `json:"timestamp" doc:"time given by the WhatsApp server"`
	Error     *string    `json:"error" doc:"why it did not go out; null when it did"`
}

const maxForward = 100 // recipients of one call

// ForwardOptions are options of Forward. The zero value is usable.
type ForwardOptions struct {
	// MessageIDs are the ids of the new messages, one per recipient; nil = generated. As with Send, they make a repeat
	// safe.
	MessageIDs []string
	// Progress is called with the number of finished recipients; nil = not reported.
	Progress func(done int)
}

// Forward sends a stored message to other chats. Files are not uploaded again.
func (s *Service) Forward(ctx context.Context, chat, id string, recipients []string, o ForwardOptions) ([]Forwarded, error) {
	cli, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	if len(recipients) == 0 || len(recipients) > maxForward {
		return nil, wa.BadParam("recipients", "needs 1 to %d chats", maxForward)
	}
	chats := make([]types.JID, len(recipients))
	for i, recipient := range recipients {
		if chats[i], err = wa.ParseJID("recipients/"+strconv.Itoa(i), recipient); err != nil {
			return nil, err
		}
	}
	row, err := s.chats.FindMessage(ctx, chat, id)
	if err != nil {
		return nil, err
	}
	if _, err := forwardable(row); err != nil {
		return nil, err
	}
	out := make([]Forwarded, len(chats))
	for i, to := range chats {
		out[i].To = to.String()
		content, err := forwardable(row)
		if err != nil {
			return nil, err
		}
		if err := s.setTimer(ctx, to, &SendOptions{}, message.ContextOf(content)); err != nil {
			return nil, err
		}
		message := &Outgoing{To: to, Content: content, MediaID: row.MediaID, Echo: s.conn.Echoes(to, nil)}
		if o.MessageIDs != nil {
			message.ID = o.MessageIDs[i]
		}
		sent := (*Sent)(nil)
		if err = s.conn.PermitSend(ctx); err == nil {
			sent, err = s.deliverOnce(ctx, cli, message)
		}
		if err != nil {
			out[i].Error = wa.OrNull(wa.PublicText(err, "could not send the message"))
		} else {
			out[i].MessageID, out[i].Timestamp = &sent.MessageID, &sent.Timestamp
		}
		if o.Progress != nil {
			o.Progress(i + 1)
		}
	}
	return out, nil
}

// deliverOnce is deliver, except that it does not send a message of that id again if it was already sent.
func (s *Service) deliverOnce(ctx context.Context, cli *whatsmeow.Client, out *Outgoing) (*Sent, error) {
	if out.ID != "" {
		if sent, err := s.sentBefore(ctx, out.To, out.ID); err != nil || sent != nil {
			return sent, err
		}
	}
	return s.deliver(ctx, cli, out)
}

// SendContent sends a message that the caller has built, under id if that is not empty. A message of that id that was sent already is not sent
// again.
func (s *Service) SendContent(ctx context.Context, to types.JID, id string, content *waE2E.Message) (*Sent, error) {
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	return s.deliverOnce(ctx, client, &Outgoing{To: to, ID: id, Content: content, Echo: s.conn.Echoes(to, nil)})
}

// forwardable builds the content of a forwarded message, with forwarding mark and score.
func forwardable(row *messages.Row) (*waE2E.Message, error) {
	if len(row.Raw) == 0 || !row.DeletedAt.IsZero() {
		return nil, &wa.Error{Reason: wa.ReasonNotFound, Field: "message_id", Message: "the store no longer has the content of the message"}
	}
	m, err := message.FromRow(row, false)
	if err != nil {
		return nil, err
	}
	if m.ViewOnce {
		return nil, wa.NewError(wa.ReasonNotSupported, "a message that opens once cannot be forwarded")
	}
	content, err := message.ContentOfRow(row)
	if err != nil {
		return nil, err
	}
	content.MessageContextInfo = nil
	switch {
	case content.Conversation != nil:
		content.ExtendedTextMessage, content.Conversation = &waE2E.ExtendedTextMessage{Text: content.Conversation}, nil
	case m.Selection != nil: // a selection has no meaning without its question
		content = &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String(row.Text)}}
	}
	score := uint32(m.ForwardingScore) + 1
	if !message.WithContext(content, func(*waE2E.ContextInfo) *waE2E.ContextInfo {
		return &waE2E.ContextInfo{IsForwarded: proto.Bool(true), ForwardingScore: &score}
	}) {
		return nil, wa.NewError(wa.ReasonNotSupported, "a message of type %s cannot be forwarded", row.Type)
	}
	return content, nil
}
