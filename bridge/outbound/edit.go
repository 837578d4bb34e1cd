package outbound

import (
	"context"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/wa"
)

// Edit replaces the text or caption of an own message, within WhatsApp's edit window. Quote, forwarding, timer and file
// of the message stay. If mentions is nil and mentionAll is false, the mentions stay too.
func (s *Service) Edit(ctx context.Context, ref MessageRef, text string, mentions []string, mentionAll bool) (*Changed, error) {
	if strings.TrimSpace(text) == "" {
		return nil, wa.BadParam("text", "is empty")
	}
	cli, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	yes := true
	ref.FromMe = &yes // only own messages can be edited, so an unknown one counts as own
	t, err := s.findSubject(ctx, ref)
	switch {
	case err != nil:
		return nil, err
	case !t.fromMe:
		return nil, wa.NewError(wa.ReasonForbidden, "only own messages can be edited")
	case t.row != nil && !t.row.DeletedAt.IsZero():
		return nil, wa.NewError(wa.ReasonConflict, "the message was deleted")
	case t.row != nil && t.chat.Server != types.NewsletterServer && time.Since(t.row.Time) > whatsmeow.EditWindow:
		return nil, wa.NewError(wa.ReasonConflict, "the message is older than %s and can no longer be edited", whatsmeow.EditWindow)
	case mentionAll && t.chat.Server != types.GroupServer:
		return nil, wa.BadParam("mention_all", "works in groups only")
	}
	content, err := s.editedBody(ctx, t, text, mentions, mentionAll)
	if err != nil {
		return nil, err
	}
	resp, err := s.sendAct(ctx, cli, t.chat, ref.ActID, cli.BuildEdit(t.chat, ref.MessageID, content))
	if err != nil {
		return nil, err
	}
	return &Changed{MessageID: ref.MessageID, Timestamp: resp.Timestamp.UTC()}, nil
}

// editedBody returns the content that replaces the old one.
func (s *Service) editedBody(ctx context.Context, t *subject, text string, mentions []string, mentionAll bool) (*waE2E.Message, error) {
	content := &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: &text}}
	if t.row != nil && len(t.row.Raw) > 0 {
		original, err := message.ContentOfRow(t.row)
		if err != nil {
			return nil, err
		}
		if original.Conversation == nil && original.ExtendedTextMessage == nil && message.CaptionOf(original) == nil {
			return nil, wa.NewError(wa.ReasonNotSupported, "a message of type %s has no text to edit", t.row.Type)
		}
		content = message.MergeEdit(original, content)
	} else if wa.IsPerson(t.chat) || t.chat.Server == types.GroupServer { // only the timer is known
		about := &waE2E.ContextInfo{}
		if err := s.setTimer(ctx, t.chat, &SendOptions{}, about); err != nil {
			return nil, err
		}
		if proto.Size(about) > 0 {
			content.ExtendedTextMessage.ContextInfo = about
		}
	}
	if mentions != nil || mentionAll {
		named := &waE2E.ContextInfo{}
		if err := s.mention(named, mentions, mentionAll); err != nil {
			return nil, err
		}
		if content.Conversation != nil && proto.Size(named) > 0 { // a plain text has no context
			content.ExtendedTextMessage, content.Conversation = &waE2E.ExtendedTextMessage{Text: content.Conversation}, nil
		}
		message.WithContext(content, func(old *waE2E.ContextInfo) *waE2E.ContextInfo {
			if old == nil {
				old = &waE2E.ContextInfo{}
			}
			old.MentionedJID, old.GroupMentions, old.NonJIDMentions = named.MentionedJID, named.GroupMentions, named.NonJIDMentions
			return old
		})
	}
	content.MessageContextInfo = nil
	message.Simplify(content)
	return content, nil
}
