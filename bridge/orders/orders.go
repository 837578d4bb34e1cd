package orders

import (
	"context"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// Conn has the methods of a session that orders and payments use.
type Conn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
	// StoredMessage returns a stored message; chat may be empty if the id is unique.
	StoredMessage(ctx context.Context, chat, id string) (*messages.Row, error)
}

// Service reads the orders and payments of one session. Its methods return *wa.Error.
type Service struct{ conn Conn }

// NewService returns the orders and payments of a session.
func NewService(conn Conn) *Service { return &Service{conn: conn} }

// Order is the content of an order. Amounts are decimal numbers in units of the currency.
type Order struct {
	OrderID   string    `json:"order_id" doc:"id of the order"`
	Products  []Product `json:"products" doc:"ordered products"`
	Subtotal  string    `json:"subtotal" doc:"sum of the products, in units of the currency"`
	Total     string    `json:"total" doc:"sum with taxes and shipping, in units of the currency"`
	Currency  string    `json:"currency" doc:"ISO 4217"`
	CreatedAt time.Time `json:"created_at" doc:"when it was placed"`
}

// Product is a line of an order.
type Product struct {
	ProductID    string  `json:"product_id" doc:"id in the catalogue"`
	Name         string  `json:"name" doc:"name"`
	Quantity     int     `json:"quantity" doc:"how many"`
	Price        string  `json:"price" doc:"of one, in units of the currency"`
	Currency     string  `json:"currency" doc:"ISO 4217"`
	ThumbnailID  *string `json:"thumbnail_id" doc:"id of the picture"`
	ThumbnailURL *string `json:"thumbnail_url" doc:"address of the picture"`
}

// GetOrder queries the order that a stored message announces. It returns nil for messages of other types.
func (s *Service) GetOrder(ctx context.Context, chat, id string) (*Order, error) {
	row, err := s.conn.StoredMessage(ctx, chat, id)
	if err != nil {
		return nil, err
	}
	m, err := message.FromRow(row, false)
	if err != nil || m.Order == nil {
		return nil, err
	}
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	details, err := client.GetOrderDetails(ctx, m.Order.OrderID, m.Order.Token)
	if err != nil {
		return nil, wa.Wrap("read the order", err)
	}
	return orderOf(details), nil
}

func orderOf(details *types.OrderDetails) *Order {
	order := &Order{
		OrderID: details.ID, Products: make([]Product, len(details.Products)), Subtotal: decimal(details.Price.Subtotal), Total: decimal(details.Price.Total),
		Currency: details.Price.Currency, CreatedAt: details.CreatedAt.UTC(),
	}
	for i := range details.Products {
		p := &details.Products[i]
		order.Products[i] = Product{
			ProductID: p.ID, Name: p.Name, Quantity: p.Quantity, Price: decimal(p.Price), Currency: p.Currency,
			ThumbnailID: wa.OrNull(p.ImageID), ThumbnailURL: wa.OrNull(p.ImageURL),
		}
	}
	return order
}

// decimal returns an amount in thousandths as a decimal number.
func decimal(thousandths int64) string {
	return strconv.FormatFloat(float64(thousandths)/1000, 'f', -1, 64)
}
