package message

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/util/random"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/wa"
)

// Content is one message body: Type, and the fields of that type.
type Content struct {
	Type string `json:"type" rpc:"required,enum=text|image|video|audio|document|sticker|location|contact|poll|event|buttons|list|native_flow|carousel|order" doc:"kind of message"`

	Text        string   `json:"text" rpc:"max=65536" doc:"text: the text; buttons, list, native_flow, carousel: the body"`
	Verbatim    bool     `json:"verbatim" doc:"text, contact, document: send a blank text, a vCard of any form and a filename with slashes, as other gateways do; default false"`
	LinkPreview bool     `json:"link_preview" doc:"text: fetch a preview for the first link; default false"`
	Preview     *Preview `json:"preview" doc:"text: ready-made preview instead of fetching"`

	BackgroundColor string `json:"background_color" rpc:"max=9" doc:"status text: #AARRGGBB"`
	TextColor       string `json:"text_color" rpc:"max=9" doc:"status text: #AARRGGBB"`
	Font            int    `json:"font" rpc:"min=0,max=20" doc:"status text: font number"`

	Media       *MediaSource `json:"media" doc:"image, video, audio, document, sticker: the file; buttons: what stands above"`
	Caption     string       `json:"caption" rpc:"max=65536" doc:"image, video, document: text under it"`
	ViewOnce    bool         `json:"view_once" doc:"image, video, audio: opens once; excludes disappearing_seconds"`
	Thumbnail   *MediaSource `json:"thumbnail" doc:"image, video, document: small jpeg"`
	VideoNote   bool         `json:"video_note" doc:"video: round video note; default false"`
	GIFPlayback bool         `json:"gif_playback" doc:"video: loop without sound; default false"`
	VoiceNote   bool         `json:"voice_note" doc:"audio: voice note with waveform; default false"`
	PackName    string       `json:"pack_name" rpc:"max=128" doc:"sticker: pack name written into the file"`
	PackAuthor  string       `json:"pack_author" rpc:"max=128" doc:"sticker: author written into the file"`

	Latitude  *float64 `json:"latitude" rpc:"min=-90,max=90" doc:"location: degrees"`
	Longitude *float64 `json:"longitude" rpc:"min=-180,max=180" doc:"location: degrees"`
	Name      string   `json:"name" rpc:"max=1024" doc:"location: name of the place; event: title"`
	Address   string   `json:"address" rpc:"max=1024" doc:"location: address line"`

	Contacts []ContactCard `json:"contacts" rpc:"max=100" doc:"contact: the cards"`

	Question        string   `json:"question" rpc:"max=255" doc:"poll: what is asked"`
	Options         []string `json:"options" rpc:"max=12,each.min=1,each.max=100" doc:"poll: 2 to 12 answers"`
	SelectableCount *int     `json:"selectable_count" rpc:"min=0,max=12" doc:"poll: how many may be chosen; 0 = any number; default 1"`

	Description        string         `json:"description" rpc:"max=2048" doc:"event: text"`
	StartAt            *time.Time     `json:"start_at" doc:"event: begin"`
	EndAt              *time.Time     `json:"end_at" doc:"event: end"`
	Location           *EventLocation `json:"location" doc:"event: place"`
	ExtraGuestsAllowed bool           `json:"extra_guests_allowed" doc:"event: guests may bring others"`
	Canceled           bool           `json:"canceled" doc:"event: marks a cancellation"`
	ScheduledCall      bool           `json:"scheduled_call" doc:"event: the event is a call"`

	Title          string        `json:"title" rpc:"max=256" doc:"buttons, list: line above the text"`
	Footer         string        `json:"footer" rpc:"max=256" doc:"buttons, list, native_flow: line below the text"`
	MediaKind      string        `json:"media_kind" rpc:"enum=image|video|document" doc:"buttons: what the file is shown as; default from the MIME type"`
	Buttons        []AnyButton   `json:"buttons" rpc:"max=10" doc:"buttons, native_flow: the buttons"`
	ButtonText     string        `json:"button_text" rpc:"max=20" doc:"list: label that opens it"`
	Sections       []ListSection `json:"sections" rpc:"max=10" doc:"list: what can be chosen"`
	AsText         bool          `json:"as_text" doc:"list: as plain numbered text; default false"`
	Header         *FlowHeader   `json:"header" doc:"native_flow: what stands above the text"`
	MessageParams  wa.JSONObject `json:"message_params" doc:"native_flow: parameters of the whole message"`
	MessageVersion int           `json:"message_version" rpc:"min=1,max=100" doc:"native_flow: version of the format; default 1"`
	Cards          []Card        `json:"cards" rpc:"max=10" doc:"carousel: the cards"`
	Items          []OrderItem   `json:"items" rpc:"max=100" doc:"order: its positions"`
	Notes          string        `json:"notes" rpc:"max=1024" doc:"order: remark"`
	Currency       string        `json:"currency" rpc:"min=3,max=3" doc:"order: ISO 4217, for items without one; default USD"`
}

// Preview is a link preview.
type Preview struct {
	URL         string       `json:"url" rpc:"required,format=uri,max=2048" doc:"address, as it occurs in the text"`
	Title       string       `json:"title" rpc:"max=1024" doc:"title"`
	Description string       `json:"description" rpc:"max=4096" doc:"description"`
	Thumbnail   *MediaSource `json:"thumbnail" doc:"picture"`
}

// ContactCard is a card to send: a vCard, or a contact to make one of.
type ContactCard struct {
	Name    string `json:"name" rpc:"max=255" doc:"name shown"`
	VCard   string `json:"vcard" rpc:"max=16384" doc:"vCard"`
	Contact string `json:"contact" rpc:"format=jid" doc:"instead: a person whose card is made from the contact store"`
}

// EventLocation is the place of an event.
type EventLocation struct {
	Name      string   `json:"name" rpc:"max=1024" doc:"name of the place"`
	Latitude  *float64 `json:"latitude" rpc:"min=-90,max=90" doc:"degrees"`
	Longitude *float64 `json:"longitude" rpc:"min=-180,max=180" doc:"degrees"`
}

// Builder is one message on its way from content to protobuf. This is the only
// place where messages are built, whichever method sends them.
type Builder struct {
	Client   *whatsmeow.Client
	Files    *media.Library
	Owner    string // of the media files
	To       types.JID
	Content  *Content
	Log      *slog.Logger
	FindCard func(ctx context.Context, person types.JID) (name string, phoneNumber *string, err error) // reads the contact store

	// Handle is set by Build: the handle of media that were uploaded for a newsletter.
	Handle string
}

var builders = map[string]func(*Builder, context.Context) (*waE2E.Message, error){
	TypeText: (*Builder).text, TypeImage: (*Builder).image, TypeVideo: (*Builder).video, TypeAudio: (*Builder).audio,
	TypeDocument: (*Builder).document, TypeSticker: (*Builder).sticker, typeLocation: (*Builder).location,
	typeContact: (*Builder).contact, typePoll: (*Builder).poll, typeEvent: (*Builder).event,
	typeButtons: (*Builder).buttons, typeList: (*Builder).list, typeNativeFlow: (*Builder).nativeFlow,
	typeCarousel: (*Builder).carousel, typeOrder: (*Builder).order,
}

// with returns a builder of other content for the same recipient.
func (b *Builder) with(content *Content) *Builder {
	return &Builder{Client: b.Client, Files: b.Files, Owner: b.Owner, To: b.To, Content: content, Log: b.Log, FindCard: b.FindCard}
}

// Build returns the protobuf message for the content. Errors about the content are *wa.Error and name the field.
func (b *Builder) Build(ctx context.Context) (*waE2E.Message, error) {
	build := builders[b.Content.Type]
	if build == nil {
		return nil, wa.BadParam("type", "is not a kind of message that can be sent")
	}
	return build(b, ctx)
}

func (b *Builder) text(ctx context.Context) (*waE2E.Message, error) {
	if b.Content.Text == "" || !b.Content.Verbatim && strings.TrimSpace(b.Content.Text) == "" {
		return nil, wa.BadParam("text", "is empty")
	}
	text := &waE2E.ExtendedTextMessage{Text: proto.String(b.Content.Text)}
	if err := b.style(text); err != nil {
		return nil, err
	}
	if err := b.preview(ctx, text); err != nil {
		return nil, err
	}
	return &waE2E.Message{ExtendedTextMessage: text}, nil
}

func (b *Builder) style(text *waE2E.ExtendedTextMessage) error {
	for _, color := range []struct {
		field, value string
		to           **uint32
	}{
		{"background_color", b.Content.BackgroundColor, &text.BackgroundArgb}, {"text_color", b.Content.TextColor, &text.TextArgb},
	} {
		if color.value == "" {
			continue
		}
		digits, hash := strings.CutPrefix(color.value, "#")
		value, err := strconv.ParseUint(digits, 16, 32)
		if !hash || len(digits) != 8 || err != nil {
			return wa.BadParam(color.field, "is not of the form #AARRGGBB")
		}
		*color.to = proto.Uint32(uint32(value))
	}
	if b.Content.Font != 0 {
		text.Font = waE2E.ExtendedTextMessage_FontType(b.Content.Font).Enum()
	}
	return nil
}

// Simplify turns a text message that says nothing beside its text into the
// short form, as WhatsApp's apps send it.
func Simplify(m *waE2E.Message) {
	text := m.ExtendedTextMessage
	if text == nil || text.ContextInfo != nil || text.MatchedText != nil || text.BackgroundArgb != nil || text.TextArgb != nil || text.Font != nil {
		return
	}
	m.Conversation, m.ExtendedTextMessage = text.Text, nil
}

func (b *Builder) location(context.Context) (*waE2E.Message, error) {
	switch {
	case b.Content.Latitude == nil:
		return nil, wa.BadParam("latitude", "is missing")
	case b.Content.Longitude == nil:
		return nil, wa.BadParam("longitude", "is missing")
	}
	return &waE2E.Message{LocationMessage: &waE2E.LocationMessage{
		DegreesLatitude: b.Content.Latitude, DegreesLongitude: b.Content.Longitude, Name: wa.OrNull(b.Content.Name), Address: wa.OrNull(b.Content.Address),
	}}, nil
}

func (b *Builder) contact(ctx context.Context) (*waE2E.Message, error) {
	if len(b.Content.Contacts) == 0 {
		return nil, wa.BadParam("contacts", "is empty")
	}
	cards := make([]*waE2E.ContactMessage, len(b.Content.Contacts))
	for i := range b.Content.Contacts {
		card, err := b.card(ctx, &b.Content.Contacts[i])
		if err != nil {
			return nil, wa.InField("contacts/"+strconv.Itoa(i), err)
		}
		cards[i] = card
	}
	if len(cards) == 1 {
		return &waE2E.Message{ContactMessage: cards[0]}, nil
	}
	return &waE2E.Message{ContactsArrayMessage: &waE2E.ContactsArrayMessage{
		DisplayName: proto.String(fmt.Sprintf("%d contacts", len(cards))), Contacts: cards,
	}}, nil
}

func (b *Builder) card(ctx context.Context, card *ContactCard) (*waE2E.ContactMessage, error) {
	switch {
	case card.VCard != "" && card.Contact != "":
		return nil, wa.BadParam("contact", "cannot stand beside a vcard")
	case card.VCard != "":
		if !b.Content.Verbatim && !strings.HasPrefix(strings.ToUpper(strings.TrimSpace(card.VCard)), "BEGIN:VCARD") {
			return nil, wa.BadParam("vcard", "does not begin with BEGIN:VCARD")
		}
		if card.Name == "" {
			return nil, wa.BadParam("name", "is needed with a vcard")
		}
		return &waE2E.ContactMessage{DisplayName: proto.String(card.Name), Vcard: proto.String(card.VCard)}, nil
	case card.Contact == "":
		return nil, wa.BadParam("vcard", "is missing")
	}
	jid, err := wa.ParsePerson("contact", card.Contact)
	if err != nil {
		return nil, err
	}
	known, phoneNumber, err := b.FindCard(ctx, jid)
	if err != nil {
		return nil, err
	}
	if phoneNumber == nil {
		return nil, wa.BadParam("contact", "has no known phone number to put on a card")
	}
	name := card.Name
	if name == "" {
		name = known
	}
	return &waE2E.ContactMessage{DisplayName: proto.String(name), Vcard: proto.String(vCard(name, *phoneNumber))}, nil
}

var vCardText = strings.NewReplacer(`\`, `\\`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`, ",", `\,`, ";", `\;`)

// vCard makes a card (RFC 2426) whose waid lets WhatsApp link the person.
func vCard(name, number string) string {
	name = vCardText.Replace(name)
	return "BEGIN:VCARD\nVERSION:3.0\nN:;" + name + ";;;\nFN:" + name + "\nTEL;type=CELL;waid=" + number + ":+" + number + "\nEND:VCARD"
}

const minPollOptions = 2

func (b *Builder) poll(context.Context) (*waE2E.Message, error) {
	switch {
	case strings.TrimSpace(b.Content.Question) == "":
		return nil, wa.BadParam("question", "is empty")
	case len(b.Content.Options) < minPollOptions:
		return nil, wa.BadParam("options", "needs at least %d answers", minPollOptions)
	}
	for i, option := range b.Content.Options {
		if strings.TrimSpace(option) == "" {
			return nil, wa.BadParam("options/"+strconv.Itoa(i), "is empty")
		}
		// Votes name an option by its hash, so options must have different texts.
		if slices.Contains(b.Content.Options[:i], option) {
			return nil, wa.BadParam("options/"+strconv.Itoa(i), "is there twice")
		}
	}
	selectable := 1
	if b.Content.SelectableCount != nil {
		selectable = *b.Content.SelectableCount
	}
	if selectable > len(b.Content.Options) {
		return nil, wa.BadParam("selectable_count", "is more than there are options")
	}
	return b.Client.BuildPollCreation(b.Content.Question, b.Content.Options, selectable), nil
}

func (b *Builder) event(context.Context) (*waE2E.Message, error) {
	switch {
	case strings.TrimSpace(b.Content.Name) == "":
		return nil, wa.BadParam("name", "is empty")
	case b.Content.StartAt == nil:
		return nil, wa.BadParam("start_at", "is missing")
	case b.Content.EndAt != nil && b.Content.EndAt.Before(*b.Content.StartAt):
		return nil, wa.BadParam("end_at", "is before start_at")
	}
	event := &waE2E.EventMessage{
		Name: proto.String(b.Content.Name), Description: wa.OrNull(b.Content.Description), StartTime: proto.Int64(b.Content.StartAt.Unix()),
		IsCanceled: proto.Bool(b.Content.Canceled), ExtraGuestsAllowed: proto.Bool(b.Content.ExtraGuestsAllowed), IsScheduleCall: proto.Bool(b.Content.ScheduledCall),
	}
	if b.Content.EndAt != nil {
		event.EndTime = proto.Int64(b.Content.EndAt.Unix())
	}
	if place := b.Content.Location; place != nil {
		event.Location = &waE2E.LocationMessage{Name: wa.OrNull(place.Name), DegreesLatitude: place.Latitude, DegreesLongitude: place.Longitude}
	}
	// Answers to an event are encrypted with this secret.
	return &waE2E.Message{EventMessage: event, MessageContextInfo: &waE2E.MessageContextInfo{MessageSecret: random.Bytes(32)}}, nil
}
