package message

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/oklog/ulid/v2"
	"go.mau.fi/util/random"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/wa"
)

// OrderItem is one position of an order.
type OrderItem struct {
	Name     string  `json:"name" rpc:"required,min=1,max=256" doc:"what is ordered"`
	Quantity int     `json:"quantity" rpc:"required,min=1,max=1000000" doc:"how many"`
	Price    float64 `json:"price" rpc:"required,min=0,max=1000000000" doc:"of one, in units of the currency; thousandths count"`
	Currency string  `json:"currency" rpc:"min=3,max=3" doc:"ISO 4217; an order has one currency"`
	ImageURL string  `json:"image_url" rpc:"max=2048,format=uri" doc:"picture; the first one is shown with the order"`
}

const (
	maxOrderItems   = 100
	maxOrderTotal   = 1_000_000_000_000_000 // thousandths
	defaultCurrency = "USD"
	orderVersion    = 1
)

// orderTokenSize is the size in bytes of the token that a request for an order carries, as WhatsApp makes it.
const orderTokenSize = 32

// order makes an order message. No catalogue stands behind it: the receiver
// sees its text, number and sum, and finds nothing when they open it.
func (b *Builder) order(ctx context.Context) (*waE2E.Message, error) {
	if !wa.IsPerson(b.To) {
		return nil, &wa.Error{Reason: wa.ReasonNotSupported, Field: "to", Message: "an order goes to one business, not to a group or newsletter"}
	}
	if len(b.Content.Items) == 0 || len(b.Content.Items) > maxOrderItems {
		return nil, wa.BadParam("items", "needs 1 to %d positions", maxOrderItems)
	}
	currency, err := b.orderCurrency()
	if err != nil {
		return nil, err
	}
	var total int64
	var text strings.Builder
	for i, item := range b.Content.Items {
		switch {
		case strings.TrimSpace(item.Name) == "":
			return nil, wa.BadParam("items/"+strconv.Itoa(i)+"/name", "is empty")
		case item.Quantity < 1:
			return nil, wa.BadParam("items/"+strconv.Itoa(i)+"/quantity", "must be at least 1")
		case item.Price < 0:
			return nil, wa.BadParam("items/"+strconv.Itoa(i)+"/price", "must not be negative")
		}
		sum := math.Round(item.Price*1000) * float64(item.Quantity)
		if float64(total)+sum > maxOrderTotal {
			return nil, wa.BadParam("items", "add up to more than an order can hold")
		}
		total += int64(sum)
		fmt.Fprintf(&text, "%d x %s: %s %s\n", item.Quantity, item.Name, strconv.FormatFloat(sum/1000, 'f', -1, 64), currency)
	}
	if b.Content.Notes != "" {
		text.WriteString(b.Content.Notes)
	}
	thumbnail, err := b.orderPicture(ctx)
	if err != nil {
		return nil, err
	}
	token := base64.StdEncoding.EncodeToString(random.Bytes(orderTokenSize))
	return &waE2E.Message{OrderMessage: &waE2E.OrderMessage{
		OrderID: proto.String(ulid.Make().String()), Token: &token, ItemCount: proto.Int32(int32(len(b.Content.Items))), Thumbnail: thumbnail,
		Status: waE2E.OrderMessage_INQUIRY.Enum(), Surface: waE2E.OrderMessage_CATALOG.Enum(), MessageVersion: proto.Int32(orderVersion),
		Message: proto.String(strings.TrimSuffix(text.String(), "\n")), OrderTitle: proto.String(b.Content.Items[0].Name),
		SellerJID: proto.String(b.To.String()), TotalAmount1000: &total, TotalCurrencyCode: &currency,
	}}, nil
}

func (b *Builder) orderCurrency() (string, error) {
	otherwise := strings.ToUpper(b.Content.Currency)
	if otherwise == "" {
		otherwise = defaultCurrency
	}
	var currency string
	for i, item := range b.Content.Items {
		field, own := "items/"+strconv.Itoa(i)+"/currency", strings.ToUpper(item.Currency)
		if own == "" {
			field, own = "currency", otherwise
		}
		switch {
		case !isCurrency(own):
			return "", wa.BadParam(field, "is not a currency of three letters")
		case currency != "" && own != currency:
			return "", wa.BadParam("items/"+strconv.Itoa(i)+"/currency", "differs from that of the other items")
		}
		currency = own
	}
	return currency, nil
}

func isCurrency(s string) bool {
	if len(s) != 3 {
		return false
	}
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// orderPicture fetches the first picture there is.
func (b *Builder) orderPicture(ctx context.Context) ([]byte, error) {
	for i, item := range b.Content.Items {
		if item.ImageURL != "" {
			small, err := b.thumbnail(ctx, "", &MediaSource{URL: item.ImageURL})
			return small, renameField("items/"+strconv.Itoa(i)+"/image_url", err)
		}
	}
	return nil, nil
}

// renameField replaces the field that an error names.
func renameField(field string, err error) error {
	var e *wa.Error
	if !errors.As(err, &e) {
		return err
	}
	named := *e
	named.Field = field
	return &named
}
