package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

// Choice is a button that sends an answer, or a row of a list.
type Choice struct {
	ID, Label   string
	Description string // rows
}

// Buttons returns a text message with buttons that send an answer.
func Buttons(body, footer string, choices ...Choice) Content {
	flow := &waE2E.InteractiveMessage_NativeFlowMessage{MessageVersion: proto.Int32(1)}
	for _, choice := range choices {
		flow.Buttons = append(flow.Buttons, nativeButton("quick_reply", map[string]any{"display_text": choice.Label, "id": choice.ID}))
	}
	return nativeFlow(body, footer, flow)
}

// List returns a text message with a button that opens a list of one section.
func List(body, footer, button string, choices ...Choice) Content {
	rows := make([]map[string]any, len(choices))
	for i, choice := range choices {
		rows[i] = map[string]any{"id": choice.ID, "title": choice.Label, "description": choice.Description}
	}
	return nativeFlow(body, footer, &waE2E.InteractiveMessage_NativeFlowMessage{
		MessageVersion: proto.Int32(1),
		Buttons: []*waE2E.InteractiveMessage_NativeFlowMessage_NativeFlowButton{nativeButton("single_select", map[string]any{
			"title": button, "sections": []map[string]any{{"title": "", "rows": rows}},
		})},
	})
}

func nativeFlow(body, footer string, flow *waE2E.InteractiveMessage_NativeFlowMessage) Content {
	m := &waE2E.InteractiveMessage{
		Body:               &waE2E.InteractiveMessage_Body{Text: proto.String(body)},
		InteractiveMessage: &waE2E.InteractiveMessage_NativeFlowMessage_{NativeFlowMessage: flow},
	}
	if footer != "" {
		m.Footer = &waE2E.InteractiveMessage_Footer{Text: proto.String(footer)}
	}
	return &waE2E.Message{InteractiveMessage: m}
}

func nativeButton(name string, params map[string]any) *waE2E.InteractiveMessage_NativeFlowMessage_NativeFlowButton {
	return &waE2E.InteractiveMessage_NativeFlowMessage_NativeFlowButton{Name: proto.String(name), ButtonParamsJSON: proto.String(jsonOf(params))}
}

func jsonOf(params map[string]any) string {
	text, err := json.Marshal(params)
	if err != nil {
		panic(fmt.Sprintf("sandbox: %v", err)) // never: the values are strings
	}
	return string(text)
}

// unwrapMessage returns a message without its wrappers for disappearing and view-once messages.
func unwrapMessage(m *waE2E.Message) *waE2E.Message {
	return (&events.Message{RawMessage: m}).UnwrapRaw().Message
}

// Press presses a button of a message that the phone received, or chooses a row of its list, by its id. The error wraps
// ErrNoButton when there is none, or when pressing it sends nothing: links, calls, codes to copy and payments do not.
func (p *Phone) Press(ctx context.Context, m Received, id string) (string, error) {
	about := &waE2E.ContextInfo{
		StanzaID: proto.String(m.ID), Participant: proto.String(m.Sender.ToNonAD().String()), QuotedMessage: m.Message,
	}
	answer := answerTo(unwrapMessage(m.Message), id, about)
	if answer == nil {
		return "", fmt.Errorf("sandbox: %w: %q", ErrNoButton, id)
	}
	return p.Send(ctx, m.Chat, answer)
}

// answerTo returns the answer in the form that matches the question; nil when no button or row has the id.
func answerTo(m *waE2E.Message, id string, about *waE2E.ContextInfo) *waE2E.Message {
	switch {
	case m.GetInteractiveMessage() != nil:
		return flowAnswerTo(m.GetInteractiveMessage(), id, about)
	case m.GetButtonsMessage() != nil:
		for _, button := range m.GetButtonsMessage().GetButtons() {
			if button.GetButtonID() == id {
				return &waE2E.Message{ButtonsResponseMessage: &waE2E.ButtonsResponseMessage{
					SelectedButtonID: proto.String(id), Type: waE2E.ButtonsResponseMessage_DISPLAY_TEXT.Enum(), ContextInfo: about,
					Response: &waE2E.ButtonsResponseMessage_SelectedDisplayText{SelectedDisplayText: button.GetButtonText().GetDisplayText()},
				}}
			}
		}
	case m.GetTemplateMessage() != nil:
		for _, button := range m.GetTemplateMessage().GetHydratedTemplate().GetHydratedButtons() {
			if reply := button.GetQuickReplyButton(); reply != nil && reply.GetID() == id {
				return &waE2E.Message{TemplateButtonReplyMessage: &waE2E.TemplateButtonReplyMessage{
					SelectedID: proto.String(id), SelectedDisplayText: reply.DisplayText, SelectedIndex: button.Index, ContextInfo: about,
				}}
			}
		}
	case m.GetListMessage() != nil:
		for _, section := range m.GetListMessage().GetSections() {
			for _, row := range section.GetRows() {
				if row.GetRowID() == id {
					return &waE2E.Message{ListResponseMessage: &waE2E.ListResponseMessage{
						Title: row.Title, Description: row.Description, ListType: waE2E.ListResponseMessage_SINGLE_SELECT.Enum(), ContextInfo: about,
						SingleSelectReply: &waE2E.ListResponseMessage_SingleSelectReply{SelectedRowID: proto.String(id)},
					}}
				}
			}
		}
	}
	return nil
}

func flowAnswerTo(m *waE2E.InteractiveMessage, id string, about *waE2E.ContextInfo) *waE2E.Message {
	buttons := m.GetNativeFlowMessage().GetButtons()
	for _, card := range m.GetCarouselMessage().GetCards() {
		buttons = append(buttons, card.GetNativeFlowMessage().GetButtons()...)
	}
	for _, button := range buttons {
		var params struct {
			ID       string `json:"id"`
			Label    string `json:"display_text"`
			Sections []struct {
				Rows []struct{ ID, Title, Description string }
			} `json:"sections"`
		}
		if json.Unmarshal([]byte(button.GetButtonParamsJSON()), &params) != nil {
			continue
		}
		if button.GetName() == "quick_reply" && params.ID == id {
			return flowAnswer("quick_reply", params.Label, map[string]any{"id": id}, about)
		}
		for _, section := range params.Sections {
			for _, row := range section.Rows {
				if row.ID == id {
					return flowAnswer("menu_options", row.Title, map[string]any{"id": id, "description": row.Description}, about)
				}
			}
		}
	}
	return nil
}

func flowAnswer(name, text string, params map[string]any, about *waE2E.ContextInfo) *waE2E.Message {
	return &waE2E.Message{InteractiveResponseMessage: &waE2E.InteractiveResponseMessage{
		Body: &waE2E.InteractiveResponseMessage_Body{Text: proto.String(text)}, ContextInfo: about,
		InteractiveResponseMessage: &waE2E.InteractiveResponseMessage_NativeFlowResponseMessage_{
			NativeFlowResponseMessage: &waE2E.InteractiveResponseMessage_NativeFlowResponseMessage{
				Name: proto.String(name), ParamsJSON: proto.String(jsonOf(params)), Version: proto.Int32(3),
			},
		},
	}}
}

// flowNodes returns the nodes without which apps do not show an interactive message.
func flowNodes(chat types.JID) []waBinary.Node {
	biz := waBinary.Node{Tag: "biz", Content: []waBinary.Node{{
		Tag: "interactive", Attrs: waBinary.Attrs{"type": "native_flow", "v": "1"},
		Content: []waBinary.Node{{Tag: "native_flow", Attrs: waBinary.Attrs{"v": "9", "name": "mixed"}}},
	}}}
	if chat.Server == types.GroupServer {
		return []waBinary.Node{biz}
	}
	return []waBinary.Node{{Tag: "bot", Attrs: waBinary.Attrs{"biz_bot": "1"}}, biz}
}

// paymentNames are the native flow names of messages with payments.
var paymentNames = []string{"payment_info", "order_details", "order_status", "payment_status", "payment_method", "payment_reminder"}

// hiddenReason returns the reason why apps would not show an interactive message, or "". A message encrypted again after a retry
// receipt has no flow nodes, because clients do not keep them.
func hiddenReason(node *waBinary.Node, chat types.JID, m *waE2E.Message) string {
	if unwrapMessage(m).GetInteractiveMessage() == nil || encryptedAnew(node) {
		return ""
	}
	biz, bot := node.GetChildByTag("biz"), node.GetChildByTag("bot")
	flow := biz.GetChildByTag("interactive", "native_flow")
	switch {
	case biz.Tag != "biz":
		return "interactive message that is not announced as one"
	case !slices.Contains(paymentNames, text(&biz, "native_flow_name")) && text(&flow, "name") == "":
		return "interactive message announced without its name"
	case chat.Server != types.GroupServer && text(&bot, "biz_bot") != "1":
		return "interactive message to a person without the mark of a business bot"
	}
	return ""
}

func encryptedAnew(node *waBinary.Node) bool {
	return slices.ContainsFunc(node.GetChildrenByTag("enc"), func(enc waBinary.Node) bool { return text(&enc, "count") != "" })
}
