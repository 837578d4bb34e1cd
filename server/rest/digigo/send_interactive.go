package digigo

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

type listRequest struct {
	address
	Text       string        `rest:",required,param=/text" max:"1024" doc:"the text"`
	Title      string        `rest:",param=/title" max:"60" doc:"line above"`
	Footer     string        `rest:",param=/footer" max:"60" doc:"line below"`
	ButtonText string        `rest:",required,param=/button_text" max:"20" doc:"label that opens the list"`
	Sections   []listSection `rest:",required,param=/sections" doc:"up to 10"`
}

type listSection struct {
	Title string    `rest:",required,param=/title" max:"24" doc:"heading"`
	Rows  []listRow `rest:",required,param=/rows" doc:"up to 10"`
}

type listRow struct {
	RowID       string `rest:"RowId,required,param=/id" doc:"comes back when it is chosen"`
	Title       string `rest:",required,param=/title" max:"24" doc:"name"`
	Description string `rest:",required,param=/description" max:"72" doc:"line below it"`
}

// buttonsRequest has its text in caption, text or body.
type buttonsRequest struct {
	Phone string `rest:"phone,required,param=/to" doc:"number, or JID of a person or group"`
	sendOptions
	Title    string       `rest:"title,param=/title" doc:"line above"`
	Body     string       `rest:"body" max:"4096" doc:"the same as text"`
	Text     string       `rest:"text,param=/text" max:"4096" doc:"the text; required without a file"`
	Caption  string       `rest:"caption" max:"4096" doc:"the text, with a file"`
	Footer   string       `rest:"footer,param=/footer" doc:"line below"`
	Image    *linkedFile  `rest:"image" doc:"picture above the text"`
	Video    *linkedFile  `rest:"video" doc:"video above the text"`
	Document *linkedFile  `rest:"document" doc:"file above the text"`
	Buttons  []chatButton `rest:"buttons,required,param=/buttons" doc:"1 to 10"`
}

type linkedFile struct {
	URL source `rest:"url,required,param=/media" doc:"http(s) address or data URL"`
}

// CompleteParams implements rest.Completer.
func (in *buttonsRequest) CompleteParams(p rest.Params) error {
	text := cmp.Or(in.Text, in.Body, in.Caption)
	for _, given := range []struct {
		kind string
		file *linkedFile
	}{{"image", in.Image}, {"video", in.Video}, {"document", in.Document}} {
		kind := given.kind
		if given.file == nil {
			continue
		}
		if p["media_kind"] != nil {
			return rest.Bad(kind, "", "does not go with another file")
		}
		p["media_kind"], text = kind, cmp.Or(in.Caption, text)
	}
	if p["media_kind"] == nil && text == "" {
		return rest.Missing("text", "")
	}
	p["text"] = text
	return nil
}

// sendButtons names the field of the file in errors.
func sendButtons(x *rest.Exchange, _ *buttonsRequest) (*sent, error) {
	p, err := x.Params()
	if err != nil {
		return nil, err
	}
	answer := &sent{}
	err = x.Read("message.sendButtons", p, answer)
	var problem *rpc.Error
	if errors.As(err, &problem) && p["media_kind"] != nil {
		details, _ := problem.Details.(map[string]any)
		fields, _ := details["fields"].(rpc.Fields)
		if len(fields) > 0 && strings.HasPrefix(fields[0].Pointer, "/media") {
			return nil, rest.Bad(fmt.Sprint(p["media_kind"], ".url"), "", fields[0].Problem)
		}
	}
	return answer, err
}

type chatButton struct {
	ID           string     `rest:"buttonId,required,param=/id" doc:"comes back when it is pressed"`
	Text         buttonText `rest:"buttonText,required"`
	Type         buttonType `rest:"type,required,param=/type" enum:"quick_reply|reply|url|cta_url|call|cta_call|copy|cta_copy|pix|pix_payment|payment_info|review_and_pay"`
	URL          string     `rest:"url,param=/url" doc:"of a link"`
	MerchantURL  string     `rest:"merchant_url,param=/merchant_url" doc:"of a link, on devices that cannot open the other"`
	Phone        string     `rest:"phone,param=/phone" doc:"of a call"`
	Code         string     `rest:"code,param=/code" doc:"text to copy"`
	PixKey       string     `rest:"pix_key,param=/pix/key" doc:"of a payment"`
	MerchantName string     `rest:"merchant_name,param=/pix/merchant_name" doc:"of a payment"`
	PixType      string     `rest:"pix_type,param=/pix/key_type" enum:"PHONE|EMAIL|CPF|CNPJ|EVP" doc:"kind of the key"`
	Currency     string     `rest:"currency,param=/order/currency" doc:"of an order; default BRL"`
	TotalValue   *int64     `rest:"total_value,param=/order/total_value" doc:"of an order, in minor units"`
	TotalOffset  int64      `rest:"total_offset,param=/order/amount_offset" doc:"minor units of one; default 100"`
	ReferenceID  string     `rest:"reference_id,param=/order/reference_id" doc:"of an order"`
	Items        []soldItem `rest:"items,param=/order/items" doc:"of an order"`
}

type buttonText struct {
	DisplayText string `rest:"displayText,required,param=/label" doc:"label"`
}

type soldItem struct {
	Name         string `rest:"name,required,param=/name"`
	Quantity     int64  `rest:"quantity,required,param=/quantity"`
	AmountValue  int64  `rest:"amount_value,required,param=/amount_value" doc:"price of one, in minor units"`
	AmountOffset int64  `rest:"amount_offset,param=/amount_offset" doc:"minor units of one; default 100"`
}

type buttonType string

// The types whose name differs from that of the methods.
var buttonTypes = map[buttonType]string{
	"quick_reply": "reply", "cta_url": "url", "cta_call": "call", "cta_copy": "copy", "pix_payment": "pix", "payment_info": "pix",
}

// ToParam implements rest.Converter.
func (b buttonType) ToParam(string) (any, error) { return cmp.Or(buttonTypes[b], string(b)), nil }

// CompleteParams implements rest.Completer: a key and an order are left out of buttons of other types.
func (b *chatButton) CompleteParams(p rest.Params) error {
	switch p["type"] {
	case "pix":
		delete(p, "order")
	case "review_and_pay":
	default:
		delete(p, "order")
		delete(p, "pix")
	}
	return nil
}

type flowRequest struct {
	address
	Body       string       `rest:",param=/text" max:"4096" doc:"the text; it, Text, Message or Caption is required"`
	Text       string       `max:"4096" doc:"the same as Body"`
	Message    string       `max:"4096" doc:"the same as Body"`
	Caption    string       `max:"4096" doc:"the text, if the others are missing"`
	Footer     string       `rest:",param=/footer" doc:"line below"`
	Version    *int         `rest:"MessageVersion,param=/message_version" doc:"version of the format"`
	ParamsJSON objectText   `rest:"MessageParamsJSON,param=/message_params" doc:"MessageParams as text"`
	Params     objectValue  `rest:"MessageParams,param=/message_params" doc:"parameters of the message"`
	Header     *flowHeader  `doc:"above the text"`
	Buttons    []flowButton `rest:",required,param=/buttons"`
}

// CompleteParams implements rest.Completer.
func (in *flowRequest) CompleteParams(p rest.Params) error {
	text := cmp.Or(in.Body, in.Text, in.Message, in.Caption)
	if text == "" {
		return rest.Missing("Body", "")
	}
	p["text"] = text
	return nil
}

type flowHeader struct {
	Title    string     `rest:",param=/header/title" doc:"line above the text"`
	Subtitle string     `rest:",param=/header/subtitle" doc:"smaller line"`
	Media    *flowMedia `doc:"file above the text"`
}

type flowMedia struct {
	Type     string `rest:",param=/header/media_kind" enum:"image|video|document"`
	URL      source `rest:"Url,param=/header/media" doc:"http(s) address or data URL"`
	Caption  string `rest:",param=/header/caption" doc:"text kept with the file"`
	Filename string `rest:",param=/header/media/filename" doc:"name shown"`
	MimeType string `rest:",param=/header/media/mime_type" doc:"detected when missing"`
}

// flowButton has its parameters in four fields, which are merged; the last one counts.
type flowButton struct {
	Name             string      `rest:",required,param=/name" doc:"WhatsApp's name of the kind of button"`
	ParamsJSON       objectText  `rest:",param=/params"`
	Params           objectValue `rest:",param=/params"`
	ButtonParamsJSON objectText  `rest:",param=/params"`
	ButtonParams     objectValue `rest:",param=/params" doc:"parameters"`
}

// objectValue is an object whose members are not known.
type objectValue json.RawMessage

// ToParam implements rest.Converter.
func (raw objectValue) ToParam(field string) (any, error) {
	var object rest.Params
	if json.Unmarshal(raw, &object) != nil {
		return nil, rest.Bad(field, "", "must be an object")
	}
	return object, nil
}

// objectText is such an object as text.
type objectText string

// ToParam implements rest.Converter.
func (text objectText) ToParam(field string) (any, error) { return objectValue(text).ToParam(field) }

type carouselRequest struct {
	address
	Message  string `rest:",required,param=/text" doc:"text above the cards"`
	Carousel []card `rest:",required,param=/cards" doc:"1 to 10"`
}

type card struct {
	Text      string       `rest:",required,param=/text" doc:"the text"`
	MediaURL  source       `rest:"MediaUrl,param=/media" doc:"http(s) address or data URL"`
	MediaType string       `rest:",param=/media_kind" enum:"image|video|document" doc:"required with MediaUrl"`
	Filename  string       `rest:",param=/media/filename" max:"255" doc:"name shown"`
	Caption   string       `rest:",param=/caption" doc:"small line below"`
	Buttons   []cardButton `rest:",required,param=/buttons" doc:"1 to 3"`
}

// CompleteParams implements rest.Completer.
func (c *card) CompleteParams(p rest.Params) error {
	if c.MediaURL == "" {
		delete(p, "media")
	} else if c.MediaType == "" {
		return rest.Missing("Carousel[].MediaType", "")
	}
	return nil
}

type cardButton struct {
	Type  string `rest:",required,param=/type" enum:"reply|url|copy|call"`
	Label string `rest:",required,param=/label" doc:"text on it"`
	ID    string `rest:"Id,param=/id" max:"256" doc:"of a reply; code to copy; number to call"`
	URL   string `rest:"Url,param=/url" doc:"of a link"`
}

// CompleteParams implements rest.Completer.
func (b *cardButton) CompleteParams(p rest.Params) error {
	if field := map[string]string{"copy": "code", "call": "phone"}[b.Type]; field != "" {
		delete(p, "id")
		p[field] = b.ID
	}
	return nil
}
