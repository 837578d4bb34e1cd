package outbound

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// SendOptions are options for any content.
type SendOptions struct {
	MessageID           string   // empty = generated
	ReplyTo             *ReplyTo // nil = no reply
	Mentions            []string
	MentionAll          bool
	Forwarded           bool
	DisappearingSeconds *int // nil = the chat's own timer
	TypingSeconds       float64
	CheckRecipient      bool
	MarkRead            bool
	Echo                *bool // nil = setting of the server and the session
	Automatic           bool  // the server sends it by itself; its events have the origin automation

	// ContentField is the parameter that contained the content, for errors; empty = the call's own parameters.
	ContentField string
}

// Sent is a message that WhatsApp has accepted.
type Sent struct {
	MessageID string `json:"message_id" doc:"id of the sent message"`
	Chat      string `json:"chat" doc:"chat it went to"`
	Sender    string `json:"sender" doc:"own JID"`
	wa.ChatNames
	wa.PersonNames
	Timestamp time.Time        `json:"timestamp" doc:"time given by the WhatsApp server"`
	ServerID  *int             `json:"server_id" doc:"newsletter posts only"`
	Message   *message.Message `json:"message" doc:"the message as message.get returns it"`
	// AlbumMessageIDs is absent for other content than an album with items.
	AlbumMessageIDs []string `json:"album_message_ids,omitempty" doc:"album: ids of its pictures and videos"`
}

const (
	maxMessageID  = 128 // characters
	maxTyping     = 60  // seconds; longer is not plausible for a person
	afterSendTime = 15 * time.Second
)

// Send builds a message and sends it. The message is stored as pending, with its event, before it is sent; WhatsApp's
// answer changes its status to sent or failed, and receipts advance it further. Nothing is stored if the session is not
// connected or the content is invalid.
//
// The message id makes a repeat safe: a message of that id that was sent is returned and not sent again; a message that
// failed, or whose outcome is not known, is sent again under the same id, and WhatsApp displays it once.
//
// Calls for one session may run concurrently; WhatsApp receives their messages in the order in which they are sent. A
// caller that needs an order within a chat must wait for one call before the next.
func (s *Service) Send(ctx context.Context, to string, c *message.Content, o *SendOptions) (*Sent, error) {
	chat, err := wa.ParseJID("to", to)
	if err != nil {
		return nil, err
	}
	if err := checkSendOptions(c, o); err != nil {
		return nil, err
	}
	if o.MessageID != "" && !c.HasAlbumItems() { // the answer needs no connection
		if sent, err := s.sentBefore(ctx, chat, o.MessageID); err != nil || sent != nil {
			return sent, err
		}
	}
	cli, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	if err := s.mayReach(ctx, cli, chat); err != nil { // before media is uploaded and typing is shown
		return nil, err
	}
	if o.CheckRecipient {
		if err := checkRegistered(ctx, cli, chat); err != nil {
			return nil, err
		}
	}
	if !o.Automatic {
		if err := s.conn.PermitSend(ctx); err != nil {
			return nil, err
		}
	}
	about, err := s.messageContext(ctx, chat, o)
	if err != nil {
		return nil, err
	}
	b := s.builder(cli, chat, c)
	out, err := s.build(ctx, b, about)
	if err != nil {
		return nil, o.inContent(err)
	}
	if o.MarkRead {
		if err := s.chats.MarkReadIfUnread(ctx, to); err != nil {
			return nil, err
		}
	}
	if err := s.showTyping(ctx, cli, chat, o.TypingSeconds, c.Type == message.TypeAudio && c.VoiceNote); err != nil {
		return nil, err
	}
	out.Automatic = o.Automatic
	out.ID, out.Echo, out.Asked = o.MessageID, s.conn.Echoes(chat, o.Echo), o.Echo != nil && *o.Echo
	switch {
	case c.IsAct():
		return s.deliverAct(ctx, cli, out)
	case c.HasAlbumItems():
		sent, err := s.deliverAlbum(ctx, cli, b, out)
		return sent, o.inContent(err)
	}
	return s.deliver(ctx, cli, out)
}

// inContent puts the field of an error about the content below the parameter that contained it.
func (o *SendOptions) inContent(err error) error {
	var own *wa.Error
	if o.ContentField == "" || errors.As(err, &own) && (own.Field == "to" || own.Field == "message_id") {
		return err
	}
	return wa.InField(o.ContentField, err)
}

// build builds the message of the content. about is its context; nil = none.
func (s *Service) build(ctx context.Context, b *message.Builder, about *waE2E.ContextInfo) (*Outgoing, error) {
	content, err := b.Build(ctx)
	if err != nil {
		return nil, err
	}
	if about != nil {
		message.WithContext(message.Innermost(content), func(*waE2E.ContextInfo) *waE2E.ContextInfo { return about })
	}
	message.Simplify(content)
	out := &Outgoing{To: b.To, Content: content, Handle: b.Handle, Act: b.Act}
	if b.Content.Media != nil {
		out.MediaID = b.Content.Media.MediaID
	}
	switch {
	case b.Content.IsComment():
		out.Content, out.Shown, out.Meta, err = b.Comment(ctx, content)
	case !b.Content.IsAct():
		s.addSecret(ctx, b.To, content)
	}
	return out, err
}

func (s *Service) builder(cli *whatsmeow.Client, chat types.JID, c *message.Content) *message.Builder {
	return &message.Builder{
		Client: cli, Files: s.files, Owner: s.owner, To: chat, Content: c, Log: s.log(), FindCard: contactCard(cli.Store), GroupName: s.groupName,
		FindSubject: func(ctx context.Context, target *message.ActTarget) (*message.Subject, error) {
			return s.findMessage(ctx, cli, chat, target)
		},
	}
}

func checkSendOptions(c *message.Content, o *SendOptions) error {
	if len(o.MessageID) > maxMessageID {
		return wa.BadParam("message_id", "is longer than %d characters", maxMessageID)
	}
	if o.TypingSeconds < 0 || o.TypingSeconds > maxTyping {
		return wa.BadParam("typing_seconds", "must be between 0 and %d", maxTyping)
	}
	if c.ViewOnce && o.DisappearingSeconds != nil && *o.DisappearingSeconds > 0 {
		return wa.BadParam("disappearing_seconds", "does not go with view_once")
	}
	return nil
}

// sentBefore returns the message of that id if it was already sent. It returns nil if there is none or it may be sent
// again.
func (s *Service) sentBefore(ctx context.Context, chat types.JID, id string) (*Sent, error) {
	row, err := s.chats.FindMessage(ctx, chat.String(), id)
	switch {
	case wa.ReasonOf(err) == wa.ReasonNotFound:
		return nil, nil
	case err != nil:
		return nil, err
	case !row.FromMe:
		return nil, &wa.Error{Reason: wa.ReasonConflict, Field: "message_id", Message: "somebody else's message in this chat has this id"}
	case row.Status <= messages.StatusPending:
		return nil, nil
	}
	return sentOf(row)
}

func sentOf(row *messages.Row) (*Sent, error) {
	m, err := message.FromRow(row, false)
	if err != nil {
		return nil, err
	}
	return &Sent{MessageID: m.MessageID, Chat: m.Chat, Sender: m.Sender, Timestamp: m.Timestamp, ServerID: m.ServerID, Message: m}, nil
}

// contactCard reads the name and the phone number of a person from a contact store.
func contactCard(device *store.Device) func(context.Context, types.JID) (string, *string, error) {
	return func(ctx context.Context, person types.JID) (name string, phoneNumber *string, err error) {
		known, err := contacts.ReadStored(ctx, device, person)
		return known.Name, known.PhoneNumber, err
	}
}

func checkRegistered(ctx context.Context, cli *whatsmeow.Client, to types.JID) error {
	if to.Server != types.DefaultUserServer {
		return nil
	}
	found, err := cli.IsOnWhatsApp(ctx, []string{"+" + to.User})
	if err != nil {
		return wa.Wrap("check the number", err)
	}
	for _, answer := range found {
		if answer.IsIn {
			return nil
		}
	}
	return &wa.Error{Reason: wa.ReasonNotFound, Field: "to", Message: "the number is not on WhatsApp"}
}

// showTyping shows typing, or recording, for the given seconds.
func (s *Service) showTyping(ctx context.Context, cli *whatsmeow.Client, chat types.JID, seconds float64, recording bool) error {
	if seconds == 0 {
		return nil
	}
	kind := types.ChatPresenceMediaText
	if recording {
		kind = types.ChatPresenceMediaAudio
	}
	if err := cli.SendChatPresence(ctx, chat, types.ChatPresenceComposing, kind); err != nil {
		return wa.Wrap("show typing", err)
	}
	timer := time.NewTimer(time.Duration(seconds * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil // the message itself ends the typing
	case <-ctx.Done():
		return &wa.Error{Reason: wa.ReasonTimeout, Message: "the time ran out while typing was shown; nothing was sent", Err: ctx.Err()}
	}
}
