// Package orders reads the orders and payments behind the stored messages of one session.
//
// An order message has only the id of its order and a token; the products are queried from WhatsApp. Start reading at Service.
package orders
