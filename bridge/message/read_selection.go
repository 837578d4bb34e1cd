package message

import (
	"encoding/json"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"github.com/waystation/waystation/bridge/wa"
)

// MessageSelection is a person's choice: a pressed button or a row of a list.
type MessageSelection struct {
	Kind        string          `json:"kind"` // button, row or flow
	ID          *string         `json:"id"`   // of the button or row
	Description *string         `json:"description"`
	Name        *string         `json:"name"`   // flow: WhatsApp's name of the answer
	Params      json.RawMessage `json:"params"` // flow: values of the form
}

const (
	selectedButton = "button"
	selectedRow    = "row"
	selectedFlow   = "flow"
)

// flowAnswerRow is WhatsApp's name of the answer to a list.
const flowAnswerRow = "menu_options"

// selectionPart reads the answers to interactive messages: texts that name the
// pressed button.
func selectionPart(m *Message, c *waE2E.Message) bool {
	switch {
	case c.ButtonsResponseMessage != nil:
		x := c.ButtonsResponseMessage
		m.Selection = &MessageSelection{Kind: selectedButton, ID: wa.OrNull(x.GetSelectedButtonID())}
		m.context(x.GetContextInfo())
	case c.TemplateButtonReplyMessage != nil:
		x := c.TemplateButtonReplyMessage
		m.Selection = &MessageSelection{Kind: selectedButton, ID: wa.OrNull(x.GetSelectedID())}
		m.context(x.GetContextInfo())
	case c.ListResponseMessage != nil:
		x := c.ListResponseMessage
		m.Selection = &MessageSelection{
			Kind: selectedRow, ID: wa.OrNull(x.GetSingleSelectReply().GetSelectedRowID()), Description: wa.OrNull(x.GetDescription()),
		}
		m.context(x.GetContextInfo())
	case c.InteractiveResponseMessage != nil:
		x := c.InteractiveResponseMessage
		m.Selection = flowSelection(x.GetNativeFlowResponseMessage())
		m.context(x.GetContextInfo())
	default:
		return false
	}
	text, _ := interactiveText(c)
	m.Type, m.Text = TypeText, wa.OrNull(text)
	return true
}

func flowSelection(x *waE2E.InteractiveResponseMessage_NativeFlowResponseMessage) *MessageSelection {
	params := objectOf(x.GetParamsJSON())
	var said struct {
		ID          string `json:"id"`
		Description string `json:"description"`
	}
	readable := json.Unmarshal(params, &said) == nil
	switch name := x.GetName(); {
	case readable && name == flowReply:
		return &MessageSelection{Kind: selectedButton, ID: wa.OrNull(said.ID)}
	case readable && (name == flowAnswerRow || name == flowSelect):
		return &MessageSelection{Kind: selectedRow, ID: wa.OrNull(said.ID), Description: wa.OrNull(said.Description)}
	default:
		return &MessageSelection{Kind: selectedFlow, Name: wa.OrNull(name), Params: params}
	}
}
