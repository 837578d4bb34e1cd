package sandbox

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// maxOrders bounds the orders of a network; beyond it the oldest are dropped.
const maxOrders = 1000

// Order is the content of a customer's cart. Amounts are in thousandths of the currency.
type Order struct {
	Catalog  string
	Currency string
	Products []OrderProduct
}

// OrderProduct is one line of an order.
type OrderProduct struct {
	ID, Name string
	Price    int64
	Quantity int
	ImageURL string // thumbnail; empty = none
}

// ErrEmptyOrder: an order needs at least one product and a currency.
var ErrEmptyOrder = errors.New("order without products or currency")

type storedOrder struct {
	Order
	id, token string
	at        time.Time
}

// orderBook stores orders. Guarded by Network.mu.
type orderBook struct {
	byID map[string]*storedOrder
	ids  []string
}

func (n *Network) orderRoutes() iqRoutes { return iqRoutes{"fb:thrift_iq/get/order": n.getOrder} }

// AddOrder stores an order and returns the id and token that an order message carries.
func (n *Network) AddOrder(order Order) (id, token string, err error) {
	if len(order.Products) == 0 || len(order.Products) > maxBusinessList || order.Currency == "" {
		return "", "", fmt.Errorf("sandbox: %w", ErrEmptyOrder)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	id = strconv.FormatUint(n.random.uint64()%1e15+1e15, 10)
	token = base64.StdEncoding.EncodeToString(n.random.bytes(32))
	n.orders.add(&storedOrder{Order: order, id: id, token: token, at: n.now()})
	return id, token, nil
}

// add stores an order and removes the oldest one beyond maxOrders; an id that is known keeps its order.
func (b *orderBook) add(order *storedOrder) {
	if b.byID[order.id] != nil {
		return
	}
	b.byID[order.id] = order
	b.ids = append(b.ids, order.id)
	if len(b.ids) > maxOrders {
		delete(b.byID, b.ids[0])
		b.ids = b.ids[1:]
	}
}

// getOrder returns an order to a requester with its token: 404 no such order, 401 wrong token.
func (n *Network) getOrder(r *request) ([]waBinary.Node, error) {
	if text(r.node, "smax_id") != "5" || text(r.child(), "op") != "get" {
		return nil, iqFail(400)
	}
	order := n.orders.byID[text(r.child(), "id")]
	if order == nil {
		return nil, iqFail(404)
	}
	if string(childContent(r.child(), "token")) != order.token {
		return nil, iqFail(401)
	}
	number := func(tag string, value int64) waBinary.Node { return leaf(tag, []byte(strconv.FormatInt(value, 10))) }
	var total int64
	var products []waBinary.Node
	for _, p := range order.Products {
		total += p.Price * int64(p.Quantity)
		fields := []waBinary.Node{
			leaf("id", []byte(p.ID)), leaf("name", []byte(p.Name)), number("price", p.Price), leaf("currency", []byte(order.Currency)),
			number("quantity", int64(p.Quantity)),
		}
		if p.ImageURL != "" {
			fields = append(fields, waBinary.Node{Tag: "image", Content: []waBinary.Node{leaf("id", []byte(p.ID)), leaf("url", []byte(p.ImageURL))}})
		}
		products = append(products, waBinary.Node{Tag: "product", Content: fields})
	}
	children := []waBinary.Node{
		{Tag: "price", Content: []waBinary.Node{
			number("subtotal", total), number("total", total), leaf("currency", []byte(order.Currency)), leaf("price_status", []byte("calculated")),
		}},
		{Tag: "catalog", Content: []waBinary.Node{leaf("id", []byte(order.Catalog))}},
	}
	return []waBinary.Node{{Tag: "order", Attrs: waBinary.Attrs{"id": order.id, "creation_ts": unix(order.at)}, Content: append(children, products...)}}, nil
}
