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
	stored := &storedOrder{
		Order: order, id: strconv.FormatUint(n.random.uint64()%1e15+1e15, 10), token: base64.StdEncoding.EncodeToString(n.random.bytes(32)), at: n.now(),
	}
	n.orders.byID[stored.id] = stored
	n.orders.ids = append(n.orders.ids, stored.id)
	if len(n.orders.ids) > maxOrders {
		delete(n.orders.byID, n.orders.ids[0])
		n.orders.ids = n.orders.ids[1:]
	}
	return stored.id, stored.token, nil
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
		products = append(products, waBinary.Node{Tag: "product", Content: []waBinary.Node{
			leaf("id", []byte(p.ID)), leaf("name", []byte(p.Name)), number("price", p.Price), leaf("currency", []byte(order.Currency)),
			number("quantity", int64(p.Quantity)),
		}})
	}
	children := []waBinary.Node{
		{Tag: "price", Content: []waBinary.Node{
			number("subtotal", total), number("total", total), leaf("currency", []byte(order.Currency)), leaf("price_status", []byte("calculated")),
		}},
		{Tag: "catalog", Content: []waBinary.Node{leaf("id", []byte(order.Catalog))}},
	}
	return []waBinary.Node{{Tag: "order", Attrs: waBinary.Attrs{"id": order.id, "creation_ts": unix(order.at)}, Content: append(children, products...)}}, nil
}
