package methods

import (
	"context"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

type sendButtonsParams struct {
	sendParams
	Text      string               `json:"text" rpc:"max=4096" doc:"body; required without media"`
	Title     string               `json:"title" rpc:"max=256" doc:"line above; WhatsApp's apps cut it at about 60 characters"`
	Footer    string               `json:"footer" rpc:"max=256" doc:"line below"`
	Media     *message.MediaSource `json:"media" doc:"header picture, video or file"`
	MediaKind string               `json:"media_kind" rpc:"enum=image|video|document" doc:"kind of message; default from the MIME type"`
	Buttons   []message.Button     `json:"buttons" rpc:"required,min=1,max=10" doc:"1 to 10 buttons"`
}

type sendListParams struct {
	sendParams
	Text       string                `json:"text" rpc:"required,min=1,max=4096" doc:"body; the heading with as_text"`
	Sections   []message.ListSection `json:"sections" rpc:"required,min=1,max=10" doc:"up to 10 sections of up to 10 rows"`
	ButtonText string                `json:"button_text" rpc:"max=20" doc:"label that opens the list; required unless as_text"`
	Title      string                `json:"title" rpc:"max=256" doc:"line above"`
	Footer     string                `json:"footer" rpc:"max=256" doc:"line below"`
	AsText     bool                  `json:"as_text" doc:"send plain numbered text instead of an interactive list; default false"`
}

type sendNativeFlowParams struct {
	sendParams
	Text           string               `json:"text" rpc:"required,min=1,max=4096" doc:"body"`
	Header         *message.FlowHeader  `json:"header" doc:"header above the text"`
	Footer         string               `json:"footer" rpc:"max=256" doc:"line below"`
	Buttons        []message.FlowButton `json:"buttons" rpc:"required,min=1,max=10" doc:"1 to 10 buttons as WhatsApp has them; not checked any further"`
	MessageParams  wa.JSONObject        `json:"message_params" doc:"parameters of the whole message"`
	MessageVersion int                  `json:"message_version" rpc:"min=1,max=100" doc:"flow format version; default 1"`
}

type sendCarouselParams struct {
	sendParams
	Text  string         `json:"text" rpc:"required,min=1,max=4096" doc:"body above the cards"`
	Cards []message.Card `json:"cards" rpc:"required,min=1,max=10" doc:"1 to 10 cards"`
}

type sendOrderParams struct {
	sendParams
	Items    []message.OrderItem `json:"items" rpc:"required,min=1,max=100" doc:"1 to 100 positions"`
	Notes    string              `json:"notes" rpc:"max=1024" doc:"remark"`
	Currency string              `json:"currency" rpc:"min=3,max=3" doc:"ISO 4217, for items without one; default USD"`
}

// orderSent is a sent order. The order is null for a repeat of an order that was revoked since.
type orderSent struct {
	*outbound.Sent
	OrderID     *string  `json:"order_id" doc:"generated id"`
	ItemCount   *int     `json:"item_count" doc:"positions"`
	TotalAmount *float64 `json:"total_amount" doc:"sum of quantity x price"`
}

// WhatsApp delivers interactive messages of such accounts without a guarantee: the rendering was observed, and
// changes with its apps.
const interactiveNote = "Sent as WhatsApp's native-flow message: current apps on Android and iOS show it, older ones and WhatsApp Web may" +
	" show the text alone or nothing, and WhatsApp may refuse it. Newsletters and status take none."

func registerInteractiveSends(reg *rpc.Registry, d Deps) {
	registerSendAs(reg, d, rpc.Method{Name: "message.sendButtons", Summary: "Send text or media with up to ten buttons.", Description: interactiveNote},
		func(p *sendButtonsParams) (*sendParams, *message.Content) {
			return &p.sendParams, &message.Content{
				Type: "buttons", Text: p.Text, Title: p.Title, Footer: p.Footer, Media: p.Media, MediaKind: p.MediaKind, Buttons: message.Buttons(p.Buttons),
			}
		})
	registerSendAs(reg, d, rpc.Method{Name: "message.sendList", Summary: "Send a list to choose from, or the same as numbered text.", Description: interactiveNote},
		func(p *sendListParams) (*sendParams, *message.Content) {
			return &p.sendParams, &message.Content{
				Type: "list", Text: p.Text, Title: p.Title, Footer: p.Footer, ButtonText: p.ButtonText, Sections: p.Sections, AsText: p.AsText,
			}
		})
	registerSendAs(reg, d, rpc.Method{Name: "message.sendNativeFlow", Summary: "Send a native-flow interactive message with raw buttons.", Description: interactiveNote},
		func(p *sendNativeFlowParams) (*sendParams, *message.Content) {
			return &p.sendParams, &message.Content{
				Type: "native_flow", Text: p.Text, Header: p.Header, Footer: p.Footer, Buttons: message.FlowButtons(p.Buttons),
				MessageParams: p.MessageParams, MessageVersion: p.MessageVersion,
			}
		})
	registerSendAs(reg, d, rpc.Method{Name: "message.sendCarousel", Summary: "Send up to ten cards that can be swiped.", Description: interactiveNote},
		func(p *sendCarouselParams) (*sendParams, *message.Content) {
			return &p.sendParams, &message.Content{Type: "carousel", Text: p.Text, Cards: p.Cards}
		})
	shared.OnSessionCall(reg, d.Bridge, rpc.Method{
		Name: "message.sendOrder", Timeout: sendTimeout, Repeatable: true,
		Summary:     "Send an order to a business.",
		Description: "It has no catalogue: the receiver sees its text and sum, and WhatsApp has no such order.",
	},
		func(ctx context.Context, call *rpc.Call, s *bridge.Session, p *sendOrderParams) (*orderSent, error) {
			content := &message.Content{Type: "order", Items: p.Items, Notes: p.Notes, Currency: p.Currency}
			sent, err := s.Messages().Send(ctx, p.To, content, p.options(call))
			if err != nil {
				return nil, err
			}
			result := &orderSent{Sent: sent}
			if order := sent.Message.Order; order != nil {
				result.OrderID, result.ItemCount, result.TotalAmount = &order.OrderID, &order.ItemCount, order.TotalAmount
			}
			return result, nil
		})
}
