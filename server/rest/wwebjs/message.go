package wwebjs

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func messageRoutes() []rest.Route {
	of := rest.Family(familyMessage)
	starred := func(path string, value bool) rest.Route {
		return rest.Pass[actRequest, done]("POST", path, "message.setStarred", of, rest.With(rest.Params{"starred": value}))
	}
	return []rest.Route{
		rest.Pass[messageRequest, messageShown]("POST", "/message/getClassInfo/{sessionId}", "message.get", of, own),
		rest.Pass[deleteRequest, done]("POST", "/message/delete/{sessionId}", "message.delete", of, rest.With(rest.Params{"for_everyone": false})),
		rest.Pass[messageRequest, downloaded]("POST", "/message/downloadMedia/{sessionId}", "message.downloadMedia", of),
		rest.Pass[forwardRequest, forwarded]("POST", "/message/forward/{sessionId}", "message.forward", of),
		rest.Pass[messageRequest, receipts]("POST", "/message/getInfo/{sessionId}", "message.getReceipts", of),
		rest.Pass[messageRequest, contactsShown]("POST", "/message/getMentions/{sessionId}", "message.listMentions", of),
		rest.Pass[messageRequest, orderShown]("POST", "/message/getOrder/{sessionId}", "message.getOrder", of),
		rest.Pass[messageRequest, paymentShown]("POST", "/message/getPayment/{sessionId}", "message.getPayment", of),
		rest.Pass[messageRequest, quotedShown]("POST", "/message/getQuotedMessage/{sessionId}", "message.getQuoted", of, own),
		rest.Pass[reactRequest, done]("POST", "/message/react/{sessionId}", "message.react", of),
		starred("/message/star/{sessionId}", true),
		starred("/message/unstar/{sessionId}", false),
	}
}

type messageRequest struct {
	chatRequest
	Message messageID `rest:"messageId,required,param=/message_id" doc:"id of the message, alone or in its serialised form"`
}

// actRequest names a message to change and, if its id is serialised, the author.
type actRequest struct{ messageRequest }

// CompleteParams implements rest.Completer.
func (in *actRequest) CompleteParams(p rest.Params) error {
	if key, ok := parseKey(string(in.Message)); ok {
		p["from_me"] = key.FromMe
		if key.author != "" {
			p["sender"] = native(key.author)
		}
	}
	return nil
}

type deleteRequest struct {
	actRequest
	Everyone   *bool `rest:"everyone,param=/for_everyone" doc:"revoke it; default false: delete it on the own devices"`
	ClearMedia *bool `rest:"clearMedia,param=/delete_media" doc:"without everyone: delete its file too; default true"`
}

type reactRequest struct {
	actRequest
	Reaction *string `rest:"reaction,required,param=/emoji" doc:"emoji; empty removes the reaction"`
}

type forwardRequest struct {
	messageRequest
	To recipient `rest:"destinationChatId,required,param=/recipients" doc:"id of the chat to forward it to"`
}

// recipient is the only chat of a list.
type recipient string

// ToParam implements rest.Converter.
func (id recipient) ToParam(string) (any, error) { return []string{native(string(id))}, nil }

type messageShown struct {
	done
	Message message `json:"message" from:"/message"`
}

type quotedShown struct {
	done
	Message *message `json:"quotedMessage,omitempty" from:"/message"`
}

// downloaded has no messageMedia for messages without a file.
type downloaded struct {
	done
	Media *messageMedia `json:"messageMedia,omitempty" from:"/media"`
}

type messageMedia struct {
	MimeType string       `json:"mimetype" from:"/mime_type"`
	Data     rest.Content `json:"data" from:"/base64"`
	Filename *string      `json:"filename" from:"/filename"`
	Filesize int64        `json:"filesize" from:"/size"`
}

type forwarded struct {
	done
	Problem *string `json:"-" from:"/messages/0/error"`
}

// FinishAnswer implements rest.Finisher.
func (f *forwarded) FinishAnswer() error {
	if f.Problem != nil {
		return &rest.Failure{Err: &rpc.Error{Code: rpc.CodeWhatsApp, Message: *f.Problem}}
	}
	return nil
}

// receipts has null for messages of others.
type receipts struct {
	done
	Info *receiptLists `json:"info" from:"/"`
}

type receiptLists struct {
	Delivery          []receipt `json:"delivery" from:"/delivered"`
	DeliveryRemaining int       `json:"deliveryRemaining" from:"/delivered_remaining"`
	Read              []receipt `json:"read" from:"/read"`
	ReadRemaining     int       `json:"readRemaining" from:"/read_remaining"`
	Played            []receipt `json:"played" from:"/played"`
	PlayedRemaining   int       `json:"playedRemaining" from:"/played_remaining"`
}

type receipt struct {
	ID wid              `json:"id" from:"/contact"`
	At rest.UnixSeconds `json:"t" from:"/at"`
}

// orderShown has no order for messages of other types.
type orderShown struct {
	done
	Order *order `json:"order,omitempty" from:"/order"`
}

type order struct {
	Products  []orderProduct   `json:"products" from:"/products"`
	Subtotal  thousandths      `json:"subtotal" from:"/subtotal"`
	Total     thousandths      `json:"total" from:"/total"`
	Currency  string           `json:"currency" from:"/currency"`
	CreatedAt rest.UnixSeconds `json:"createdAt" from:"/created_at"`
}

type orderProduct struct {
	ID           string      `json:"id" from:"/product_id"`
	Price        thousandths `json:"price" from:"/price"`
	ThumbnailID  string      `json:"thumbnailId" from:"/thumbnail_id"`
	ThumbnailURL string      `json:"thumbnailUrl" from:"/thumbnail_url"`
	Currency     string      `json:"currency" from:"/currency"`
	Name         string      `json:"name" from:"/name"`
	Quantity     int         `json:"quantity" from:"/quantity"`
}

// thousandths is an amount in thousandths of its currency, read from a decimal number.
type thousandths string

// UnmarshalJSON implements json.Unmarshaler.
func (t *thousandths) UnmarshalJSON(raw []byte) error {
	var amount string
	if err := json.Unmarshal(raw, &amount); err != nil {
		return fmt.Errorf("wwebjs: amount: %w", err)
	}
	value, err := strconv.ParseFloat(amount, 64)
	if err != nil {
		return fmt.Errorf("wwebjs: amount: %w", err)
	}
	*t = thousandths(strconv.FormatInt(int64(math.Round(value*1000)), 10))
	return nil
}

// paymentShown has no payment for messages of other types.
type paymentShown struct {
	done
	Payment *payment  `json:"payment,omitempty" from:"/payment"`
	Chat    string    `json:"-" from:"<chatId"`
	Message messageID `json:"-" from:"<messageId"`
}

// FinishAnswer implements rest.Finisher: the id of a payment is that of its message.
func (f *paymentShown) FinishAnswer() error {
	if f.Payment == nil {
		return nil
	}
	id, _ := f.Message.ToParam("")
	f.Payment.ID = keyOf(f.Payment.FromMe, outside(f.Chat), fmt.Sprint(id), "")
	return nil
}

type payment struct {
	ID                messageKey       `json:"id"`
	FromMe            bool             `json:"-" from:"/from_me"`
	Currency          string           `json:"paymentCurrency" from:"/currency"`
	Amount            amount           `json:"paymentAmount1000" from:"/amount"`
	Receiver          *wid             `json:"paymentMessageReceiverJid" from:"/receiver"`
	At                rest.UnixSeconds `json:"paymentTransactionTimestamp" from:"/timestamp"`
	Status            paymentStatus    `json:"paymentStatus" from:"/status"`
	TransactionStatus paymentStatus    `json:"paymentTxnStatus" from:"/transaction_status"`
	Note              *string          `json:"paymentNote" from:"/note"`
}

// amount is a whole number of thousandths.
type amount int64

// UnmarshalJSON implements json.Unmarshaler.
func (a *amount) UnmarshalJSON(raw []byte) error {
	var text thousandths
	if err := text.UnmarshalJSON(raw); err != nil {
		return err
	}
	value, err := strconv.ParseInt(string(text), 10, 64)
	*a = amount(value)
	return err
}

// paymentStatus is WhatsApp's number of a state; 0 = unknown.
type paymentStatus int

var paymentStatuses = map[string]paymentStatus{"paid": 4, "rejected": 8, "cancelled": 9, "waiting": 11}

// UnmarshalJSON implements json.Unmarshaler.
func (s *paymentStatus) UnmarshalJSON(raw []byte) error {
	var word string
	err := json.Unmarshal(raw, &word)
	*s = paymentStatuses[word]
	return err
}
