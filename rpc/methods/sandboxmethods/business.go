package sandboxmethods

import (
	"context"
	"math"
	"strings"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
)

type sandboxBusinessProfile struct {
	asAccount
	Address    string                    `json:"address,omitempty" rpc:"max=256" doc:"postal address"`
	Email      string                    `json:"email,omitempty" rpc:"max=128" doc:"address"`
	Timezone   string                    `json:"business_hours_timezone,omitempty" rpc:"max=64" doc:"IANA name; without one there are no opening hours"`
	Hours      []sandboxBusinessHours    `json:"business_hours,omitempty" rpc:"max=100" doc:"opening hours"`
	Categories []sandboxBusinessCategory `json:"categories,omitempty" rpc:"max=100" doc:"kinds of business"`
	Options    map[string]string         `json:"profile_options,omitempty" doc:"options, as WhatsApp names them; 100 at most"`
}

type sandboxBusinessHours struct {
	DayOfWeek string `json:"day_of_week" rpc:"required,enum=sun|mon|tue|wed|thu|fri|sat" doc:"weekday"`
	Mode      string `json:"mode" rpc:"required,enum=specific_hours|open_24h|appointment_only" doc:"kind of opening hours"`
	OpenTime  string `json:"open_time,omitempty" rpc:"max=4" doc:"minutes after midnight, of specific_hours"`
	CloseTime string `json:"close_time,omitempty" rpc:"max=4" doc:"minutes after midnight, of specific_hours"`
}

type sandboxBusinessCategory struct {
	ID   string `json:"id" rpc:"required,max=64" doc:"number of the category"`
	Name string `json:"name" rpc:"required,max=100" doc:"name"`
}

type sandboxMessageLink struct {
	asAccount
	Text string `json:"text" rpc:"max=4096" doc:"text that the link fills in"`
}

type sandboxMessageLinkResult struct {
	Code string `json:"code" doc:"last part of the link https://wa.me/message/..."`
}

type sandboxOrder struct {
	asAccount
	To       string                `json:"to" rpc:"required,format=jid" doc:"business that gets the order"`
	Catalog  string                `json:"catalog_id,omitempty" rpc:"max=64" doc:"catalogue of the products"`
	Currency string                `json:"currency" rpc:"required,min=3,max=3" doc:"ISO 4217"`
	Products []sandboxOrderProduct `json:"products" rpc:"required,min=1,max=100" doc:"1 to 100 products"`
	Notes    string                `json:"notes,omitempty" rpc:"max=1024" doc:"remark at the end of the text"`
}

type sandboxOrderProduct struct {
	ID       string  `json:"product_id" rpc:"required,min=1,max=64" doc:"number in the catalogue"`
	Name     string  `json:"name" rpc:"required,min=1,max=256" doc:"name"`
	Price    float64 `json:"price" rpc:"required,min=0,max=1000000" doc:"of one, in units of the currency; thousandths count"`
	Quantity int     `json:"quantity" rpc:"required,min=1,max=1000000" doc:"how many"`
	ImageURL string  `json:"image_url,omitempty" rpc:"max=2048,format=uri" doc:"thumbnail"`
}

type sandboxOrderSent struct {
	MessageID string `json:"message_id" doc:"id of the order message"`
	OrderID   string `json:"order_id" doc:"id of the order"`
	Token     string `json:"token" doc:"token that a request for the order carries"`
}

func (p *sandboxOrder) networkOrder() sandbox.Order {
	order := sandbox.Order{Catalog: p.Catalog, Currency: strings.ToUpper(p.Currency)}
	for _, x := range p.Products {
		order.Products = append(order.Products, sandbox.OrderProduct{
			ID: x.ID, Name: x.Name, Price: int64(math.Round(x.Price * 1000)), Quantity: x.Quantity, ImageURL: x.ImageURL,
		})
	}
	return order
}

func (p *sandboxBusinessProfile) profile() sandbox.BusinessProfile {
	profile := sandbox.BusinessProfile{Address: p.Address, Email: p.Email, Timezone: p.Timezone, Options: p.Options}
	for _, h := range p.Hours {
		profile.Hours = append(profile.Hours, sandbox.BusinessHours{Day: h.DayOfWeek, Mode: h.Mode, Open: h.OpenTime, Close: h.CloseTime})
	}
	for _, c := range p.Categories {
		profile.Categories = append(profile.Categories, sandbox.BusinessCategory(c))
	}
	return profile
}

func registerBusiness(reg *rpc.Registry, d Deps) {
	onPhone(reg, d, "setBusinessProfile", "Replace the public profile of a business account.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxBusinessProfile) (result done, err error) {
			return did(phone.SetBusinessProfile(p.profile()))
		})
	onPhone(reg, d, "createMessageLink", "Create the link of a business account that opens a chat with a text; an earlier one becomes invalid.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxMessageLink) (result sandboxMessageLinkResult, err error) {
			result.Code, err = phone.MessageLink(p.Text)
			return result, err
		})
	onPhone(reg, d, "createOrder", "Order products from a business, as a customer who submits a cart.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxOrder) (result sandboxOrderSent, err error) {
			to, err := wa.ParseJID("to", p.To)
			if err != nil {
				return result, err
			}
			result.MessageID, result.OrderID, result.Token, err = phone.SendOrder(ctx, to, p.networkOrder(), p.Notes)
			return result, err
		})
}
