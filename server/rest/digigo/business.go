package digigo

import (
	"strings"

	"github.com/waystation/waystation/server/rest"
)

func businessRoutes() []rest.Route {
	of := func(failed string, opts ...rest.Option) []rest.Option {
		return append(opts, rest.Family(familyCommunity), rest.FailText(failed))
	}
	return []rest.Route{
		rest.Pass[businessRequest, namedProfile]("POST", "/user/business/profile", "business.getProfile", rest.NeedsBody(), rest.Family(familyProfile), rest.From("/profile")),
		rest.Pass[businessLink, businessLinkTarget]("POST", "/business/resolve-link", "business.resolveMessageLink",
			of("failed to resolve business link", rest.NeedsBody(), rest.With(rest.Params{"include_profile": true}))...),
		rest.Row("POST", "/business/contact-qr", "profile.createContactLink profile.get", contactQR, of("failed to generate QR link", rest.NeedsBody())...),
		rest.Pass[rest.None, botList]("GET", "/business/bots", "bot.list", of("failed to retrieve bots list")...),
		rest.Pass[botProfilesRequest, botProfiles]("POST", "/business/bot-profiles", "bot.listProfiles", of("failed to retrieve bot profiles", rest.NeedsBody())...),
		rest.Pass[order, orderSent]("POST", "/business/order/send", "message.sendOrder", of("failed to send order message", rest.NeedsBody())...),
	}
}

type businessRequest struct {
	Phone string `rest:"phone,required,param=/contact" bad:"missing phone number in payload" doc:"number or JID"`
}

type namedProfile struct {
	JID string `json:"jid" from:"/contact"`
	businessProfile
}

type businessLink struct {
	Link string `rest:"business_link,required,param=/link" bad:"business link is required"`
}

type businessLinkTarget struct {
	Success     bool   `json:"success" from:"=true"`
	Link        string `json:"business_link" from:"<business_link"`
	JID         string `json:"business_jid" from:"/contact"`
	Name        string `json:"business_name" from:"/verified_name|/push_name"`
	Verified    bool   `json:"verified" from:"/is_signed"`
	Category    string `json:"category"`
	Description string `json:"description" from:"/profile/description"`
	Website     string `json:"website" from:"/profile/website"`
	Email       string `json:"email" from:"/profile/email"`
	Address     string `json:"address" from:"/profile/address"`
	// Categories has the source of Category.
	Categories []struct {
		Name string `from:"/name"`
	} `json:"-" from:"/profile/categories"`
}

// FinishAnswer implements rest.Finisher.
func (t *businessLinkTarget) FinishAnswer() error {
	if len(t.Categories) > 0 {
		t.Category = t.Categories[0].Name
	}
	return nil
}

type contactQRRequest struct {
	Phone  string `rest:"phone,required" bad:"phone number is required" doc:"own number of the session"`
	Revoke bool   `rest:"revoke,param=/revoke_previous" doc:"invalidate earlier links; default false"`
}

type contactQRAnswer struct {
	Success bool   `json:"success"`
	Phone   string `json:"phone"`
	Link    string `json:"qr_link"`
	Revoked bool   `json:"revoked_previous"`
}

// contactQR makes the link of the own number, the only one that WhatsApp makes links for.
func contactQR(x *rest.Exchange, in *contactQRRequest) (*contactQRAnswer, error) {
	var own struct{ JID string }
	if err := x.Call("profile.get", nil, &own); err != nil {
		return nil, err
	}
	number := func(text string) string {
		text, _, _ = strings.Cut(strings.TrimPrefix(text, "+"), "@")
		return text
	}
	if number(in.Phone) != number(own.JID) {
		return nil, rest.Bad("phone", "", "must be the number of the session itself")
	}
	var made struct {
		URL     string
		Revoked bool `json:"revoked_previous"`
	}
	err := x.Call("profile.createContactLink", rest.Params{"revoke_previous": in.Revoke}, &made)
	return &contactQRAnswer{true, in.Phone, made.URL, made.Revoked}, err
}

type bot struct {
	JID         string `json:"jid" from:"/contact"`
	Name        string `json:"name" from:"/name"`
	Description string `json:"description" from:"/description"`
	Verified    bool   `json:"verified" from:"/verified"`
}

type botList struct {
	Success bool  `json:"success" from:"=true"`
	Bots    []bot `json:"bots" from:"/bots"`
	Count   int   `json:"count" from:"#/bots"`
}

type botProfilesRequest struct {
	Bots []string `rest:"bot_jids,required,param=/contacts" bad:"bot JIDs are required"`
}

type botProfiles struct {
	Success  bool         `json:"success" from:"=true"`
	Profiles []botProfile `json:"profiles" from:"/profiles"`
	Count    int          `json:"count" from:"#/profiles"`
}

type botProfile struct {
	bot
	AvatarURL    string       `json:"avatar_url" from:"/picture_url"`
	Capabilities []string     `json:"capabilities"`
	Commands     []botCommand `json:"commands" from:"/commands"`
	Attributes   string       `json:"-" from:"/attributes"`
}

// FinishAnswer implements rest.Finisher.
func (p *botProfile) FinishAnswer() error {
	p.Capabilities = strings.FieldsFunc(p.Attributes, func(c rune) bool { return c == ',' || c == ' ' })
	return nil
}

type botCommand struct {
	Command     string `json:"command" from:"/name"`
	Description string `json:"description" from:"/description"`
}

// FinishAnswer implements rest.Finisher.
func (c *botCommand) FinishAnswer() error {
	c.Command = "/" + strings.TrimPrefix(c.Command, "/")
	return nil
}

type order struct {
	Phone string      `rest:"phone,required,param=/to" bad:"phone number is required" doc:"number or JID"`
	Items []orderItem `rest:"items,required,param=/items" missing:"order must contain at least one item" bad:"invalid order item format"`
	Notes string      `rest:"notes,param=/notes"`
}

type orderItem struct {
	Name     string   `rest:"name,required,param=/name" bad:"invalid order item format"`
	Quantity int      `rest:"quantity,required,param=/quantity" bad:"invalid order item format"`
	Price    *float64 `rest:"price,required,param=/price" bad:"invalid order item format"`
	Currency string   `rest:"currency,param=/currency" bad:"invalid order item format" doc:"ISO 4217, default USD"`
	ImageURL string   `rest:"image_url,param=/image_url" bad:"invalid order item format"`
}

type orderSent struct {
	Success bool    `json:"success" from:"=true"`
	Message string  `json:"message" from:"=Order message sent successfully"`
	Phone   string  `json:"phone" from:"<phone"`
	ID      string  `json:"order_id" from:"/order_id"`
	Count   int     `json:"items_count" from:"/item_count"`
	Total   float64 `json:"total_amount" from:"/total_amount"`
}
