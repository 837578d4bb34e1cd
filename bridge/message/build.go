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
	// FindSubject returns the message that a target names.
	FindSubject func(ctx context.Context, target *ActTarget) (*Subject, error)
	// GroupName returns the name of a group; empty if it is not known.
	GroupName func(ctx context.Context, group types.JID) string

	// Handle is set by Build: the handle of media that were uploaded for a newsletter.
	Handle string
	// Act is set by Build for content that acts on another message: the part of it that the protobuf has encrypted.
	Act *MessageTarget
}

var builders = map[string]func(*Builder, context.Context) (*waE2E.Message, error){
	TypeText: (*Builder).text, TypeImage: (*Builder).image, TypeVideo: (*Builder).video, TypeAudio: (*Builder).audio,
	TypeDocument: (*Builder).document, typeFile: (*Builder).file, TypeSticker: (*Builder).sticker, typeLocation: (*Builder).location,
	typeContact: (*Builder).contact, typePoll: (*Builder).poll, typeEvent: (*Builder).event,
	typeButtons: (*Builder).buttons, typeList: (*Builder).list, typeNativeFlow: (*Builder).nativeFlow,
	typeCarousel: (*Builder).carousel, typeOrder: (*Builder).order,
	typeGroupInvite: (*Builder).groupInvite, typeNewsletterInvite: (*Builder).newsletterInvite,
	ActionPollVote: (*Builder).act, ActionEventResponse: (*Builder).act, ActionPin: (*Builder).act, ActionKeep: (*Builder).act, TypeSystem: (*Builder).act,
	typeAlbum: (*Builder).album, typeStickerPack: (*Builder).stickerPack,
}

// with returns a builder of other content for the same recipient.
func (b *Builder) with(content *Content) *Builder {
	other := *b
	other.Content, other.Handle, other.Act = content, "", nil
	return &other
}

// Build returns the protobuf message for the content. Errors about the content are *wa.Error and name the field.
func (b *Builder) Build(ctx context.Context) (*waE2E.Message, error) {
	build := builders[b.Content.Type]
	switch {
	case build == nil:
		return nil, wa.BadParam("type", "is not a kind of message that can be sent")
	case b.Content.ParentMessageID != "" && b.Content.Type != TypeImage && b.Content.Type != TypeVideo:
		return nil, wa.BadParam("parent_message_id", "goes with images and videos only")
	}
	if err := b.checkComment(); err != nil {
		return nil, err
	}
	m, err := build(b, ctx)
	if err != nil || b.Content.ParentMessageID == "" {
		return m, err
	}
	return b.inAlbum(ctx, m)
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
	c, field := b.Content, ""
	place := EventLocation{Latitude: c.Latitude, Longitude: c.Longitude, Name: c.Name, Address: c.Address}
	if c.Location != nil {
		place, field = *c.Location, "location/"
	}
	switch {
	case place.Latitude == nil:
		return nil, wa.BadParam(field+"latitude", "is missing")
	case place.Longitude == nil:
		return nil, wa.BadParam(field+"longitude", "is missing")
	case place.Live:
		return liveLocation(&place, c.Caption), nil
	}
	return &waE2E.Message{LocationMessage: &waE2E.LocationMessage{
		DegreesLatitude: place.Latitude, DegreesLongitude: place.Longitude, Name: wa.OrNull(place.Name), Address: wa.OrNull(place.Address),
		Comment: wa.OrNull(c.Caption),
	}}, nil
}

// liveLocation builds one position. WhatsApp's apps number positions by their time in microseconds.
func liveLocation(place *EventLocation, caption string) *waE2E.Message {
	live := &waE2E.LiveLocationMessage{
		DegreesLatitude: place.Latitude, DegreesLongitude: place.Longitude, Caption: wa.OrNull(caption), SequenceNumber: proto.Int64(place.Sequence),
		TimeOffset: proto.Uint32(uint32(max(0, place.ElapsedSeconds))),
	}
	if place.Sequence == 0 {
		live.SequenceNumber = proto.Int64(time.Now().UnixMicro())
	}
	if place.AccuracyMeters > 0 {
		live.AccuracyInMeters = proto.Uint32(uint32(place.AccuracyMeters))
	}
	if place.SpeedMPS > 0 {
		live.SpeedInMps = proto.Float32(float32(place.SpeedMPS))
	}
	if place.BearingDegrees > 0 {
		live.DegreesClockwiseFromMagneticNorth = proto.Uint32(uint32(place.BearingDegrees))
	}
	return &waE2E.Message{LiveLocationMessage: live}
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
		event.Location = &waE2E.LocationMessage{
			Name: wa.OrNull(place.Name), Address: wa.OrNull(place.Address), DegreesLatitude: place.Latitude, DegreesLongitude: place.Longitude,
		}
	}
	// Answers to an event are encrypted with this secret.
	return &waE2E.Message{EventMessage: event, MessageContextInfo: &waE2E.MessageContextInfo{MessageSecret: random.Bytes(32)}}, nil
}
