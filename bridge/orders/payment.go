package orders

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/wa"
)

// States of payments that follow from the type of their message.
const (
	statusWaiting   = "waiting"
	statusRejected  = "rejected"
	statusCancelled = "cancelled"
)

// Payment is a payment, a request for one, or the answer to a request.
type Payment struct {
	PaymentID         string    `json:"payment_id" doc:"id of the message that requests it, or of the message itself"`
	Amount            *string   `json:"amount" doc:"in units of the currency; null: the message has no amount, and the request is not stored"`
	Currency          *string   `json:"currency" doc:"ISO 4217"`
	Receiver          *string   `json:"receiver" doc:"addressed person, as the request has it"`
	Status            *string   `json:"status" doc:"waiting (a request), rejected, cancelled, or the state of a reminder; null: WhatsApp reports the state of a transfer to phones only"`
	TransactionStatus *string   `json:"transaction_status" doc:"null: WhatsApp reports it to phones only"`
	Note              *string   `json:"note" doc:"text of the payment"`
	Timestamp         time.Time `json:"timestamp" doc:"when the message was sent"`
	FromMe            bool      `json:"from_me" doc:"the message is one's own"`
}

// GetPayment returns the payment of a stored message, completed from the stored request that it answers. It returns nil for
// messages of other types.
func (s *Service) GetPayment(ctx context.Context, chat, id string) (*Payment, error) {
	row, err := s.conn.StoredMessage(ctx, chat, id)
	if err != nil {
		return nil, err
	}
	m, err := message.FromRow(row, false)
	if err != nil || m.Payment == nil {
		return nil, err
	}
	content, err := message.ContentOfRow(row)
	if err != nil {
		return nil, err
	}
	payment := &Payment{
		PaymentID: m.MessageID, Amount: m.Payment.Amount, Currency: m.Payment.Currency, Receiver: m.Payment.Receiver, Status: m.Payment.Status,
		Note: m.Payment.Note, Timestamp: m.Timestamp, FromMe: m.FromMe,
	}
	request, status := requestOf(message.WithoutEnvelopes(content))
	if payment.Status == nil {
		payment.Status = wa.OrNull(status)
	}
	if request.GetID() == "" {
		return payment, nil
	}
	payment.PaymentID = request.GetID()
	return payment, s.addRequest(ctx, row.Chat, payment)
}

// requestOf returns the key of the request that a message answers, and the state that its type expresses.
func requestOf(content *waE2E.Message) (request *waCommon.MessageKey, status string) {
	switch {
	case content.GetRequestPaymentMessage() != nil:
		return nil, statusWaiting
	case content.GetDeclinePaymentRequestMessage() != nil:
		return content.DeclinePaymentRequestMessage.GetKey(), statusRejected
	case content.GetCancelPaymentRequestMessage() != nil:
		return content.CancelPaymentRequestMessage.GetKey(), statusCancelled
	}
	return content.GetSendPaymentMessage().GetRequestMessageKey(), ""
}

// addRequest completes a payment from its request, if that is stored.
func (s *Service) addRequest(ctx context.Context, chat string, payment *Payment) error {
	row, err := s.conn.StoredMessage(ctx, chat, payment.PaymentID)
	if wa.ReasonOf(err) == wa.ReasonNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	request, err := message.FromRow(row, false)
	if err != nil || request.Payment == nil {
		return err
	}
	payment.Amount, payment.Currency, payment.Receiver = request.Payment.Amount, request.Payment.Currency, request.Payment.Receiver
	if payment.Note == nil {
		payment.Note = request.Payment.Note
	}
	return nil
}
