package message

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/wa"
)

// ActTarget is the message that content acts on, with the members of a received message's target.
type ActTarget struct {
	MessageID       string   `json:"message_id" rpc:"required,min=1,max=128" doc:"the message"`
	Action          string   `json:"action" rpc:"max=32" doc:"as in received messages; needed with the type system only"`
	Chat            string   `json:"chat" rpc:"format=jid" doc:"chat of the message; default and only value: the chat to send to"`
	Sender          string   `json:"sender" rpc:"format=jid" doc:"author, when the store does not know it"`
	FromMe          *bool    `json:"from_me" doc:"the message is one's own, when the store does not know it"`
	Options         []string `json:"options" rpc:"max=12,each.min=1,each.max=100" doc:"poll_vote: texts of the chosen answers; an empty list takes the vote back"`
	Response        string   `json:"response" rpc:"enum=going|not_going|maybe" doc:"event_response: the answer"`
	ExtraGuests     int      `json:"extra_guests" rpc:"min=0,max=100" doc:"event_response: people that come along; events that allow it, with going"`
	Pinned          *bool    `json:"pinned" doc:"pin: true pins, false unpins; default true"`
	DurationSeconds int      `json:"duration_seconds" rpc:"enum=0|86400|604800|2592000" doc:"pin: time that the message stays pinned; default 604800"`
	Kept            *bool    `json:"kept" doc:"keep: true keeps a disappearing message, false takes that back; default true"`
	Emoji           string   `json:"emoji" rpc:"max=64" doc:"not used: message.react sets a reaction"`
	ChatKey         string   `json:"chat_key" rpc:"max=128" doc:"not used"`
	ContactKey      string   `json:"contact_key" rpc:"max=128" doc:"not used"`
}

// Subject is a message that another one acts on.
type Subject struct {
	Info types.MessageInfo
	// Content is nil if the message is not stored.
	Content *waE2E.Message
}

// The answers to an event.
const (
	ResponseGoing    = "going"
	ResponseNotGoing = "not_going"
	ResponseMaybe    = "maybe"
)

var responseTypes = map[string]waE2E.EventResponseMessage_EventResponseType{
	ResponseGoing: waE2E.EventResponseMessage_GOING, ResponseNotGoing: waE2E.EventResponseMessage_NOT_GOING, ResponseMaybe: waE2E.EventResponseMessage_MAYBE,
}

// ResponseOf returns an answer as text; empty for an unknown one.
func ResponseOf(answer *waE2E.EventResponseMessage) string {
	for text, value := range responseTypes {
		if value == answer.GetResponse() {
			return text
		}
	}
	return ""
}

// defaultPin is the time that WhatsApp's apps suggest for a pinned message, in seconds.
const defaultPin = 604800

// actBuilders are the builders of messages that act on another one, by their action.
var actBuilders = map[string]func(*Builder, context.Context, *Subject) (*waE2E.Message, error){
	ActionPollVote: (*Builder).pollVote, ActionEventResponse: (*Builder).eventResponse, ActionPin: (*Builder).pin, ActionKeep: (*Builder).keep,
}

// IsAct reports whether the content acts on another message and is no message of its own.
func (c *Content) IsAct() bool { return c.Type == TypeSystem || actBuilders[c.Type] != nil }

func (b *Builder) act(ctx context.Context) (*waE2E.Message, error) {
	target, action := b.Content.Target, b.Content.Type
	if target == nil {
		return nil, wa.BadParam("target", "is missing")
	}
	if action == TypeSystem {
		action = target.Action
	}
	build := actBuilders[action]
	switch {
	case build == nil:
		return nil, wa.BadParam("target/action", "must be one of event_response, keep, pin, poll_vote")
	case target.Action != "" && target.Action != action:
		return nil, wa.BadParam("target/action", "does not go with the type %s", b.Content.Type)
	case b.To.Server == types.NewsletterServer || b.To.Server == types.BroadcastServer:
		return nil, &wa.Error{Reason: wa.ReasonNotSupported, Field: "to", Message: "only chats with people and groups have this"}
	}
	subject, err := b.subject(ctx)
	if err != nil {
		return nil, err
	}
	m, err := build(b, ctx, subject)
	if err != nil {
		return nil, wa.InField("target", err)
	}
	return m, nil
}

// subject finds the message of the target.
func (b *Builder) subject(ctx context.Context) (*Subject, error) {
	target := b.Content.Target
	if target.MessageID == "" {
		return nil, wa.BadParam("target/message_id", "is missing")
	}
	subject, err := b.FindSubject(ctx, target)
	if err != nil {
		return nil, wa.InField("target", err)
	}
	return subject, nil
}

// pollVote encrypts the vote under the secret of the poll, which only the recipients of the poll have.
func (b *Builder) pollVote(ctx context.Context, subject *Subject) (*waE2E.Message, error) {
	options := b.Content.Target.Options
	for i, option := range options {
		if slices.Contains(options[:i], option) {
			return nil, wa.BadParam("options/"+strconv.Itoa(i), "is there twice")
		}
	}
	if subject.Content != nil {
		if err := checkVote(FirstPoll(subject.Content), options); err != nil {
			return nil, err
		}
	}
	vote := &waE2E.PollVoteMessage{}
	for _, option := range options {
		hash := sha256.Sum256([]byte(option))
		vote.SelectedOptions = append(vote.SelectedOptions, hash[:])
	}
	update, err := b.Client.EncryptPollVote(ctx, &subject.Info, vote)
	if err != nil {
		return nil, secretError(err)
	}
	b.Act = &MessageTarget{Options: append([]string{}, options...)}
	return &waE2E.Message{PollUpdateMessage: update}, nil
}

func checkVote(poll *waE2E.PollCreationMessage, options []string) error {
	if poll == nil {
		return wa.BadParam("message_id", "is not a poll")
	}
	if most := int(poll.GetSelectableOptionsCount()); most > 0 && len(options) > most {
		return wa.BadParam("options", "has more than the %d answers that the poll allows", most)
	}
	for i, option := range options {
		if !slices.ContainsFunc(poll.GetOptions(), func(o *waE2E.PollCreationMessage_Option) bool { return o.GetOptionName() == option }) {
			return wa.BadParam("options/"+strconv.Itoa(i), "is not an answer of the poll")
		}
	}
	return nil
}

// eventResponse encrypts the answer under the secret of the event.
func (b *Builder) eventResponse(ctx context.Context, subject *Subject) (*waE2E.Message, error) {
	target := b.Content.Target
	answer, known := responseTypes[target.Response]
	event := subject.Content.GetEventMessage()
	switch {
	case !known:
		return nil, wa.BadParam("response", "must be one of going, maybe, not_going")
	case target.ExtraGuests > 0 && answer != waE2E.EventResponseMessage_GOING:
		return nil, wa.BadParam("extra_guests", "needs the response going")
	case subject.Content != nil && event == nil:
		return nil, wa.BadParam("message_id", "is not an event")
	case event.GetIsCanceled():
		return nil, &wa.Error{Reason: wa.ReasonConflict, Field: "message_id", Message: "the event was cancelled"}
	case event != nil && target.ExtraGuests > 0 && !event.GetExtraGuestsAllowed():
		return nil, wa.BadParam("extra_guests", "is not allowed by the event")
	}
	response := &waE2E.EventResponseMessage{Response: answer.Enum(), TimestampMS: proto.Int64(time.Now().UnixMilli())}
	if target.ExtraGuests > 0 {
		response.ExtraGuestCount = proto.Int32(int32(target.ExtraGuests))
		b.Act = &MessageTarget{ExtraGuests: &target.ExtraGuests}
	} else {
		b.Act = &MessageTarget{}
	}
	b.Act.Response = &target.Response
	plain, err := proto.Marshal(response)
	if err != nil {
		return nil, err
	}
	// whatsmeow has this encryption for votes, and no function for answers to events.
	sealed, iv, err := b.Client.DangerousInternals().EncryptMsgSecret(ctx, b.ownAddress(subject), subject.Info.Chat, subject.Info.Sender, subject.Info.ID,
		whatsmeow.EncSecretEventResponse, plain)
	if err != nil {
		return nil, secretError(err)
	}
	return &waE2E.Message{EncEventResponseMessage: &waE2E.EncEventResponseMessage{
		EventCreationMessageKey: b.Client.BuildMessageKey(subject.Info.Chat, subject.Info.Sender, subject.Info.ID), EncPayload: sealed, EncIV: iv,
	}}, nil
}

// ownAddress returns the account's address in the form that the author of a message has: the keys of answers depend on it.
func (b *Builder) ownAddress(subject *Subject) types.JID {
	if subject.Info.Sender.Server == types.DefaultUserServer {
		return b.Client.Store.GetJID()
	}
	return b.Client.Store.GetLID()
}

// secretError explains that the secret of a message is not known.
func secretError(err error) error {
	if errors.Is(err, whatsmeow.ErrOriginalMessageSecretNotFound) {
		return &wa.Error{Reason: wa.ReasonNotFound, Field: "message_id", Message: "this device did not receive the message, so it has no key for an answer", Err: err}
	}
	return wa.Wrap("encrypt the answer", err)
}

func (b *Builder) pin(_ context.Context, subject *Subject) (*waE2E.Message, error) {
	target := b.Content.Target
	pin := &waE2E.PinInChatMessage{
		Key: b.Client.BuildMessageKey(subject.Info.Chat, subject.Info.Sender, subject.Info.ID), Type: waE2E.PinInChatMessage_PIN_FOR_ALL.Enum(),
		SenderTimestampMS: proto.Int64(time.Now().UnixMilli()),
	}
	seconds := uint32(defaultPin)
	switch {
	case target.Pinned != nil && !*target.Pinned:
		if target.DurationSeconds != 0 {
			return nil, wa.BadParam("duration_seconds", "does not go with pinned false")
		}
		pin.Type, seconds = waE2E.PinInChatMessage_UNPIN_FOR_ALL.Enum(), 0
	case target.DurationSeconds > 0:
		seconds = uint32(target.DurationSeconds)
	}
	return &waE2E.Message{PinInChatMessage: pin, MessageContextInfo: &waE2E.MessageContextInfo{MessageAddOnDurationInSecs: &seconds}}, nil
}

func (b *Builder) keep(_ context.Context, subject *Subject) (*waE2E.Message, error) {
	if subject.Content != nil && ContextOf(subject.Content).GetExpiration() == 0 {
		return nil, wa.BadParam("message_id", "is not a disappearing message")
	}
	keep := &waE2E.KeepInChatMessage{
		Key: b.Client.BuildMessageKey(subject.Info.Chat, subject.Info.Sender, subject.Info.ID), KeepType: waE2E.KeepType_KEEP_FOR_ALL.Enum(),
		TimestampMS: proto.Int64(time.Now().UnixMilli()),
	}
	if kept := b.Content.Target.Kept; kept != nil && !*kept {
		keep.KeepType = waE2E.KeepType_UNDO_KEEP_FOR_ALL.Enum()
	}
	return &waE2E.Message{KeepInChatMessage: keep}, nil
}

// commentTypes are the kinds of content that a comment may have.
var commentTypes = []string{TypeText, TypeImage, TypeVideo, TypeAudio, TypeDocument, TypeSticker}

// IsComment reports whether the content is a comment on another message.
func (c *Content) IsComment() bool { return c.Target != nil && !c.IsAct() }

func (b *Builder) checkComment() error {
	c := b.Content
	switch {
	case !c.IsComment():
		return nil
	case !slices.Contains(commentTypes, c.Type):
		return wa.BadParam("target", "does not go with the type %s", c.Type)
	case c.Target.Action != "" && c.Target.Action != ActionComment:
		return wa.BadParam("target/action", "must be comment for the type %s", c.Type)
	case c.ViewOnce:
		return wa.BadParam("view_once", "does not go with a comment")
	case b.To.Server != types.GroupServer:
		return &wa.Error{Reason: wa.ReasonNotSupported, Field: "to", Message: "only announcement groups of communities have comments"}
	}
	return nil
}

// Comment encrypts built content under the secret of the message that it comments on. It returns the message to send, its readable form, and the
// attributes of its stanza.
func (b *Builder) Comment(ctx context.Context, content *waE2E.Message) (sealed, shown *waE2E.Message, meta *types.MsgMetaInfo, err error) {
	subject, err := b.subject(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	sealed, err = b.Client.EncryptComment(ctx, &subject.Info, content)
	if err != nil {
		return nil, nil, nil, wa.InField("target", secretError(err))
	}
	shown = &waE2E.Message{CommentMessage: &waE2E.CommentMessage{Message: content, TargetMessageKey: sealed.EncCommentMessage.TargetMessageKey}}
	return sealed, shown, &types.MsgMetaInfo{
		ThreadMessageID: subject.Info.ID, ThreadMessageSenderJID: subject.Info.Sender.ToNonAD(), DeprecatedLIDSession: proto.Bool(false),
	}, nil
}
