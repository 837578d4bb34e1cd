package message

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"github.com/waystation/waystation/bridge/wa"
)

// MessageInteractive has the buttons, lists and cards of a message beside its text.
type MessageInteractive struct {
	Title      *string          `json:"title"`
	Subtitle   *string          `json:"subtitle"`
	Footer     *string          `json:"footer"`
	ButtonText *string          `json:"button_text"` // of a list
	Buttons    []MessageButton  `json:"buttons"`
	Sections   []MessageSection `json:"sections"` // of a list
	Cards      []MessageCard    `json:"cards"`    // of a carousel
}

// MessageButton is a button under a message.
type MessageButton struct {
	Type  string  `json:"type"` // reply, url, call, copy, pix, review_and_pay or other
	ID    *string `json:"id"`
	Label *string `json:"label"`
	URL   *string `json:"url,omitempty"`
	Phone *string `json:"phone,omitempty"`
	Code  *string `json:"code,omitempty"`
	// Name and Params are WhatsApp's own, of payments and other buttons.
	Name   *string         `json:"name,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
}

// MessageSection is a part of a list.
type MessageSection struct {
	Title *string      `json:"title"`
	Rows  []MessageRow `json:"rows"`
}

// MessageRow is one choice of a list.
type MessageRow struct {
	ID          string  `json:"id"`
	Title       string  `json:"title"`
	Description *string `json:"description"`
}

// MessageCard is one card of a carousel.
type MessageCard struct {
	Title   *string         `json:"title"`
	Text    *string         `json:"text"`
	Footer  *string         `json:"footer"`
	Media   *MessageMedia   `json:"media"` // media_id is always null
	Buttons []MessageButton `json:"buttons"`
}

const buttonOther = "other"

// buttonTypes are the types of the buttons WhatsApp has a name for.
var buttonTypes = map[string]string{
	flowReply: buttonReply, flowURL: buttonURL, flowCall: buttonCall, flowCopy: buttonCopy, flowPix: buttonPix, flowPay: buttonPay,
}

func interactivePart(m *Message, c *waE2E.Message) bool {
	switch {
	case c.InteractiveMessage != nil:
		m.interactive(c.InteractiveMessage)
		m.context(c.InteractiveMessage.GetContextInfo())
	case c.TemplateMessage.GetInteractiveMessageTemplate() != nil:
		m.interactive(c.TemplateMessage.GetInteractiveMessageTemplate())
		m.context(c.TemplateMessage.GetContextInfo())
	case c.TemplateMessage != nil:
		m.template(c.TemplateMessage)
		m.context(c.TemplateMessage.GetContextInfo())
	case c.ButtonsMessage != nil:
		m.oldButtons(c.ButtonsMessage)
		m.context(c.ButtonsMessage.GetContextInfo())
	case c.ListMessage != nil:
		m.oldList(c.ListMessage)
		m.context(c.ListMessage.GetContextInfo())
	default:
		return false
	}
	text, _ := interactiveText(c)
	m.Text = wa.OrNull(text)
	if file := HeaderFile(c); file != nil {
		kind := m.Type
		mediaPart(m, &waE2E.Message{
			ImageMessage: as[*waE2E.ImageMessage](file), VideoMessage: as[*waE2E.VideoMessage](file), DocumentMessage: as[*waE2E.DocumentMessage](file),
		})
		m.Type, m.Text = kind, wa.OrNull(text)
	}
	return true
}

func as[T any](file MediaFile) T {
	typed, _ := file.(T)
	return typed
}

// interactiveText returns the text of an interactive message, or of the answer to one.
func interactiveText(c *waE2E.Message) (text string, ok bool) {
	switch {
	case c.InteractiveMessage != nil:
		return flowText(c.InteractiveMessage), true
	case c.TemplateMessage.GetInteractiveMessageTemplate() != nil:
		return flowText(c.TemplateMessage.GetInteractiveMessageTemplate()), true
	case c.TemplateMessage != nil:
		return hydrated(c.TemplateMessage).GetHydratedContentText(), true
	case c.ButtonsMessage != nil:
		return c.ButtonsMessage.GetContentText(), true
	case c.ListMessage != nil:
		return firstOf(c.ListMessage.GetDescription(), c.ListMessage.GetTitle()), true
	case c.ButtonsResponseMessage != nil:
		return c.ButtonsResponseMessage.GetSelectedDisplayText(), true
	case c.TemplateButtonReplyMessage != nil:
		return c.TemplateButtonReplyMessage.GetSelectedDisplayText(), true
	case c.ListResponseMessage != nil:
		return c.ListResponseMessage.GetTitle(), true
	case c.InteractiveResponseMessage != nil:
		return c.InteractiveResponseMessage.GetBody().GetText(), true
	}
	return "", false
}

func flowText(m *waE2E.InteractiveMessage) string {
	return firstOf(m.GetBody().GetText(), m.GetHeader().GetTitle())
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// HeaderFile is the file above the text of an interactive message; nil when
// there is none.
func HeaderFile(c *waE2E.Message) MediaFile {
	flow := c.GetInteractiveMessage()
	if flow == nil {
		flow = c.GetTemplateMessage().GetInteractiveMessageTemplate()
	}
	template := hydrated(c.GetTemplateMessage())
	if image := anyOf(flow.GetHeader().GetImageMessage(), c.GetButtonsMessage().GetImageMessage(), template.GetImageMessage()); image != nil {
		return image
	}
	if video := anyOf(flow.GetHeader().GetVideoMessage(), c.GetButtonsMessage().GetVideoMessage(), template.GetVideoMessage()); video != nil {
		return video
	}
	if document := anyOf(flow.GetHeader().GetDocumentMessage(), c.GetButtonsMessage().GetDocumentMessage(), template.GetDocumentMessage()); document != nil {
		return document
	}
	return nil
}

func anyOf[T any](list ...*T) *T {
	for _, item := range list {
		if item != nil {
			return item
		}
	}
	return nil
}

func hydrated(m *waE2E.TemplateMessage) *waE2E.TemplateMessage_HydratedFourRowTemplate {
	if m.GetHydratedTemplate() != nil {
		return m.GetHydratedTemplate()
	}
	return m.GetHydratedFourRowTemplate()
}

// interactive describes a message in today's form. A list is a single button
// that opens it.
func (m *Message) interactive(x *waE2E.InteractiveMessage) {
	m.Interactive = &MessageInteractive{
		Title: wa.OrNull(x.GetHeader().GetTitle()), Subtitle: wa.OrNull(x.GetHeader().GetSubtitle()), Footer: wa.OrNull(x.GetFooter().GetText()),
		Buttons: []MessageButton{}, Sections: []MessageSection{}, Cards: []MessageCard{},
	}
	if x.GetCarouselMessage() != nil {
		m.Type = typeCarousel
		for _, card := range x.GetCarouselMessage().GetCards() {
			m.Interactive.Cards = append(m.Interactive.Cards, cardOf(card))
		}
		return
	}
	buttons := x.GetNativeFlowMessage().GetButtons()
	m.Type = typeNativeFlow
	if len(buttons) == 1 && buttons[0].GetName() == flowSelect {
		var list selectParams
		if json.Unmarshal([]byte(buttons[0].GetButtonParamsJSON()), &list) == nil {
			m.Type, m.Interactive.ButtonText = typeList, wa.OrNull(list.Title)
			for _, section := range list.Sections {
				m.Interactive.Sections = append(m.Interactive.Sections, sectionOf(&section))
			}
			return
		}
	}
	m.Interactive.Buttons = describeButtons(buttons)
	if len(buttons) == 0 {
		return
	}
	for _, button := range buttons {
		if buttonTypes[button.GetName()] == "" {
			return
		}
	}
	m.Type = typeButtons
}

func sectionOf(section *selectSection) MessageSection {
	out := MessageSection{Title: wa.OrNull(section.Title), Rows: []MessageRow{}}
	for _, row := range section.Rows {
		out.Rows = append(out.Rows, MessageRow{ID: row.ID, Title: row.Title, Description: wa.OrNull(row.Description)})
	}
	return out
}

func cardOf(x *waE2E.InteractiveMessage) MessageCard {
	card := MessageCard{
		Title: wa.OrNull(x.GetHeader().GetTitle()), Text: wa.OrNull(x.GetBody().GetText()), Footer: wa.OrNull(x.GetFooter().GetText()),
		Buttons: describeButtons(x.GetNativeFlowMessage().GetButtons()),
	}
	var inner Message
	if HeaderFile(&waE2E.Message{InteractiveMessage: x}) != nil {
		interactivePart(&inner, &waE2E.Message{InteractiveMessage: &waE2E.InteractiveMessage{Header: x.Header}})
		card.Media = inner.Media
	}
	return card
}

func describeButtons(list []*flowButton) []MessageButton {
	out := make([]MessageButton, len(list))
	for i, button := range list {
		out[i] = describeButton(button)
	}
	return out
}

func describeButton(x *flowButton) MessageButton {
	var said struct {
		Label string `json:"display_text"`
		ID    string `json:"id"`
		URL   string `json:"url"`
		Phone string `json:"phone_number"`
		Code  string `json:"copy_code"`
	}
	params := objectOf(x.GetButtonParamsJSON())
	b := MessageButton{Type: buttonTypes[x.GetName()]}
	if b.Type == "" {
		b.Type = buttonOther
	}
	if json.Unmarshal(params, &said) == nil {
		b.ID, b.Label, b.URL, b.Phone, b.Code = wa.OrNull(said.ID), wa.OrNull(said.Label), wa.OrNull(said.URL), wa.OrNull(said.Phone), wa.OrNull(said.Code)
	}
	if b.Type == buttonOther || b.Type == buttonPix || b.Type == buttonPay {
		b.Name, b.Params = wa.OrNull(x.GetName()), params
	}
	return b
}

// objectOf returns received JSON, or nil when it is not an object that can be put
// into events unchanged.
func objectOf(text string) json.RawMessage {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "{") || !utf8.ValidString(text) || strings.Contains(text, string(wa.NulInJSON)) ||
		wa.DeeperThan([]byte(text), wa.MaxRawDepth/2) || !json.Valid([]byte(text)) {
		return nil
	}
	return json.RawMessage(text)
}

// The forms of earlier years, which businesses still send.

func (m *Message) oldButtons(x *waE2E.ButtonsMessage) {
	m.Type = typeButtons
	m.Interactive = &MessageInteractive{
		Title: wa.OrNull(x.GetText()), Footer: wa.OrNull(x.GetFooterText()),
		Buttons: []MessageButton{}, Sections: []MessageSection{}, Cards: []MessageCard{},
	}
	for _, button := range x.GetButtons() {
		if flow := button.GetNativeFlowInfo(); flow != nil {
			m.Interactive.Buttons = append(m.Interactive.Buttons, describeButton(&flowButton{Name: flow.Name, ButtonParamsJSON: flow.ParamsJSON}))
			continue
		}
		m.Interactive.Buttons = append(m.Interactive.Buttons, MessageButton{
			Type: buttonReply, ID: wa.OrNull(button.GetButtonID()), Label: wa.OrNull(button.GetButtonText().GetDisplayText()),
		})
	}
}

func (m *Message) template(x *waE2E.TemplateMessage) {
	body := hydrated(x)
	m.Type = typeButtons
	m.Interactive = &MessageInteractive{
		Title: wa.OrNull(body.GetHydratedTitleText()), Footer: wa.OrNull(body.GetHydratedFooterText()),
		Buttons: []MessageButton{}, Sections: []MessageSection{}, Cards: []MessageCard{},
	}
	for _, button := range body.GetHydratedButtons() {
		described := MessageButton{Type: buttonOther}
		switch {
		case button.GetQuickReplyButton() != nil:
			reply := button.GetQuickReplyButton()
			described = MessageButton{Type: buttonReply, ID: wa.OrNull(reply.GetID()), Label: wa.OrNull(reply.GetDisplayText())}
		case button.GetUrlButton() != nil:
			link := button.GetUrlButton()
			described = MessageButton{Type: buttonURL, Label: wa.OrNull(link.GetDisplayText()), URL: wa.OrNull(link.GetURL())}
		case button.GetCallButton() != nil:
			call := button.GetCallButton()
			described = MessageButton{Type: buttonCall, Label: wa.OrNull(call.GetDisplayText()), Phone: wa.OrNull(call.GetPhoneNumber())}
		}
		m.Interactive.Buttons = append(m.Interactive.Buttons, described)
	}
}

func (m *Message) oldList(x *waE2E.ListMessage) {
	m.Type = typeList
	m.Interactive = &MessageInteractive{
		Title: wa.OrNull(x.GetTitle()), Footer: wa.OrNull(x.GetFooterText()), ButtonText: wa.OrNull(x.GetButtonText()),
		Buttons: []MessageButton{}, Sections: []MessageSection{}, Cards: []MessageCard{},
	}
	for _, section := range x.GetSections() {
		described := MessageSection{Title: wa.OrNull(section.GetTitle()), Rows: []MessageRow{}}
		for _, row := range section.GetRows() {
			described.Rows = append(described.Rows, MessageRow{ID: row.GetRowID(), Title: row.GetTitle(), Description: wa.OrNull(row.GetDescription())})
		}
		m.Interactive.Sections = append(m.Interactive.Sections, described)
	}
}
