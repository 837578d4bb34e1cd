package message

import (
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// NewMessage describes a message by its source and its unwrapped content (what
// events.Message.Message holds).
func NewMessage(info *types.MessageInfo, content *waE2E.Message) *Message {
	m := &Message{
		MessageID:    info.ID,
		Chat:         info.Chat.ToNonAD().String(),
		Sender:       info.Sender.ToNonAD().String(),
		SenderName:   wa.OrNull(info.PushName),
		FromMe:       info.IsFromMe,
		Timestamp:    info.Timestamp.UTC(),
		Mentions:     []string{},
		Reactions:    []Reaction{},
		LabelIDs:     []string{},
		Contacts:     []MessageContact{},
		IsStatus:     info.Chat == types.StatusBroadcastJID,
		IsBroadcast:  info.Chat.IsBroadcastList(),
		SenderDevice: senderDevice(info.ID),
	}
	if info.ServerID != 0 {
		id := info.ServerID
		m.ServerID = &id
	}
	m.describe(content)
	return m
}

// senderDevice guesses the app from the form of the message id: each has its
// own length and prefix.
func senderDevice(id string) string {
	switch {
	case len(id) > 2 && (id[:2] == "3A" || id[:2] == "3a") && len(id) == 20:
		return "ios"
	case len(id) > 2 && id[:2] == "3E", len(id) > 2 && id[:2] == "3F":
		return "web"
	case len(id) == 32:
		return "android"
	}
	return "unknown"
}

// describe fills in the type and everything that depends on it. The first
// content that is present decides; a message holds one.
func (m *Message) describe(c *waE2E.Message) {
	m.Type = TypeUnknown
	if c == nil {
		return
	}
	// Each recognises one kind of content and reports whether it was that.
	for _, part := range [...]func(*Message, *waE2E.Message) bool{
		textPart, mediaPart, placePart, contactPart, pollPart, eventPart, interactivePart, selectionPart, orderPart,
		reactionPart,
		pollVotePart, targetPart, invitePart, paymentPart, protocolPart, morePart,
	} {
		if part(m, c) {
			return
		}
	}
}

func textPart(m *Message, c *waE2E.Message) bool {
	switch {
	case c.Conversation != nil:
		m.Text = c.Conversation
	case c.ExtendedTextMessage != nil:
		m.Text = wa.OrNull(c.ExtendedTextMessage.GetText())
		m.context(c.ExtendedTextMessage.GetContextInfo())
	default:
		return false
	}
	m.Type = TypeText
	return true
}

// MediaFile has the methods that all messages with a file have.
type MediaFile interface {
	GetURL() string
	GetDirectPath() string
	GetMediaKey() []byte
	GetFileSHA256() []byte
	GetFileEncSHA256() []byte
	GetFileLength() uint64
	GetMimetype() string
	GetContextInfo() *waE2E.ContextInfo
}

var (
	_ MediaFile = (*waE2E.ImageMessage)(nil)
	_ MediaFile = (*waE2E.VideoMessage)(nil)
	_ MediaFile = (*waE2E.AudioMessage)(nil)
	_ MediaFile = (*waE2E.DocumentMessage)(nil)
	_ MediaFile = (*waE2E.StickerMessage)(nil)
)

func mediaPart(m *Message, c *waE2E.Message) bool {
	switch {
	case c.ImageMessage != nil:
		x := c.ImageMessage
		m.file(TypeImage, x)
		m.Text = wa.OrNull(x.GetCaption())
		m.Media.Keys.Width, m.Media.Keys.Height = x.GetWidth(), x.GetHeight()
		m.ViewOnce = m.ViewOnce || x.GetViewOnce()
	case c.VideoMessage != nil, c.PtvMessage != nil:
		x := c.VideoMessage
		if x == nil {
			x = c.PtvMessage
		}
		m.file(TypeVideo, x)
		m.Text = wa.OrNull(x.GetCaption())
		m.Media.Keys.Width, m.Media.Keys.Height = x.GetWidth(), x.GetHeight()
		m.Media.Keys.DurationSeconds = x.GetSeconds()
		m.ViewOnce, m.Media.GIF = m.ViewOnce || x.GetViewOnce(), x.GetGifPlayback()
	case c.AudioMessage != nil:
		m.file(TypeAudio, c.AudioMessage)
		m.Media.Keys.DurationSeconds = c.AudioMessage.GetSeconds()
		m.ViewOnce, m.Media.VoiceNote = m.ViewOnce || c.AudioMessage.GetViewOnce(), c.AudioMessage.GetPTT()
	case c.DocumentMessage != nil:
		m.file(TypeDocument, c.DocumentMessage)
		m.Text = wa.OrNull(c.DocumentMessage.GetCaption())
		m.Media.Filename = wa.OrNull(c.DocumentMessage.GetFileName())
	case c.StickerMessage != nil:
		m.file(TypeSticker, c.StickerMessage)
		m.Media.Keys.Width, m.Media.Keys.Height = c.StickerMessage.GetWidth(), c.StickerMessage.GetHeight()
	default:
		return false
	}
	return true
}

func (m *Message) file(kind string, f MediaFile) {
	m.Type = kind
	m.Media = &MessageMedia{
		MimeType: wa.OrNull(f.GetMimetype()),
		Size:     f.GetFileLength(),
		Keys: &MediaKeys{
			URL: f.GetURL(), MediaKey: f.GetMediaKey(), DirectPath: f.GetDirectPath(),
			FileSHA256: f.GetFileSHA256(), FileEncSHA256: f.GetFileEncSHA256(),
		},
	}
	m.context(f.GetContextInfo())
}

func contactPart(m *Message, c *waE2E.Message) bool {
	var cards []*waE2E.ContactMessage
	switch {
	case c.ContactMessage != nil:
		cards = []*waE2E.ContactMessage{c.ContactMessage}
		m.context(c.ContactMessage.GetContextInfo())
	case c.ContactsArrayMessage != nil:
		cards = c.ContactsArrayMessage.GetContacts()
		m.context(c.ContactsArrayMessage.GetContextInfo())
	default:
		return false
	}
	m.Type = typeContact
	for _, card := range cards {
		m.Contacts = append(m.Contacts, MessageContact{Name: card.GetDisplayName(), VCard: card.GetVcard()})
	}
	return true
}

func pollPart(m *Message, c *waE2E.Message) bool {
	poll := FirstPoll(c)
	if poll == nil {
		return false
	}
	m.Type = typePoll
	m.Poll = &MessagePoll{
		Question: poll.GetName(), Options: []PollOption{}, SelectableCount: int(poll.GetSelectableOptionsCount()),
	}
	for _, option := range poll.GetOptions() {
		m.Poll.Options = append(m.Poll.Options, PollOption{Text: option.GetOptionName()})
	}
	m.Text = wa.OrNull(poll.GetName())
	m.context(poll.GetContextInfo())
	return true
}

// FirstPoll returns the poll in a message of any of the versions of polls, or nil.
func FirstPoll(c *waE2E.Message) *waE2E.PollCreationMessage {
	for _, poll := range []*waE2E.PollCreationMessage{
		c.PollCreationMessage, c.PollCreationMessageV2, c.PollCreationMessageV3,
		c.GetPollCreationMessageV4().GetMessage().GetPollCreationMessage(), c.PollCreationMessageV5, c.PollCreationMessageV6,
	} {
		if poll != nil {
			return poll
		}
	}
	return nil
}

func eventPart(m *Message, c *waE2E.Message) bool {
	x := c.EventMessage
	if x == nil {
		return false
	}
	m.Type = typeEvent
	m.Event = &MessageEvent{
		Name: x.GetName(), Description: wa.OrNull(x.GetDescription()), JoinLink: wa.OrNull(x.GetJoinLink()),
		StartTime: unixOrNull(x.GetStartTime()), EndTime: unixOrNull(x.GetEndTime()), Cancelled: x.GetIsCanceled(),
	}
	if place := x.GetLocation(); place != nil {
		m.Event.Location = &MessageLocation{
			Latitude: place.GetDegreesLatitude(), Longitude: place.GetDegreesLongitude(),
			Name: wa.OrNull(place.GetName()), Address: wa.OrNull(place.GetAddress()),
		}
	}
	m.Text = wa.OrNull(x.GetName())
	m.context(x.GetContextInfo())
	return true
}

func orderPart(m *Message, c *waE2E.Message) bool {
	x := c.OrderMessage
	if x == nil {
		return false
	}
	m.Type, m.Text = typeOrder, wa.OrNull(x.GetMessage())
	m.Order = &MessageOrder{
		OrderID: x.GetOrderID(), Token: x.GetToken(), ItemCount: int(x.GetItemCount()), Currency: wa.OrNull(x.GetTotalCurrencyCode()),
	}
	if x.TotalAmount1000 != nil {
		total := float64(x.GetTotalAmount1000()) / 1000
		m.Order.TotalAmount = &total
	}
	m.context(x.GetContextInfo())
	return true
}

func reactionPart(m *Message, c *waE2E.Message) bool {
	x := c.ReactionMessage
	if x == nil {
		if c.EncReactionMessage == nil {
			return false
		}
		m.Type = typeReaction
		m.Target = m.target(ActionReaction, c.EncReactionMessage.GetTargetMessageKey())
		return true
	}
	m.Type, m.Text = typeReaction, wa.OrNull(x.GetText())
	m.Target = m.target(ActionReaction, x.GetKey())
	emoji := x.GetText()
	m.Target.Emoji = &emoji
	return true
}

func pollVotePart(m *Message, c *waE2E.Message) bool {
	switch {
	case c.PollUpdateMessage != nil:
		m.Type = TypeSystem
		m.Target = m.target(ActionPollVote, c.PollUpdateMessage.GetPollCreationMessageKey())
	case c.EncEventResponseMessage != nil:
		m.Type = TypeSystem
		m.Target = m.target(ActionEventResponse, c.EncEventResponseMessage.GetEventCreationMessageKey())
	default:
		return false
	}
	return true
}

func targetPart(m *Message, c *waE2E.Message) bool {
	switch {
	case c.PinInChatMessage != nil:
		m.Type = TypeSystem
		m.Target = m.target(ActionPin, c.PinInChatMessage.GetKey())
		pinned := c.PinInChatMessage.GetType() == waE2E.PinInChatMessage_PIN_FOR_ALL
		m.Target.Pinned = &pinned
		if seconds := int(c.GetMessageContextInfo().GetMessageAddOnDurationInSecs()); seconds > 0 && pinned {
			m.Target.DurationSeconds = &seconds
		}
	case c.KeepInChatMessage != nil:
		m.Type = TypeSystem
		m.Target = m.target(ActionKeep, c.KeepInChatMessage.GetKey())
		kept := c.KeepInChatMessage.GetKeepType() == waE2E.KeepType_KEEP_FOR_ALL
		m.Target.Kept = &kept
	case c.EncCommentMessage != nil:
		m.Type = TypeSystem
		m.Target = m.target(ActionComment, c.EncCommentMessage.GetTargetMessageKey())
	case c.CommentMessage != nil:
		target := m.target(ActionComment, c.CommentMessage.GetTargetMessageKey())
		if m.describe(WithoutEnvelopes(c.CommentMessage.GetMessage())); m.Type == TypeUnknown {
			m.Type = TypeSystem
		}
		m.Target = target
	default:
		return false
	}
	return true
}

func invitePart(m *Message, c *waE2E.Message) bool {
	x := c.GroupInviteMessage
	if x == nil {
		return false
	}
	m.Type, m.Text = typeGroupInvite, wa.OrNull(x.GetCaption())
	inviter := m.Sender
	m.GroupInvite = &MessageInvite{
		Group: x.GetGroupJID(), Code: x.GetInviteCode(), ExpiresAt: unixOrNull(x.GetInviteExpiration()),
		Inviter: &inviter, Caption: wa.OrNull(x.GetCaption()), GroupName: wa.OrNull(x.GetGroupName()),
	}
	m.context(x.GetContextInfo())
	return true
}

func paymentPart(m *Message, c *waE2E.Message) bool {
	switch {
	case c.SendPaymentMessage != nil:
		m.Payment = &MessagePayment{Note: wa.OrNull(c.SendPaymentMessage.GetNoteMessage().GetConversation())}
	case c.RequestPaymentMessage != nil:
		x := c.RequestPaymentMessage
		m.Payment = &MessagePayment{
			Amount: thousandths(x.GetAmount1000()), Currency: wa.OrNull(x.GetCurrencyCodeIso4217()),
			Receiver: wa.OrNull(x.GetRequestFrom()), Note: wa.OrNull(x.GetNoteMessage().GetConversation()),
		}
	case c.DeclinePaymentRequestMessage != nil, c.CancelPaymentRequestMessage != nil, c.PaymentInviteMessage != nil:
		m.Payment = &MessagePayment{}
	default:
		return false
	}
	m.Type = typePayment
	return true
}

func protocolPart(m *Message, c *waE2E.Message) bool {
	x := c.ProtocolMessage
	if x == nil {
		return false
	}
	m.Type = TypeSystem
	switch x.GetType() {
	case waE2E.ProtocolMessage_REVOKE:
		m.Target = m.target(ActionRevoke, x.GetKey())
	case waE2E.ProtocolMessage_MESSAGE_EDIT:
		target := m.target(ActionEdit, x.GetKey())
		if edited := x.GetEditedMessage(); edited != nil {
			m.describe(WithoutEnvelopes(edited))
		}
		m.Target = target
		m.EditedAt = MillisOrNull(x.GetTimestampMS())
	case waE2E.ProtocolMessage_EPHEMERAL_SETTING:
		seconds := int(x.GetEphemeralExpiration())
		m.DisappearingSeconds = &seconds
	}
	return true
}

func unixOrNull(seconds int64) *time.Time {
	if seconds == 0 {
		return nil
	}
	t := time.Unix(seconds, 0).UTC()
	return &t
}

// MillisOrNull returns a time in milliseconds since 1970, or nil for 0.
func MillisOrNull(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := time.UnixMilli(ms).UTC()
	return &t
}

func thousandths(amount uint64) *string {
	if amount == 0 {
		return nil
	}
	text := strconv.FormatFloat(float64(amount)/1000, 'f', -1, 64)
	return &text
}
