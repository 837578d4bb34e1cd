package message

import (
	"context"
	"strconv"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/wa"
)

// Bounds of interactive messages, in characters where they are about text.
// WhatsApp's apps cut what is longer.
const (
	maxInteractiveText = 4096
	maxInteractiveLine = 256 // title, subtitle, footer
	maxCards           = 10
)

// FlowButton is a button of a native-flow message as WhatsApp has it.
type FlowButton struct {
	Name   string        `json:"name" rpc:"required,min=1,max=128" doc:"WhatsApp's name of the kind of button"`
	Params wa.JSONObject `json:"params" doc:"its parameters; default none"`
}

// FlowButtons puts native-flow buttons into a content object.
func FlowButtons(list []FlowButton) []AnyButton {
	out := make([]AnyButton, len(list))
	for i, b := range list {
		out[i] = AnyButton{Name: b.Name, Params: b.Params}
	}
	return out
}

// FlowHeader is the header above the text of a native-flow message.
type FlowHeader struct {
	Title     string       `json:"title" rpc:"max=256" doc:"line above the text"`
	Subtitle  string       `json:"subtitle" rpc:"max=256" doc:"smaller line"`
	Media     *MediaSource `json:"media" doc:"picture, video or file"`
	MediaKind string       `json:"media_kind" rpc:"enum=image|video|document" doc:"default from the MIME type"`
	Caption   string       `json:"caption" rpc:"max=1024" doc:"text kept with the file"`
}

// Card is one of the cards of a carousel.
type Card struct {
	Text      string       `json:"text" rpc:"required,min=1,max=4096" doc:"text"`
	Media     *MediaSource `json:"media" doc:"picture, video or file above the text"`
	MediaKind string       `json:"media_kind" rpc:"enum=image|video|document" doc:"default from the MIME type"`
	Caption   string       `json:"caption" rpc:"max=256" doc:"small line below the text"`
	Buttons   []Button     `json:"buttons" rpc:"required,min=1,max=3" doc:"1 to 3"`
}

// checkInteractive refuses chats that WhatsApp delivers no buttons to.
func (b *Builder) checkInteractive() error {
	switch b.To.Server {
	case types.NewsletterServer:
		return &wa.Error{Reason: wa.ReasonNotSupported, Field: "to", Message: "newsletters take no messages with buttons"}
	case types.BroadcastServer:
		return &wa.Error{Reason: wa.ReasonNotSupported, Field: "to", Message: "status and broadcasts take no messages with buttons"}
	}
	return nil
}

func (b *Builder) checkLines() error {
	for _, line := range []struct {
		field, text string
		max         int
	}{{"text", b.Content.Text, maxInteractiveText}, {"title", b.Content.Title, maxInteractiveLine}, {"footer", b.Content.Footer, maxInteractiveLine}} {
		if err := checkLength(line.field, line.text, line.max); err != nil {
			return err
		}
	}
	return nil
}

// buttons makes a native-flow message: WhatsApp's apps no longer show the older
// button and template messages.
func (b *Builder) buttons(ctx context.Context) (*waE2E.Message, error) {
	if err := b.checkInteractive(); err != nil {
		return nil, err
	}
	if err := b.checkLines(); err != nil {
		return nil, err
	}
	if strings.TrimSpace(b.Content.Text) == "" && b.Content.Media == nil {
		return nil, wa.BadParam("text", "is needed without media")
	}
	buttons, err := flowButtons(b.Content.Buttons, maxButtons)
	if err != nil {
		return nil, err
	}
	header, err := b.header(ctx, &FlowHeader{Title: b.Content.Title, Media: b.Content.Media, MediaKind: b.Content.MediaKind})
	if err != nil {
		return nil, err
	}
	return flowMessage(header, b.Content.Text, b.Content.Footer, &waE2E.InteractiveMessage_NativeFlowMessage{
		Buttons: buttons, MessageVersion: proto.Int32(flowVersion),
	}), nil
}

func flowMessage(header *waE2E.InteractiveMessage_Header, text, footer string, flow *waE2E.InteractiveMessage_NativeFlowMessage) *waE2E.Message {
	m := interactive(header, text, footer)
	m.InteractiveMessage = &waE2E.InteractiveMessage_NativeFlowMessage_{NativeFlowMessage: flow}
	return &waE2E.Message{InteractiveMessage: m}
}

func interactive(header *waE2E.InteractiveMessage_Header, text, footer string) *waE2E.InteractiveMessage {
	m := &waE2E.InteractiveMessage{Header: header, Body: &waE2E.InteractiveMessage_Body{Text: proto.String(text)}}
	if footer != "" {
		m.Footer = &waE2E.InteractiveMessage_Footer{Text: proto.String(footer)}
	}
	return m
}

// header returns the header above the text and uploads its file to WhatsApp; nil
// without a header.
func (b *Builder) header(ctx context.Context, h *FlowHeader) (*waE2E.InteractiveMessage_Header, error) {
	if h == nil || h.Title == "" && h.Subtitle == "" && h.Media == nil {
		return nil, nil
	}
	header := &waE2E.InteractiveMessage_Header{
		Title: wa.OrNull(h.Title), Subtitle: wa.OrNull(h.Subtitle), HasMediaAttachment: proto.Bool(h.Media != nil),
	}
	if h.Media == nil {
		return header, nil
	}
	inner := b.with(&Content{Media: h.Media, Caption: h.Caption})
	file, err := inner.prepare(ctx, media.Kind(h.MediaKind))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	switch file.Kind {
	case media.KindImage:
		image, err := inner.imageOf(ctx, file)
		if err != nil {
			return nil, err
		}
		header.Media = &waE2E.InteractiveMessage_Header_ImageMessage{ImageMessage: image}
	case media.KindVideo:
		video, err := inner.videoOf(ctx, file)
		if err != nil {
			return nil, err
		}
		header.Media = &waE2E.InteractiveMessage_Header_VideoMessage{VideoMessage: video}
	case media.KindDocument:
		document, err := inner.documentOf(ctx, file)
		if err != nil {
			return nil, err
		}
		header.Media = &waE2E.InteractiveMessage_Header_DocumentMessage{DocumentMessage: document}
	default:
		return nil, wa.BadParam("media_kind", "must be image, video or document")
	}
	return header, nil
}

// checkInteractiveText checks what interactive messages with a text of their own have in common.
func (b *Builder) checkInteractiveText() error {
	if err := b.checkInteractive(); err != nil {
		return err
	}
	if err := b.checkLines(); err != nil {
		return err
	}
	if strings.TrimSpace(b.Content.Text) == "" {
		return wa.BadParam("text", "is empty")
	}
	return nil
}

func (b *Builder) nativeFlow(ctx context.Context) (*waE2E.Message, error) {
	if err := b.checkInteractiveText(); err != nil {
		return nil, err
	}
	if len(b.Content.Buttons) == 0 || len(b.Content.Buttons) > maxButtons {
		return nil, wa.BadParam("buttons", "needs 1 to %d buttons", maxButtons)
	}
	flow := &waE2E.InteractiveMessage_NativeFlowMessage{MessageVersion: proto.Int32(flowVersion)}
	if b.Content.MessageVersion != 0 {
		flow.MessageVersion = proto.Int32(int32(b.Content.MessageVersion))
	}
	for i, button := range b.Content.Buttons {
		field := "buttons/" + strconv.Itoa(i)
		if button.Name == "" {
			return nil, wa.BadParam(field+"/name", "is missing")
		}
		params, err := flowParams(field+"/params", button.Params)
		if err != nil {
			return nil, err
		}
		flow.Buttons = append(flow.Buttons, &flowButton{Name: proto.String(button.Name), ButtonParamsJSON: proto.String(params)})
	}
	if b.Content.MessageParams != nil {
		params, err := flowParams("message_params", b.Content.MessageParams)
		if err != nil {
			return nil, err
		}
		flow.MessageParamsJSON = &params
	}
	header, err := b.header(ctx, b.Content.Header)
	if err != nil {
		return nil, wa.InField("header", err)
	}
	return flowMessage(header, b.Content.Text, b.Content.Footer, flow), nil
}

func flowParams(field string, params wa.JSONObject) (string, error) {
	switch {
	case params == nil:
		return "{}", nil
	case len(params) > maxFlowParameter:
		return "", wa.BadParam(field, "is longer than %d bytes", maxFlowParameter)
	}
	return string(params), nil
}

func (b *Builder) carousel(ctx context.Context) (*waE2E.Message, error) {
	if err := b.checkInteractiveText(); err != nil {
		return nil, err
	}
	if len(b.Content.Cards) == 0 || len(b.Content.Cards) > maxCards {
		return nil, wa.BadParam("cards", "needs 1 to %d cards", maxCards)
	}
	cards := make([]*waE2E.InteractiveMessage, len(b.Content.Cards))
	// Every card is checked before the first file is uploaded.
	for i := range b.Content.Cards {
		var err error
		if cards[i], err = b.Content.Cards[i].build(); err != nil {
			return nil, wa.InField("cards/"+strconv.Itoa(i), err)
		}
	}
	for i, card := range b.Content.Cards {
		var err error
		if cards[i].Header, err = b.header(ctx, &FlowHeader{Media: card.Media, MediaKind: card.MediaKind}); err != nil {
			return nil, wa.InField("cards/"+strconv.Itoa(i), err)
		}
	}
	m := interactive(nil, b.Content.Text, b.Content.Footer)
	m.InteractiveMessage = &waE2E.InteractiveMessage_CarouselMessage_{CarouselMessage: &waE2E.InteractiveMessage_CarouselMessage{
		Cards: cards, MessageVersion: proto.Int32(flowVersion),
	}}
	return &waE2E.Message{InteractiveMessage: m}, nil
}

// Build makes a card without its file.
func (c *Card) build() (*waE2E.InteractiveMessage, error) {
	if strings.TrimSpace(c.Text) == "" {
		return nil, wa.BadParam("text", "is empty")
	}
	if err := checkLength("text", c.Text, maxInteractiveText); err != nil {
		return nil, err
	}
	if err := checkLength("caption", c.Caption, maxInteractiveLine); err != nil {
		return nil, err
	}
	buttons, err := flowButtons(Buttons(c.Buttons), maxCardButtons)
	if err != nil {
		return nil, err
	}
	card := interactive(nil, c.Text, c.Caption)
	card.InteractiveMessage = &waE2E.InteractiveMessage_NativeFlowMessage_{NativeFlowMessage: &waE2E.InteractiveMessage_NativeFlowMessage{
		Buttons: buttons, MessageVersion: proto.Int32(flowVersion),
	}}
	return card, nil
}

// paymentFlows are the names under which WhatsApp announces a message whose
// first button is about money.
var paymentFlows = map[string]string{
	flowPix: "payment_info", flowPay: "order_details", "review_order": "order_status", "order_status": "order_status",
	"payment_status": "payment_status", "payment_method": "payment_method", "payment_reminder": "payment_reminder",
}

// BusinessNodes are the parts of the stanza without which WhatsApp delivers an
// interactive message that its apps then do not show. nil for other content.
//
// WhatsApp documents none of this. Other projects found that every name but
// those of payments is best announced as "mixed", and that a chat of two needs
// the mark of a business bot as well. whatsmeow keeps no such nodes for
// retries: a device that could not decrypt the first attempt gets the message
// without them, and may not show it.
func BusinessNodes(to types.JID, m *waE2E.Message) []waBinary.Node {
	content := Innermost(m).GetInteractiveMessage()
	if content == nil {
		return nil
	}
	biz := waBinary.Node{Tag: "biz"}
	if name := paymentFlow(content); name != "" {
		biz.Attrs = waBinary.Attrs{"native_flow_name": name}
	} else {
		biz.Content = []waBinary.Node{{
			Tag: "interactive", Attrs: waBinary.Attrs{"type": "native_flow", "v": "1"},
			Content: []waBinary.Node{{Tag: "native_flow", Attrs: waBinary.Attrs{"v": "9", "name": "mixed"}}},
		}}
	}
	if !wa.IsPerson(to) {
		return []waBinary.Node{biz}
	}
	return []waBinary.Node{{Tag: "bot", Attrs: waBinary.Attrs{"biz_bot": "1"}}, biz}
}

func paymentFlow(m *waE2E.InteractiveMessage) string {
	if buttons := m.GetNativeFlowMessage().GetButtons(); len(buttons) > 0 {
		return paymentFlows[buttons[0].GetName()]
	}
	return ""
}
