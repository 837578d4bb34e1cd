package outbound

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// MessageRef identifies a message for an operation. Sender and FromMe are required only if the message is not stored.
type MessageRef struct {
	Chat      string
	MessageID string
	Sender    string
	FromMe    *bool

	// ActID is the id of the message that transmits a change to WhatsApp; empty = generated. WhatsApp displays a change
	// that is repeated under one id once.
	ActID string
}

// subject is the message of an operation, in the form that WhatsApp requires.
type subject struct {
	chat   types.JID
	sender types.JID // empty = the account itself
	fromMe bool
	row    *messages.Row // nil if the message is not stored
}

// findSubject resolves a reference. The stored message has priority over the caller's fields.
func (s *Service) findSubject(ctx context.Context, ref MessageRef) (*subject, error) {
	chat, err := wa.ParseJID("chat", ref.Chat)
	if err != nil {
		return nil, err
	}
	t := &subject{chat: chat}
	row, err := s.chats.FindMessage(ctx, chat.String(), ref.MessageID)
	switch {
	case err == nil && !row.Placeholder:
		t.row, t.fromMe = row, row.FromMe
		if !t.fromMe {
			if t.sender, err = types.ParseJID(row.Sender.JID); err != nil {
				return nil, wa.StorageError("the stored message cannot be read", err)
			}
		}
		return t, nil
	case err != nil && wa.ReasonOf(err) != wa.ReasonNotFound:
		return nil, err
	case ref.FromMe != nil && *ref.FromMe:
		t.fromMe = true
		return t, nil
	case ref.Sender != "":
		t.sender, err = wa.ParsePerson("sender", ref.Sender)
		return t, err
	case ref.FromMe != nil && wa.IsPerson(chat):
		t.sender = chat
		return t, nil
	}
	return nil, &wa.Error{Reason: wa.ReasonNotFound, Field: "message_id", Message: "the store does not know the message; name its sender or from_me"}
}

// sendAct sends a message that changes another one, and records it once WhatsApp has accepted it.
func (s *Service) sendAct(ctx context.Context, cli *whatsmeow.Client, to types.JID, id string, content *waE2E.Message) (*whatsmeow.SendResponse, error) {
	return s.sendChange(ctx, cli, &Outgoing{To: to, ID: id, Content: content, Echo: s.conn.Echoes(to, nil)})
}

func (s *Service) sendChange(ctx context.Context, cli *whatsmeow.Client, out *Outgoing) (*whatsmeow.SendResponse, error) {
	if out.ID == "" {
		out.ID = cli.GenerateMessageID()
	}
	resp, err := s.transmit(ctx, cli, out.To, out.Content, whatsmeow.SendRequestExtra{ID: out.ID})
	if err != nil {
		return nil, wa.SendError(out.ID, err)
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterSendTime)
	defer cancel()
	if err := s.conn.RecordChange(after, cli, out, resp.Timestamp); err != nil {
		return nil, err
	}
	return &resp, nil
}

// Reacted is the outcome of React.
type Reacted struct {
	MessageID  string    `json:"message_id" doc:"the message reacted to"`
	ReactionID string    `json:"reaction_id" doc:"id of the reaction"`
	Timestamp  time.Time `json:"timestamp" doc:"when sent"`
}

const maxEmoji = 64 // bytes; the longest family of four has 41

// React sets an emoji as the reaction to a message; an empty emoji removes the reaction.
func (s *Service) React(ctx context.Context, ref MessageRef, emoji string) (*Reacted, error) {
	cli, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	if len(emoji) > maxEmoji {
		return nil, wa.BadParam("emoji", "is longer than an emoji")
	}
	t, err := s.findSubject(ctx, ref)
	if err != nil {
		return nil, err
	}
	if t.chat.Server == types.NewsletterServer {
		return nil, wa.NewError(wa.ReasonNotSupported, "newsletter posts take reactions by newsletter.react")
	}
	resp, err := s.sendAct(ctx, cli, t.chat, ref.ActID, cli.BuildReaction(t.chat, t.sender, ref.MessageID, emoji))
	if err != nil {
		return nil, err
	}
	return &Reacted{MessageID: ref.MessageID, ReactionID: resp.ID, Timestamp: resp.Timestamp.UTC()}, nil
}

// Changed is the outcome of Edit and Delete.
type Changed struct {
	MessageID string    `json:"message_id" doc:"the message"`
	Timestamp time.Time `json:"timestamp" doc:"when it was done"`
}

// Revoke deletes a message for everyone.
func (s *Service) Revoke(ctx context.Context, ref MessageRef) (*Changed, error) {
	cli, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	t, err := s.findSubject(ctx, ref)
	if err != nil {
		return nil, err
	}
	if !t.fromMe && t.chat.Server != types.GroupServer {
		return nil, wa.NewError(wa.ReasonForbidden, "what others wrote can be deleted for everyone by group admins only")
	}
	resp, err := s.sendAct(ctx, cli, t.chat, ref.ActID, cli.BuildRevoke(t.chat, t.sender, ref.MessageID))
	if err != nil {
		return nil, err
	}
	return &Changed{MessageID: ref.MessageID, Timestamp: resp.Timestamp.UTC()}, nil
}

// indexSender returns the author of a message for app state: the author's JID for other people's messages in groups,
// otherwise "0".
func (t *subject) indexSender() string {
	if t.fromMe || wa.IsPerson(t.chat) {
		return "0"
	}
	return t.sender.ToNonAD().String()
}

const deleteForMeVersion = 3 // version of the app-state action written by WhatsApp's apps

// DeleteForMe removes a message from the account's own devices.
func (s *Service) DeleteForMe(ctx context.Context, ref MessageRef, deleteMedia bool) (*Changed, error) {
	if _, err := s.conn.Live(); err != nil {
		return nil, err
	}
	t, err := s.findSubject(ctx, ref)
	if err != nil {
		return nil, err
	}
	at := time.Now()
	sentAt := at
	if t.row != nil {
		sentAt = t.row.Time
	}
	fromMe := "0"
	if t.fromMe {
		fromMe = "1"
	}
	err = s.conn.WriteAppState(ctx, "delete the message", appstate.PatchInfo{
		Timestamp: at, Type: appstate.WAPatchRegularHigh,
		Mutations: []appstate.MutationInfo{{
			Index: []string{appstate.IndexDeleteMessageForMe, t.chat.String(), ref.MessageID, fromMe, t.indexSender()}, Version: deleteForMeVersion,
			Value: &waSyncAction.SyncActionValue{DeleteMessageForMeAction: &waSyncAction.DeleteMessageForMeAction{
				DeleteMedia: proto.Bool(deleteMedia), MessageTimestamp: proto.Int64(sentAt.Unix()),
			}},
		}},
	})
	if err != nil {
		return nil, err
	}
	if err := s.stored.Delete(ctx, s.owner, s.chats.AddressOf(ctx, t.chat), ref.MessageID); err != nil {
		return nil, wa.StorageError("the message could not be removed", err)
	}
	if deleteMedia && t.row != nil && t.row.MediaID != "" {
		if err := s.files.Delete(ctx, s.owner, t.row.MediaID); err != nil {
			return nil, message.MediaError("media_id", err)
		}
	}
	return &Changed{MessageID: ref.MessageID, Timestamp: at.UTC()}, nil
}

// SetStarred stars or unstars a message.
func (s *Service) SetStarred(ctx context.Context, ref MessageRef, starred bool) error {
	if _, err := s.conn.Live(); err != nil {
		return err
	}
	t, err := s.findSubject(ctx, ref)
	if err != nil {
		return err
	}
	sender := t.sender
	if t.indexSender() == "0" {
		sender = t.chat // whatsmeow writes "0" for it
	}
	if err := s.conn.WriteAppState(ctx, "star the message", appstate.BuildStar(t.chat, sender, ref.MessageID, t.fromMe, starred)); err != nil {
		return err
	}
	if err := s.stored.SetStarred(ctx, s.owner, s.chats.AddressOf(ctx, t.chat), ref.MessageID, starred); err != nil {
		return wa.StorageError("the message could not be starred", err)
	}
	return nil
}
