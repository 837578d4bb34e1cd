package message

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"github.com/waystation/waystation/bridge/wa"
)

// The types of messages with content of their own that is not in message.go.
const (
	typeAlbum            = "album"
	typeCall             = "call"
	typeScheduledCall    = "scheduled_call"
	typeProduct          = "product"
	typeInvoice          = "invoice"
	typeEventInvite      = "event_invite"
	typeStickerPack      = "sticker_pack"
	typePhoneNumber      = "phone_number_request"
	typeNewsletterInvite = "newsletter_invite"
	typePollResult       = "poll_result"
	typeMusic            = "music"

	actionCallCancel         = "call_cancel"
	actionStatusNotification = "status_notification"

	// reasonLinkedDevice is the reason why a message has no content on linked devices.
	reasonLinkedDevice = "linked_device"
)

// MessageAlbum announces pictures and films that follow as messages of their own,
// with parent_message_id.
type MessageAlbum struct {
	ImageCount int `json:"image_count"`
	VideoCount int `json:"video_count"`
}

// MessageCall is a call as the chat shows it, or one that is planned.
type MessageCall struct {
	Video           bool       `json:"video"`
	Outcome         *string    `json:"outcome"` // connected, missed, failed, rejected, accepted_elsewhere, ongoing, silenced_by_dnd, silenced_unknown_caller
	DurationSeconds int64      `json:"duration_seconds"`
	Title           *string    `json:"title"`
	StartTime       *time.Time `json:"start_time"`
}

// MessageProduct is a product of a catalogue.
type MessageProduct struct {
	ProductID   string   `json:"product_id"`
	Title       *string  `json:"title"`
	Description *string  `json:"description"`
	Price       *float64 `json:"price"`
	Currency    *string  `json:"currency"`
	RetailerID  *string  `json:"retailer_id"`
	URL         *string  `json:"url"`
}

// MessageStickerPack is a pack of stickers.
type MessageStickerPack struct {
	PackID       string  `json:"pack_id"`
	Name         *string `json:"name"`
	Publisher    *string `json:"publisher"`
	Description  *string `json:"description"`
	StickerCount int     `json:"sticker_count"`
}

// MessageNewsletterInvite invites to follow a newsletter, or to become its admin.
type MessageNewsletterInvite struct {
	Newsletter string     `json:"newsletter"`
	Name       *string    `json:"name"`
	Admin      bool       `json:"admin"`
	ExpiresAt  *time.Time `json:"expires_at"`
}

func placePart(m *Message, c *waE2E.Message) bool {
	switch {
	case c.LocationMessage != nil:
		x := c.LocationMessage
		m.Location = &MessageLocation{
			Latitude: x.GetDegreesLatitude(), Longitude: x.GetDegreesLongitude(),
			Name: wa.OrNull(x.GetName()), Address: wa.OrNull(x.GetAddress()), Live: x.GetIsLive(),
		}
		m.Text = wa.OrNull(x.GetComment())
		m.context(x.GetContextInfo())
	case c.LiveLocationMessage != nil:
		x := c.LiveLocationMessage
		m.Location = &MessageLocation{
			Latitude: x.GetDegreesLatitude(), Longitude: x.GetDegreesLongitude(), Live: true, AccuracyMeters: x.GetAccuracyInMeters(),
			SpeedMPS: x.GetSpeedInMps(), BearingDegrees: x.GetDegreesClockwiseFromMagneticNorth(), Sequence: x.GetSequenceNumber(),
			ElapsedSeconds: x.GetTimeOffset(),
		}
		m.Text = wa.OrNull(x.GetCaption())
		m.context(x.GetContextInfo())
	default:
		return false
	}
	m.Type = typeLocation
	return true
}

// readKind reads one kind of content; part reports whether a message has it.
type readKind struct {
	kind string
	part func(*Message, *waE2E.Message) bool
}

// moreKinds are the kinds of content that need few lines each. The first whose
// part reports true is the message's; type is set before it is called.
var moreKinds = []readKind{
	{typeAlbum, func(m *Message, c *waE2E.Message) bool {
		x := c.AlbumMessage
		m.Album = &MessageAlbum{ImageCount: int(x.GetExpectedImageCount()), VideoCount: int(x.GetExpectedVideoCount())}
		return x != nil
	}},
	{typeCall, func(m *Message, c *waE2E.Message) bool {
		x := c.CallLogMesssage
		m.Call = &MessageCall{Video: x.GetIsVideo(), DurationSeconds: x.GetDurationSecs()}
		if x.GetCallOutcome().String() != "" && x != nil {
			m.Call.Outcome = wa.OrNull(strings.ToLower(x.GetCallOutcome().String()))
		}
		return x != nil
	}},
	{typeCall, func(m *Message, c *waE2E.Message) bool {
		x := c.BcallMessage
		m.Call, m.Text = &MessageCall{Video: x.GetMediaType() == waE2E.BCallMessage_VIDEO}, wa.OrNull(x.GetCaption())
		return x != nil
	}},
	{typeScheduledCall, func(m *Message, c *waE2E.Message) bool {
		x := c.ScheduledCallCreationMessage
		m.Call = &MessageCall{
			Video: x.GetCallType() == waE2E.ScheduledCallCreationMessage_VIDEO, Title: wa.OrNull(x.GetTitle()), StartTime: MillisOrNull(x.GetScheduledTimestampMS()),
		}
		m.Text = wa.OrNull(x.GetTitle())
		return x != nil
	}},
	{TypeSystem, func(m *Message, c *waE2E.Message) bool {
		x := c.ScheduledCallEditMessage
		if x != nil {
			m.Target = m.target(actionCallCancel, x.GetKey())
		}
		return x != nil
	}},
	{typeProduct, func(m *Message, c *waE2E.Message) bool {
		x, product := c.ProductMessage, c.GetProductMessage().GetProduct()
		m.Text = wa.OrNull(x.GetBody())
		m.Product = &MessageProduct{
			ProductID: product.GetProductID(), Title: wa.OrNull(product.GetTitle()), Description: wa.OrNull(product.GetDescription()),
			Currency: wa.OrNull(product.GetCurrencyCode()), RetailerID: wa.OrNull(product.GetRetailerID()), URL: wa.OrNull(product.GetURL()),
		}
		if product.GetPriceAmount1000() != 0 {
			price := float64(product.GetPriceAmount1000()) / 1000
			m.Product.Price = &price
		}
		if m.Text == nil {
			m.Text = m.Product.Title
		}
		return x != nil
	}},
	{typeInvoice, func(m *Message, c *waE2E.Message) bool {
		m.Text = wa.OrNull(c.GetInvoiceMessage().GetNote())
		return c.InvoiceMessage != nil
	}},
	{typeEventInvite, func(m *Message, c *waE2E.Message) bool {
		x := c.EventInviteMessage
		m.Text = wa.OrNull(x.GetCaption())
		m.Event = &MessageEvent{
			Name: x.GetEventTitle(), JoinLink: wa.OrNull(x.GetCallLink()), StartTime: unixOrNull(x.GetStartTime()), EndTime: unixOrNull(x.GetEndTime()),
			Cancelled: x.GetIsCanceled(),
		}
		return x != nil
	}},
	{typeStickerPack, func(m *Message, c *waE2E.Message) bool {
		x := c.StickerPackMessage
		m.Text = wa.OrNull(x.GetCaption())
		m.StickerPack = &MessageStickerPack{
			PackID: x.GetStickerPackID(), Name: wa.OrNull(x.GetName()), Publisher: wa.OrNull(x.GetPublisher()), Description: wa.OrNull(x.GetPackDescription()),
			StickerCount: len(x.GetStickers()),
		}
		return x != nil
	}},
	{typePhoneNumber, func(_ *Message, c *waE2E.Message) bool { return c.RequestPhoneNumberMessage != nil }},
	{typeNewsletterInvite, func(m *Message, c *waE2E.Message) bool {
		x := c.NewsletterAdminInviteMessage
		m.Text = wa.OrNull(x.GetCaption())
		m.NewsletterInvite = &MessageNewsletterInvite{
			Newsletter: x.GetNewsletterJID(), Name: wa.OrNull(x.GetNewsletterName()), Admin: true, ExpiresAt: unixOrNull(x.GetInviteExpiration()),
		}
		return x != nil
	}},
	{typeNewsletterInvite, func(m *Message, c *waE2E.Message) bool {
		x := c.NewsletterFollowerInviteMessageV2
		m.Text = wa.OrNull(x.GetCaption())
		m.NewsletterInvite = &MessageNewsletterInvite{Newsletter: x.GetNewsletterJID(), Name: wa.OrNull(x.GetNewsletterName())}
		return x != nil
	}},
	{typePollResult, func(m *Message, c *waE2E.Message) bool {
		x := c.PollResultSnapshotMessage
		if x == nil {
			x = c.PollResultSnapshotMessageV3
		}
		m.Text = wa.OrNull(x.GetName())
		m.Poll = &MessagePoll{Question: x.GetName(), Options: []PollOption{}}
		for _, vote := range x.GetPollVotes() {
			m.Poll.Options = append(m.Poll.Options, PollOption{Text: vote.GetOptionName(), VoteCount: int(vote.GetOptionVoteCount())})
		}
		return x != nil
	}},
	{typeMusic, func(m *Message, c *waE2E.Message) bool {
		song := c.GetMusicMessage().GetEmbeddedMusic()
		m.Text = wa.OrNull(strings.Trim(song.GetTitle()+" - "+song.GetAuthor(), " -"))
		return c.MusicMessage != nil
	}},
	{TypeText, func(m *Message, c *waE2E.Message) bool {
		m.Text = wa.OrNull(c.GetQuestionResponseMessage().GetText())
		return c.QuestionResponseMessage != nil
	}},
	{TypeText, func(m *Message, c *waE2E.Message) bool {
		m.Text = wa.OrNull(c.GetStatusQuestionAnswerMessage().GetText())
		return c.StatusQuestionAnswerMessage != nil
	}},
	{TypeText, func(m *Message, c *waE2E.Message) bool {
		m.Text = wa.OrNull(c.GetStatusQuotedMessage().GetText())
		return c.StatusQuotedMessage != nil
	}},
	{typePayment, func(m *Message, c *waE2E.Message) bool {
		x := c.PaymentReminderMessage
		m.Payment = &MessagePayment{Note: wa.OrNull(x.GetDescription())}
		if x != nil {
			m.Payment.Status = wa.OrNull(strings.ToLower(x.GetStatus().String()))
		}
		return x != nil
	}},
}

// rareKinds are kinds of content that few accounts receive.
var rareKinds = []readKind{
	{TypeText, func(m *Message, c *waE2E.Message) bool { // answers of WhatsApp's assistants
		var texts []string
		for _, part := range c.GetRichResponseMessage().GetSubmessages() {
			if text := part.GetMessageText(); text != "" {
				texts = append(texts, text)
			}
		}
		m.Text = wa.OrNull(strings.Join(texts, "\n"))
		return c.RichResponseMessage != nil
	}},
	{typeButtons, func(m *Message, c *waE2E.Message) bool {
		template := c.GetHighlyStructuredMessage().GetHydratedHsm()
		return template != nil && interactivePart(m, &waE2E.Message{TemplateMessage: template})
	}},
	{typePayment, func(m *Message, c *waE2E.Message) bool {
		x := c.SplitPaymentMessage
		m.Payment = &MessagePayment{
			Amount: amountOf(x.GetTotalAmount()), Currency: wa.OrNull(x.GetTotalAmount().GetCurrencyCode()), Receiver: wa.OrNull(x.GetRequesterJID()),
			Note: wa.OrNull(x.GetDescription()),
		}
		return x != nil
	}},
	{typePayment, func(m *Message, c *waE2E.Message) bool {
		m.Payment = &MessagePayment{Receiver: wa.OrNull(c.GetSplitPaymentUpdateMessage().GetParticipantJID())}
		return c.SplitPaymentUpdateMessage != nil
	}},
	{TypeSystem, func(m *Message, c *waE2E.Message) bool {
		if x := c.StatusNotificationMessage; x != nil {
			m.Target = m.target(actionStatusNotification, x.GetResponseMessageKey())
		}
		return c.StatusNotificationMessage != nil
	}},
	{typeReaction, func(m *Message, c *waE2E.Message) bool { // with a sticker of the status, so without an emoji
		if x := c.StatusStickerInteractionMessage; x != nil {
			m.Target = m.target(ActionReaction, x.GetKey())
		}
		return c.StatusStickerInteractionMessage != nil
	}},
	{TypeSystem, func(_ *Message, c *waE2E.Message) bool { return c.MessageHistoryNotice != nil }},
	{TypeUnavailable, func(m *Message, c *waE2E.Message) bool {
		m.UnavailableReason = wa.OrNull(reasonLinkedDevice)
		return c.PlaceholderMessage != nil
	}},
}

var furtherKinds = slices.Concat(moreKinds, rareKinds)

// amountOf returns an amount of money as decimal number; nil if it has none. Its offset is the divisor: 1000 for thousandths.
func amountOf(money *waE2E.Money) *string {
	if money == nil || money.GetOffset() == 0 {
		return nil
	}
	text := strconv.FormatFloat(float64(money.GetValue())/float64(money.GetOffset()), 'f', -1, 64)
	return &text
}

// morePart tries moreKinds on a copy each, so that a kind that does not match
// leaves nothing behind.
func morePart(m *Message, c *waE2E.Message) bool {
	for _, kind := range furtherKinds {
		tried := *m
		if !kind.part(&tried, c) {
			continue
		}
		*m = tried
		m.Type = kind.kind
		m.context(ContextOf(c))
		return true
	}
	return false
}
