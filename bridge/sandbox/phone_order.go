package sandbox

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// maxOrderText bounds the text of an order message from which products are read, in bytes.
const maxOrderText = 64 << 10

// orderLine is one product in the text of an order message: quantity, name, price of all, currency.
var orderLine = regexp.MustCompile(`^([0-9]{1,7}) x ((?s:.+?)): ([0-9]{1,13}(?:\.[0-9]{1,3})?) ([A-Z]{3})(?:\n|$)`)

// SendOrder stores an order and sends the message with its id and token, as a customer who submits a cart. It returns the id of the message and the
// order's id and token. The note is added to the text.
func (p *Phone) SendOrder(ctx context.Context, to types.JID, order Order, note string) (messageID, orderID, token string, err error) {
	if orderID, token, err = p.net.AddOrder(order); err != nil {
		return "", "", "", err
	}
	var total int64
	var body strings.Builder
	for _, product := range order.Products {
		sum := product.Price * int64(product.Quantity)
		total += sum
		fmt.Fprintf(&body, "%d x %s: %s %s\n", product.Quantity, product.Name, strconv.FormatFloat(float64(sum)/1000, 'f', -1, 64), order.Currency)
	}
	messageID, err = p.Send(ctx, to, &waE2E.Message{OrderMessage: &waE2E.OrderMessage{
		OrderID: &orderID, Token: &token, ItemCount: proto.Int32(int32(len(order.Products))), SellerJID: proto.String(to.String()),
		Status: waE2E.OrderMessage_INQUIRY.Enum(), Surface: waE2E.OrderMessage_CATALOG.Enum(), MessageVersion: proto.Int32(1),
		Message: proto.String(strings.TrimSuffix(body.String()+note, "\n")), OrderTitle: proto.String(order.Products[0].Name),
		TotalAmount1000: &total, TotalCurrencyCode: proto.String(order.Currency),
	}})
	return messageID, orderID, token, err
}

// noteOrder stores the order of a message that no catalogue stands behind. WhatsApp has no such order; the simulated network has it as soon as a phone of
// the chat has decrypted the message. A message whose text does not list its products is ignored.
func (p *Phone) noteOrder(message *waE2E.Message) {
	m := unwrapMessage(message).GetOrderMessage()
	if m.GetOrderID() == "" || m.GetToken() == "" {
		return
	}
	products := orderProducts(m)
	if len(products) == 0 {
		return
	}
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	p.net.orders.add(&storedOrder{
		Order: Order{Currency: m.GetTotalCurrencyCode(), Products: products}, id: m.GetOrderID(), token: m.GetToken(), at: p.net.now(),
	})
}

// orderProducts reads the products from the text of an order message; nil if they do not have the number, currency and sum of the order.
func orderProducts(m *waE2E.OrderMessage) []OrderProduct {
	rest, count := m.GetMessage(), int(m.GetItemCount())
	if count < 1 || count > maxBusinessList || len(rest) > maxOrderText {
		return nil
	}
	var products []OrderProduct
	var total int64
	for i := range count {
		part := orderLine.FindStringSubmatch(rest)
		if part == nil || part[4] != m.GetTotalCurrencyCode() {
			return nil
		}
		rest = rest[len(part[0]):]
		quantity, _ := strconv.Atoi(part[1])
		amount, _ := strconv.ParseFloat(part[3], 64)
		sum := int64(math.Round(amount * 1000))
		if quantity < 1 || sum%int64(quantity) != 0 {
			return nil
		}
		total += sum
		products = append(products, OrderProduct{ID: strconv.Itoa(i + 1), Name: part[2], Price: sum / int64(quantity), Quantity: quantity})
	}
	if total != m.GetTotalAmount1000() {
		return nil
	}
	return products
}
