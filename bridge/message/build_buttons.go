package message

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/phonenumber"
	"github.com/waystation/waystation/bridge/wa"
)

// Button is a button under a message; its type says which members count.
type Button struct {
	Type string `json:"type" rpc:"required,enum=reply|url|call|copy|pix|review_and_pay" doc:"what pressing it does"`
	ButtonAction
}

// ButtonAction is a button: its label and its action.
type ButtonAction struct {
	ID          string        `json:"id" rpc:"max=256" doc:"comes back when a reply button is pressed; default: its position, from 1"`
	Label       string        `json:"label" rpc:"max=64" doc:"text on it; needed but for pix and review_and_pay, where WhatsApp puts its own"`
	URL         string        `json:"url" rpc:"max=2048,format=uri" doc:"url: http(s) address to open"`
	MerchantURL string        `json:"merchant_url" rpc:"max=2048,format=uri" doc:"url: address to open on devices that cannot open the other; stands in for an absent url"`
	Phone       string        `json:"phone" rpc:"max=32" doc:"call: number in digits, with or without +"`
	Code        string        `json:"code" rpc:"max=256" doc:"copy: text to copy"`
	Pix         *PixKey       `json:"pix" doc:"pix, and review_and_pay if wanted: where to pay to"`
	Order       *PaymentOrder `json:"order" doc:"review_and_pay: what is to be paid"`
}

// AnyButton is a button of either form a content object takes: one of the known types, or a native-flow button by its
// name.
type AnyButton struct {
	Type string `json:"type" rpc:"enum=reply|url|call|copy|pix|review_and_pay" doc:"buttons: what pressing it does"`
	ButtonAction
	Name   string        `json:"name" rpc:"max=128" doc:"native_flow: WhatsApp's name of the kind of button"`
	Params wa.JSONObject `json:"params" doc:"native_flow: its parameters"`
}

// Buttons puts buttons of the known types into a content object.
func Buttons(list []Button) []AnyButton {
	out := make([]AnyButton, len(list))
	for i, b := range list {
		out[i] = AnyButton{Type: b.Type, ButtonAction: b.ButtonAction}
	}
	return out
}

// PixKey is a Pix key (Brazil) money is sent to.
type PixKey struct {
	Key          string `json:"key" rpc:"required,min=1,max=256" doc:"the key"`
	KeyType      string `json:"key_type" rpc:"required,enum=PHONE|EMAIL|CPF|CNPJ|EVP" doc:"what kind of key it is"`
	MerchantName string `json:"merchant_name" rpc:"required,min=1,max=256" doc:"who is paid"`
}

// PaymentOrder is the order that a review_and_pay button requests to pay. Amounts are in minor units with their offset: 2599 with
// offset 100 is 25.99. The total need not be the sum of the items, as discounts and fees may be in it.
type PaymentOrder struct {
	ReferenceID  string        `json:"reference_id" rpc:"required,min=1,max=128" doc:"the order's id at the seller"`
	Currency     string        `json:"currency" rpc:"min=3,max=3" doc:"ISO 4217; default BRL"`
	TotalValue   *int64        `json:"total_value" rpc:"min=0,max=1000000000000" doc:"what is to be paid; default: the sum of the items"`
	AmountOffset int64         `json:"amount_offset" rpc:"min=1,max=1000000" doc:"of total_value; default 100"`
	Items        []PaymentItem `json:"items" rpc:"required,min=1,max=100" doc:"what is bought"`
}

// PaymentItem is one position of a PaymentOrder.
type PaymentItem struct {
	Name         string `json:"name" rpc:"required,min=1,max=256" doc:"shown name"`
	Quantity     int64  `json:"quantity" rpc:"required,min=1,max=1000000" doc:"how many"`
	AmountValue  int64  `json:"amount_value" rpc:"required,min=0,max=1000000000000" doc:"price of one, in minor units"`
	AmountOffset int64  `json:"amount_offset" rpc:"min=1,max=1000000" doc:"of amount_value; default 100"`
}

// WhatsApp's own names of the buttons of a native-flow message.
const (
	flowReply  = "quick_reply"
	flowURL    = "cta_url"
	flowCall   = "cta_call"
	flowCopy   = "cta_copy"
	flowPix    = "payment_info"
	flowPay    = "review_and_pay"
	flowSelect = "single_select"
)

const (
	buttonReply = "reply"
	buttonURL   = "url"
	buttonCall  = "call"
	buttonCopy  = "copy"
	buttonPix   = "pix"
	buttonPay   = "review_and_pay"
)

const (
	maxButtons       = 10 // of a message
	maxCardButtons   = 3
	maxButtonNumber  = 20 // digits
	defaultOffset    = 100
	maxPayment       = 1_000_000_000_000_000 // minor units
	defaultPayment   = "BRL"
	flowVersion      = 1
	maxFlowParameter = 16 << 10 // bytes of JSON
)

type flowButton = waE2E.InteractiveMessage_NativeFlowMessage_NativeFlowButton

// buttonKinds say how WhatsApp wants each type of button.
var buttonKinds = map[string]struct {
	name   string
	params func(*ButtonAction) (any, error)
}{
	buttonReply: {flowReply, replyParams}, buttonURL: {flowURL, urlParams}, buttonCall: {flowCall, callParams},
	buttonCopy: {flowCopy, copyParams}, buttonPix: {flowPix, pixParams}, buttonPay: {flowPay, payParams},
}

// flowButtons makes the buttons of a native-flow message. Errors name the button by its position.
func flowButtons(list []AnyButton, limit int) ([]*flowButton, error) {
	if len(list) == 0 {
		return nil, wa.BadParam("buttons", "is empty")
	}
	if len(list) > limit {
		return nil, wa.BadParam("buttons", "has more than %d buttons", limit)
	}
	out := make([]*flowButton, len(list))
	ids := map[string]bool{}
	for i := range list {
		field, action := "buttons/"+strconv.Itoa(i), list[i].ButtonAction
		if action.ID == "" {
			action.ID = strconv.Itoa(i + 1)
		}
		if list[i].Type == buttonReply {
			// The answer names a button by its id, so ids must be unique.
			if ids[action.ID] {
				return nil, wa.BadParam(field+"/id", "is there twice")
			}
			ids[action.ID] = true
		}
		button, err := flowButtonOf(list[i].Type, &action)
		if err != nil {
			return nil, wa.InField(field, err)
		}
		out[i] = button
	}
	return out, nil
}

func flowButtonOf(kind string, action *ButtonAction) (*flowButton, error) {
	how, known := buttonKinds[kind]
	switch {
	case kind == "":
		return nil, wa.BadParam("type", "is missing")
	case !known:
		return nil, wa.BadParam("type", "is not a type of button")
	case strings.TrimSpace(action.Label) == "" && kind != buttonPix && kind != buttonPay:
		return nil, wa.BadParam("label", "is missing")
	}
	params, err := how.params(action)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	return &flowButton{Name: proto.String(how.name), ButtonParamsJSON: proto.String(string(encoded))}, nil
}

func replyParams(b *ButtonAction) (any, error) {
	return &struct {
		Label string `json:"display_text"`
		ID    string `json:"id"`
	}{b.Label, b.ID}, nil
}

func urlParams(b *ButtonAction) (any, error) {
	address, fallback := b.URL, b.MerchantURL
	switch {
	case address == "" && fallback == "":
		return nil, wa.BadParam("url", "is missing")
	case address == "":
		address = fallback
	case fallback == "":
		fallback = address
	}
	if !isWebAddress(address) {
		return nil, wa.BadParam("url", "is not an http(s) address")
	}
	if !isWebAddress(fallback) {
		return nil, wa.BadParam("merchant_url", "is not an http(s) address")
	}
	return &struct {
		Label    string `json:"display_text"`
		URL      string `json:"url"`
		Merchant string `json:"merchant_url"`
		ID       string `json:"id"`
	}{b.Label, address, fallback, b.ID}, nil
}

func isWebAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

func callParams(b *ButtonAction) (any, error) {
	if b.Phone == "" {
		return nil, wa.BadParam("phone", "is missing")
	}
	// Short numbers are fine: people call hotlines.
	number, international, ok := phonenumber.Normalize(b.Phone)
	if !ok || len(number) > maxButtonNumber {
		return nil, wa.BadParam("phone", "is not a phone number")
	}
	if international {
		number = "+" + number
	}
	return &struct {
		Label string `json:"display_text"`
		Phone string `json:"phone_number"`
		ID    string `json:"id"`
	}{b.Label, number, b.ID}, nil
}

func copyParams(b *ButtonAction) (any, error) {
	if b.Code == "" {
		return nil, wa.BadParam("code", "is missing")
	}
	return &struct {
		Label string `json:"display_text"`
		Code  string `json:"copy_code"`
		ID    string `json:"id"`
	}{b.Label, b.Code, b.ID}, nil
}

// amount is a sum of money as payment buttons have it.
type amount struct {
	Value  int64 `json:"value"`
	Offset int64 `json:"offset"`
}

type paymentItem struct {
	ID       string `json:"retailer_id"`
	Name     string `json:"name"`
	Amount   amount `json:"amount"`
	Quantity int64  `json:"quantity"`
}

type payment struct {
	Label     string `json:"display_text,omitempty"`
	Currency  string `json:"currency"`
	Total     amount `json:"total_amount"`
	Reference string `json:"reference_id"`
	Goods     string `json:"type"`
	Order     struct {
		Status   string        `json:"status"`
		Subtotal amount        `json:"subtotal"`
		Kind     string        `json:"order_type"`
		Items    []paymentItem `json:"items"`
	} `json:"order"`
	Settings []paymentSetting `json:"payment_settings"`
	Share    bool             `json:"share_payment_status"`
}

type paymentSetting struct {
	Type string `json:"type"`
	Pix  struct {
		Merchant string `json:"merchant_name"`
		Key      string `json:"key"`
		KeyType  string `json:"key_type"`
	} `json:"pix_static_code"`
}

func newPayment(label, reference, currency string, total amount, items []paymentItem) *payment {
	p := &payment{Label: label, Currency: currency, Total: total, Reference: reference, Goods: "physical-goods", Settings: []paymentSetting{}}
	p.Order.Status, p.Order.Subtotal, p.Order.Kind, p.Order.Items = "pending", total, "ORDER", items
	return p
}

var pixKeyTypes = map[string]bool{"PHONE": true, "EMAIL": true, "CPF": true, "CNPJ": true, "EVP": true}

func (p *payment) payTo(pix *PixKey) error {
	switch {
	case pix.Key == "":
		return wa.BadParam("pix/key", "is missing")
	case pix.MerchantName == "":
		return wa.BadParam("pix/merchant_name", "is missing")
	case !pixKeyTypes[pix.KeyType]:
		return wa.BadParam("pix/key_type", "must be PHONE, EMAIL, CPF, CNPJ or EVP")
	}
	setting := paymentSetting{Type: "pix_static_code"}
	setting.Pix.Merchant, setting.Pix.Key, setting.Pix.KeyType = pix.MerchantName, pix.Key, pix.KeyType
	p.Settings = append(p.Settings, setting)
	return nil
}

// pixParams show a Pix key without a sum: the payer enters it.
func pixParams(b *ButtonAction) (any, error) {
	if b.Pix == nil {
		return nil, wa.BadParam("pix", "is missing")
	}
	nothing := amount{0, defaultOffset}
	p := newPayment(b.Label, b.ID, defaultPayment, nothing, []paymentItem{{ID: b.ID, Amount: nothing}})
	return p, p.payTo(b.Pix)
}

func payParams(b *ButtonAction) (any, error) {
	order := b.Order
	switch {
	case order == nil:
		return nil, wa.BadParam("order", "is missing")
	case order.ReferenceID == "":
		return nil, wa.BadParam("order/reference_id", "is missing")
	case len(order.Items) == 0:
		return nil, wa.BadParam("order/items", "is empty")
	}
	total, items := amount{0, orDefault(order.AmountOffset, defaultOffset)}, make([]paymentItem, len(order.Items))
	for i, item := range order.Items {
		items[i] = paymentItem{
			ID: strconv.Itoa(i + 1), Name: item.Name, Quantity: item.Quantity,
			Amount: amount{item.AmountValue, orDefault(item.AmountOffset, defaultOffset)},
		}
		if order.TotalValue == nil && items[i].Amount.Offset != total.Offset {
			return nil, wa.BadParam("order/total_value", "is needed: the items have other offsets than the total")
		}
		if total.Value += item.AmountValue * item.Quantity; total.Value > maxPayment {
			return nil, wa.BadParam("order/items", "add up to more than %d", int64(maxPayment))
		}
	}
	if order.TotalValue != nil {
		total.Value = *order.TotalValue
	}
	currency := order.Currency
	if currency == "" {
		currency = defaultPayment
	}
	p := newPayment(b.Label, order.ReferenceID, currency, total, items)
	if b.Pix != nil {
		return p, p.payTo(b.Pix)
	}
	return p, nil
}

func orDefault(n, otherwise int64) int64 {
	if n == 0 {
		return otherwise
	}
	return n
}

// checkLength refuses a text of more than so many characters.
func checkLength(field, text string, most int) error {
	if len(text) > most && utf8.RuneCountInString(text) > most {
		return wa.BadParam(field, "is longer than %d characters", most)
	}
	return nil
}
