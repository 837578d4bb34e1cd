package wwebjs

import (
	"net/http"
	"net/url"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// forkMessageRoutes are the operations on messages that the fork has beyond the document.
func forkMessageRoutes() []rest.Route {
	of := rest.Family(familyMessage)
	return []rest.Route{
		rest.Row("POST", "/message/edit/{sessionId}", "message.edit message.get session.getStatus", editMessage, of, rest.Reads[account]("session.getStatus"), rest.Reads[messageShown]("message.get")),
		rest.Row("POST", "/message/getContact/{sessionId}", "message.get contact.get", contactOfMessage, of, rest.Reads[messageSender]("message.get"), rest.Reads[contactShown]("contact.get")),
		rest.Pass[messageRequest, reactionsShown]("POST", "/message/getReactions/{sessionId}", "message.get", of, own),
		rest.Pass[messageRequest, fileOfMessage]("POST", "/message/downloadMediaAsData/{sessionId}", "message.downloadMedia", of),
	}
}

type editRequest struct {
	messageRequest
	Text    string       `rest:"content,required,param=/text" doc:"new text"`
	Options *editOptions `rest:"options" doc:"options of the new text"`
}

type editOptions struct {
	Mentions chatIDs `rest:"mentions,param=/mentions" doc:"ids of the people mentioned in the text"`
}

// editMessage returns the message with its new text.
func editMessage(x *rest.Exchange, _ *editRequest) (*messageShown, error) {
	params, err := x.Params()
	if err != nil {
		return nil, err
	}
	message := rest.Params{"message_id": params["message_id"], "chat": params["chat"]}
	if err := x.Call("message.get", message, nil); err != nil { // WhatsApp accepts changes of unknown messages
		return nil, err
	}
	if err := x.Call("message.edit", params, nil); err != nil {
		return nil, err
	}
	var self account
	if err := x.Read("session.getStatus", nil, &self); err != nil {
		return nil, err
	}
	x.Keep(self)
	answer := &messageShown{}
	return answer, x.Read("message.get", message, answer)
}

type messageSender struct {
	Address string `from:"/message/pn|/message/sender"`
}

// contactOfMessage returns the author of a message.
func contactOfMessage(x *rest.Exchange, _ *messageRequest) (*contactShown, error) {
	params, err := x.Params()
	if err != nil {
		return nil, err
	}
	var sender messageSender
	if err := x.Read("message.get", params, &sender); err != nil {
		return nil, err
	}
	answer := &contactShown{}
	return answer, x.Read("contact.get", rest.Params{"contact": sender.Address}, answer)
}

// reactionsShown has no result for messages without reactions.
type reactionsShown struct {
	done
	Result  []reactionList `json:"result,omitempty" doc:"by emoji"`
	Message message        `json:"-" from:"/message"`
	Stored  []struct {
		Emoji  string           `from:"/emoji"`
		Sender plainID          `from:"/sender"`
		At     rest.UnixSeconds `from:"/timestamp"`
	} `json:"-" from:"/message/reactions"`
}

type reactionList struct {
	ID              string     `json:"id" doc:"the emoji"`
	AggregateEmoji  string     `json:"aggregateEmoji"`
	HasReactionByMe bool       `json:"hasReactionByMe"`
	Senders         []reaction `json:"senders"`
}

type reaction struct {
	Message   messageKey       `json:"msgId"`
	Emoji     string           `json:"reaction"`
	Sender    plainID          `json:"senderId"`
	Timestamp rest.UnixSeconds `json:"timestamp"`
}

// FinishAnswerOf implements rest.ExchangeFinisher.
func (r *reactionsShown) FinishAnswerOf(x *rest.Exchange) error {
	self, _ := x.Kept().(account)
	places := map[string]int{}
	for _, stored := range r.Stored {
		i, known := places[stored.Emoji]
		if !known {
			i = len(r.Result)
			places[stored.Emoji], r.Result = i, append(r.Result, reactionList{ID: stored.Emoji, AggregateEmoji: stored.Emoji})
		}
		list := &r.Result[i]
		list.HasReactionByMe = list.HasReactionByMe || string(stored.Sender) == outside(self.Address)
		list.Senders = append(list.Senders, reaction{r.Message.ID, stored.Emoji, stored.Sender, stored.At})
	}
	return nil
}

// fileOfMessage is the file itself.
type fileOfMessage struct {
	Media *messageMedia `from:"/media"`
}

// ToReply implements rest.Replier.
func (f *fileOfMessage) ToReply() (*rest.Reply, error) {
	if f.Media == nil {
		return nil, &rest.Failure{Err: rpc.Internal(), Text: "Message media not found"}
	}
	reply := &rest.Reply{ContentType: f.Media.MimeType, Body: []byte(f.Media.Data)}
	if f.Media.Filename != nil {
		reply.Header = http.Header{"Content-Disposition": {"attachment; filename=" + url.PathEscape(*f.Media.Filename)}}
	}
	return reply, nil
}
