package bridge

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/chats"
	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
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
func (s *Session) Send(ctx context.Context, to string, c *message.Content, o *SendOptions) (*Sent, error) {
	chat, err := wa.ParseJID("to", to)
	if err != nil {
		return nil, err
	}
	if err := checkSendOptions(c, o); err != nil {
		return nil, err
	}
	if o.MessageID != "" { // the answer needs no connection
		if sent, err := s.sentBefore(ctx, chat, o.MessageID); err != nil || sent != nil {
			return sent, err
		}
	}
	cli, err := s.live()
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
	about, err := s.messageContext(ctx, chat, o)
	if err != nil {
		return nil, err
	}
	b := &message.Builder{Client: cli, Files: s.b.files, Owner: s.owner, To: chat, Content: c, Log: s.log(), FindCard: contactCard(cli.Store)}
	content, err := b.Build(ctx)
	if err != nil {
		if o.ContentField != "" {
			err = wa.InField(o.ContentField, err)
		}
		return nil, err
	}
	if about != nil {
		message.WithContext(message.Innermost(content), func(*waE2E.ContextInfo) *waE2E.ContextInfo { return about })
	}
	message.Simplify(content)
	if o.MarkRead {
		if _, err := s.Chats().MarkRead(ctx, chats.MarkRead{Chat: to}); err != nil {
			return nil, err
		}
	}
	if err := s.showTyping(ctx, cli, chat, o.TypingSeconds, c.Type == message.TypeAudio && c.VoiceNote); err != nil {
		return nil, err
	}
	out := &outgoing{to: chat, id: o.MessageID, content: content, handle: b.Handle, echo: s.echoes(chat, o.Echo), asked: o.Echo != nil && *o.Echo}
	if c.Media != nil {
		out.mediaID = c.Media.MediaID
	}
	return s.deliver(ctx, cli, out)
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
func (s *Session) sentBefore(ctx context.Context, chat types.JID, id string) (*Sent, error) {
	row, err := s.Chats().FindMessage(ctx, chat.String(), id)
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
func (s *Session) showTyping(ctx context.Context, cli *whatsmeow.Client, chat types.JID, seconds float64, recording bool) error {
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

// outgoing is a message that is ready to be sent.
type outgoing struct {
	to      types.JID
	id      string
	content *waE2E.Message
	handle  string // handle of media in newsletters
	mediaID string // the stored file that the message was made from
	echo    bool   // the message becomes an event
	asked   bool   // the call itself requested the event
}

// deliver stores a message as pending, sends it and records the outcome.
func (s *Session) deliver(ctx context.Context, cli *whatsmeow.Client, out *outgoing) (*Sent, error) {
	if out.id == "" {
		out.id = cli.GenerateMessageID()
	}
	if err := s.mayReach(ctx, cli, out.to); err != nil {
		return nil, err
	}
	address, begun, err := s.begin(ctx, cli, out)
	if err != nil {
		return nil, err
	}
	if !begun {
		// A receipt may meanwhile have shown that an earlier attempt was sent.
		if sent, err := s.sentBefore(ctx, out.to, out.id); err != nil || sent != nil {
			return sent, err
		}
		return nil, &wa.Error{Reason: wa.ReasonConflict, Field: "message_id", Message: "a message of this id is there already", MessageID: out.id}
	}
	resp, err := s.sendMessage(ctx, cli, out.to, out.content, whatsmeow.SendRequestExtra{ID: out.id, MediaHandle: out.handle})
	// The outcome is recorded even if the caller has cancelled.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterSendTime)
	defer cancel()
	if err != nil {
		failure := wa.SendError(out.id, err)
		if explained := (*wa.Error)(nil); errors.As(s.explain(failure), &explained) {
			failure = explained
		}
		failure = s.explainRefusedReachout(after, cli, out.to, failure)
		if !failure.OutcomeUnknown {
			if err := s.recordFailure(after, out, address, failure); err != nil {
				s.log().Error("the failure of a message could not be recorded", "error", err)
			}
		}
		return nil, failure
	}
	if err := s.recordAck(after, out, address, &resp); err != nil {
		return nil, &wa.Error{Reason: wa.ReasonStorage, Message: "the message went out, and that could not be recorded", Err: err, MessageID: out.id}
	}
	row, err := s.b.messages.Message(after, s.owner, address, out.id)
	if err != nil {
		return nil, wa.StorageError("the message went out, and could not be read back", err)
	}
	return sentOf(row)
}

// begin stores the message as pending together with its event.
func (s *Session) begin(ctx context.Context, cli *whatsmeow.Client, out *outgoing) (address messages.Address, begun bool, err error) {
	t := &translation{s: s, cli: cli, ctx: ctx, settings: s.Settings()}
	data, chats, key, content, err := t.outgoingData(out)
	if err != nil {
		return address, false, err
	}
	m := &ProjectedMessage{Data: data, Content: content, Raw: out.content, Info: &types.MessageInfo{}}
	row, err := m.row()
	if err != nil {
		return address, false, err
	}
	row.Status, row.Recipients, row.MediaID = messages.StatusPending, s.recipients(ctx, out.to), out.mediaID
	if err := ctx.Err(); err != nil {
		return address, false, &wa.Error{Reason: wa.ReasonTimeout, Message: "the time ran out before the message left", Err: err}
	}
	begin := func(ctx context.Context) (err error) {
		begun, err = s.b.messages.Begin(ctx, s.owner, row)
		return err
	}
	if !out.echo {
		if err := begin(ctx); err != nil {
			return address, false, wa.StorageError("the message could not be stored", err)
		}
		return row.Chat, begun, nil
	}
	if err := t.emit("Message", data.Timestamp, key, chats, data); err != nil {
		return address, false, err
	}
	last := len(t.records) - 1
	t.records[last].Origin, t.records[last].Project = journal.OriginAPI, begin
	if err := t.storeMedia(data, content, chats, key); err != nil {
		return address, false, err
	}
	results, err := s.b.journal.Append(ctx, s.id, t.records...)
	if err == nil && results[last].Duplicate {
		err = begin(ctx) // an earlier attempt has failed; its event exists already
	}
	if err != nil {
		return address, false, wa.StorageError("the message could not be stored", err)
	}
	for _, then := range t.after {
		then()
	}
	return row.Chat, begun, nil
}

// outgoingData builds the data of the event of an own message.
func (t *translation) outgoingData(out *outgoing) (*MessageData, []string, string, *waE2E.Message, error) {
	device := t.cli.Store
	evt := &events.Message{RawMessage: out.content, Info: types.MessageInfo{
		ID: out.id, Timestamp: time.Now().UTC().Truncate(time.Second), PushName: t.s.Status().PushName,
		MessageSource: types.MessageSource{
			Chat: out.to, Sender: device.GetLID().ToNonAD(), SenderAlt: device.GetJID().ToNonAD(), IsFromMe: true,
			IsGroup: out.to.Server == types.GroupServer || out.to.Server == types.BroadcastServer,
		},
	}}
	if evt.Info.Sender.IsEmpty() {
		evt.Info.Sender, evt.Info.SenderAlt = evt.Info.SenderAlt, types.EmptyJID
	}
	evt.UnwrapRaw()
	data, chats, key, err := t.messageData(evt)
	if err != nil {
		return nil, nil, "", nil, err
	}
	pending := messages.StatusPending.String()
	data.FromAPI, data.Status = true, &pending
	data.EchoRequested = out.asked || t.settings.EchoToWuzapi
	return data, chats, key, evt.Message, nil
}

// recipients returns the number of people that a message is sent to; 0 = not known.
func (s *Session) recipients(ctx context.Context, to types.JID) int {
	switch {
	case wa.IsPerson(to):
		return 1
	case to.Server != types.GroupServer:
		return 0
	}
	group, err := s.Chats().FindGroup(ctx, to)
	if err != nil || group == nil {
		s.log().Debug("the number of recipients is not known", "error", err)
		return 0
	}
	return max(0, group.ParticipantCount-1)
}
