package message

import (
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

	actionCallCancel = "call_cancel"
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

// moreKinds are the kinds of content that need few lines each. The first whose
// part reports true is the message's; type is set before it is called.
var moreKinds = []struct {
	kind string
	part func(*Message, *waE2E.Message) bool
}{
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

// morePart tries moreKinds on a copy each, so that a kind that does not match
// leaves nothing behind.
func morePart(m *Message, c *waE2E.Message) bool {
	for _, kind := range moreKinds {
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
