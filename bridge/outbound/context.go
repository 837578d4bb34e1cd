package outbound

import (
	"context"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/wa"
)

// ReplyTo identifies the message that a reply quotes. Missing fields are read from the message store.
type ReplyTo struct {
	MessageID string `json:"message_id" rpc:"required,min=1,max=128" doc:"quoted message"`
	Chat      string `json:"chat" rpc:"format=jid" doc:"its chat, when it is another one"`
	Sender    string `json:"sender" rpc:"format=jid" doc:"its author, when the store does not know it"`
	Text      string `json:"text" rpc:"max=65536" doc:"its text, when the store does not know it"`
}

const maxMentions = 1024

// disappearingSeconds are the timers that WhatsApp's apps offer.
var disappearingSeconds = map[int]bool{0: true, 86400: true, 604800: true, 7776000: true}

// messageContext builds the parts of a message beside its content: quote, mentions, forwarding, timer. It returns nil
// if there are none.
func (s *Service) messageContext(ctx context.Context, to types.JID, o *SendOptions) (*waE2E.ContextInfo, error) {
	info := &waE2E.ContextInfo{}
	if o.ReplyTo != nil {
		if err := s.quote(ctx, to, o.ReplyTo, info); err != nil {
			return nil, wa.InField("reply_to", err)
		}
	}
	if err := s.mention(info, o.Mentions, o.MentionAll); err != nil {
		return nil, err
	}
	if o.MentionAll && to.Server != types.GroupServer {
		return nil, wa.BadParam("mention_all", "works in groups only")
	}
	if o.Forwarded {
		info.IsForwarded, info.ForwardingScore = proto.Bool(true), proto.Uint32(1)
	}
	if err := s.setTimer(ctx, to, o, info); err != nil {
		return nil, err
	}
	if proto.Size(info) == 0 {
		return nil, nil
	}
	return info, nil
}

func (s *Service) mention(info *waE2E.ContextInfo, mentions []string, all bool) error {
	if len(mentions) > maxMentions {
		return wa.BadParam("mentions", "has more than %d entries", maxMentions)
	}
	for i, value := range mentions {
		jid, err := wa.ParseJID("mentions/"+strconv.Itoa(i), value)
		if err != nil {
			return err
		}
		switch {
		case wa.IsPerson(jid):
			info.MentionedJID = append(info.MentionedJID, jid.String())
		case jid.Server == types.GroupServer:
			info.GroupMentions = append(info.GroupMentions, &waE2E.GroupMention{GroupJID: proto.String(jid.String())})
		default:
			return wa.BadParam("mentions/"+strconv.Itoa(i), "must be a person or a group")
		}
	}
	if all {
		info.NonJIDMentions = proto.Uint32(1)
	}
	return nil
}

func (s *Service) setTimer(ctx context.Context, to types.JID, o *SendOptions, info *waE2E.ContextInfo) error {
	if o.DisappearingSeconds != nil {
		if !disappearingSeconds[*o.DisappearingSeconds] {
			return wa.BadParam("disappearing_seconds", "must be 0, 86400, 604800 or 7776000")
		}
		if *o.DisappearingSeconds > 0 {
			info.Expiration = proto.Uint32(uint32(*o.DisappearingSeconds))
		}
		return nil
	}
	timer, err := s.chats.TimerOf(ctx, to)
	if err != nil || timer.Lifetime == 0 {
		return err
	}
	info.Expiration = proto.Uint32(uint32(timer.Lifetime / time.Second))
	if !timer.SetAt.IsZero() {
		info.EphemeralSettingTimestamp = proto.Int64(timer.SetAt.Unix())
	}
	return nil
}

// quote sets the quoted message.
func (s *Service) quote(ctx context.Context, to types.JID, r *ReplyTo, info *waE2E.ContextInfo) error {
	chat := to
	if r.Chat != "" {
		var err error
		if chat, err = wa.ParseJID("chat", r.Chat); err != nil {
			return err
		}
	}
	info.StanzaID = proto.String(r.MessageID)
	if chat != to {
		info.RemoteJID = proto.String(chat.String())
	}
	row, err := s.chats.FindMessage(ctx, chat.String(), r.MessageID)
	switch {
	case err == nil && len(row.Raw) > 0:
		content, err := message.ContentOfRow(row)
		if err != nil {
			return err
		}
		content.MessageContextInfo = nil
		message.WithContext(content, func(*waE2E.ContextInfo) *waE2E.ContextInfo { return nil }) // a quote has no quote of its own
		info.QuotedMessage, info.Participant = content, proto.String(row.Sender.JID)
	case err != nil && wa.ReasonOf(err) != wa.ReasonNotFound:
		return err
	case r.Sender == "" && !wa.IsPerson(chat):
		return wa.BadParam("sender", "is needed: the store does not know the quoted message")
	default:
		info.QuotedMessage, info.Participant = &waE2E.Message{Conversation: proto.String(r.Text)}, proto.String(chat.String())
	}
	if r.Sender != "" {
		sender, err := wa.ParsePerson("sender", r.Sender)
		if err != nil {
			return err
		}
		info.Participant = proto.String(sender.String())
	}
	return nil
}
