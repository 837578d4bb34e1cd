package wuzapi

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func chatRoutes() []rest.Route {
	const presenceSet = "Chat presence set successfuly" //nolint:misspell // callers compare the document's own spelling
	routes := []rest.Route{
		rest.Pass[presenceRequest, details]("POST", "/chat/presence", "presence.setChatState", rest.NeedsBody(), rest.Says(presenceSet),
			rest.FailText("Failure sending chat presence to Whatsapp servers")),
		rest.Pass[markReadRequest, details]("POST", "/chat/markread", "chat.markRead", rest.NeedsBody(), rest.Says("Message(s) marked as read"),
			rest.FailText("Failure marking messages as read"), nameAuthor("Sender")),
		rest.Pass[reactRequest, reacted]("POST", "/chat/react", "message.react", rest.NeedsBody(), rest.FailText(sendFailed), nameAuthor("Participant")),
		rest.Pass[archiveRequest, chatArchived]("POST", "/chat/archive", "chat.setArchived", rest.NeedsBody(), rest.FailText("Failed to archive chat: %s")),
		rest.Pass[resendRequest, resendRequested]("POST", "/chat/request-unavailable-message", "sync.requestMessage", rest.NeedsBody(),
			rest.FailText("Failed to send unavailable message request: %s")),
		rest.Row("GET", "/chat/history", "message.list", chatHistory, rest.Reads[historyPage]("message.list")),
		rest.Pass[callRequest, callRejected]("POST", "/call/reject", "call.reject", rest.NeedsBody(), rest.FailText("Error rejecting call: %s")),
		rest.Pass[aboutRequest, details]("POST", "/status/set/text", "profile.setAbout", rest.NeedsBody(), rest.Says("Set"), rest.FailText("Error sending status message: %s")),
	}
	for _, kind := range []string{"image", "video", "audio", "document", "sticker"} {
		routes = append(routes, rest.Pass[downloadRequest, downloaded]("POST", "/chat/download"+kind, "media.download", rest.With(rest.Params{"kind": kind}),
			rest.NeedsBody(), rest.FailText("Failed to download "+kind+" %s")))
	}
	return routes
}

type presenceRequest struct {
	Phone string `rest:",required,param=/chat" bad:"Could not parse Phone" doc:"number, or JID of a person or group"`
	State string `rest:",required,param=/state" enum:"composing|paused" doc:"what to show"`
	Media string `doc:"audio for recording"`
}

// CompleteParams implements rest.Completer.
func (in *presenceRequest) CompleteParams(p rest.Params) error {
	switch in.Media {
	case "", "text":
	case "audio":
		if in.State == "composing" {
			p["state"] = "recording"
		}
	default:
		return rest.Bad("Media", "", "must be empty or audio")
	}
	return nil
}

type markReadRequest struct {
	ID     rest.Strings `rest:"Id,required,param=/message_ids" doc:"messages"`
	Chat   string       `rest:",required,param=/chat" doc:"JID of the chat"`
	Sender string       `rest:",param=/sender" doc:"their author; needed in groups when the server does not know the messages"`
}

// nameAuthor reports a field as missing when the server does not know the message that a call is about: messages from before
// the session was paired need their author. Other errors stay.
func nameAuthor(field string) rest.Option {
	return rest.OnError(func(err error) error {
		var problem *rpc.Error
		if errors.As(err, &problem) && problem.Code == rpc.CodeNotFound {
			return rest.Missing(field, "")
		}
		return err
	})
}

type reactRequest struct {
	Phone string `rest:",required,param=/chat" bad:"Could not parse Group JID" doc:"number, or JID of a person or group"`
	Body  string `rest:",required,param=/emoji" doc:"emoji; the word remove takes the reaction back"`
	ID    string `rest:"Id,required,param=/message_id" doc:"message; me: before it for one's own"`
	// Participant is a field of later versions.
	Participant string `rest:",param=/sender" doc:"who sent it; needed in groups when the server does not know the message"`
}

// CompleteParams implements rest.Completer.
func (in *reactRequest) CompleteParams(p rest.Params) error {
	id, own := strings.CutPrefix(in.ID, "me:")
	in.ID, p["message_id"], p["from_me"] = id, id, own
	if in.Body == "remove" {
		p["emoji"] = ""
	}
	if own {
		delete(p, "sender")
	}
	return nil
}

// reacted has the id of the message that was reacted to.
type reacted struct {
	Details   string    `from:"=Sent"`
	ID        string    `json:"Id" from:"<Id"`
	Timestamp time.Time `from:"/timestamp"`
}

type downloadRequest struct {
	URL           string `rest:"Url,param=/url" doc:"address of the encrypted file; may be missing when DirectPath is there"`
	DirectPath    string `rest:",param=/direct_path" doc:"its path"`
	MediaKey      string `rest:",required,param=/media_key" doc:"base64"`
	Mimetype      string `rest:",required,param=/mime_type" doc:"type for the answer"`
	FileEncSHA256 string `rest:",param=/file_enc_sha256" doc:"base64"`
	FileSHA256    string `rest:",required,param=/file_sha256" doc:"base64"`
	FileLength    int64  `rest:",required,param=/file_length" doc:"bytes"`
}

// CompleteParams implements rest.Completer.
func (in *downloadRequest) CompleteParams(rest.Params) error {
	if in.URL == "" && in.DirectPath == "" {
		return rest.Missing("Url", "")
	}
	return nil
}

type downloaded struct {
	Mimetype string `from:"<Mimetype"`
	Data     string `from:"/media/base64" doc:"data URL"`
}

// FinishAnswer implements rest.Finisher.
func (d *downloaded) FinishAnswer() error {
	_, encoded, _ := strings.Cut(d.Data, ";base64,")
	d.Data = "data:" + d.Mimetype + ";base64," + encoded
	return nil
}

type archiveRequest struct {
	JID     string `rest:"jid,required,param=/chat" bad:"Invalid Chat JID format" doc:"JID of the chat"`
	Archive *bool  `rest:"archive,required,param=/archived"`
}

type resendRequest struct {
	Chat   string `rest:",required,param=/chat" bad:"Invalid Chat JID format" doc:"JID of the chat"`
	Sender string `rest:",required,param=/sender" bad:"Invalid Sender JID format" doc:"JID of the author"`
	ID     string `rest:",required,param=/message_id" doc:"message"`
}

type resendRequested struct {
	Success   bool             `json:"success" from:"=true"`
	Message   string           `json:"message" from:"=Unavailable message request sent successfully"`
	RequestID string           `json:"request_id" from:"/request_id"`
	Chat      string           `json:"chat" from:"/chat_pn|/chat"`
	Sender    string           `json:"sender" from:"/sender"`
	MessageID string           `json:"message_id" from:"/message_id"`
	Timestamp rest.UnixSeconds `json:"timestamp" from:"/requested_at"`
}

// chatArchived has the keys of the server and of its npm client.
type chatArchived struct {
	Success  bool   `json:"success" from:"=true"`
	Message  string `json:"message"`
	Details  string
	Archived bool `json:"-" from:"/archived"`
}

// FinishAnswer implements rest.Finisher.
func (a *chatArchived) FinishAnswer() error {
	a.Message = "Chat unarchived"
	if a.Archived {
		a.Message = "Chat archived"
	}
	a.Details = a.Message
	return nil
}

const defaultHistory = 50

type historyQuery struct {
	Chat  string `rest:"chat_jid,query,required,param=/chat" bad:"Could not parse chat_jid" doc:"JID of the chat"`
	Limit *int   `rest:"limit,query,param=/limit" doc:"1 to 1000, default 50"`
}

// CompleteParams implements rest.Completer.
func (in *historyQuery) CompleteParams(p rest.Params) error {
	if in.Limit == nil {
		p["limit"] = defaultHistory
	}
	return nil
}

type historyPage struct {
	Messages []historyMessage `from:"/messages"`
}

// historyMessage is a stored message. Its number is the place in the answer.
type historyMessage struct {
	ID        int       `json:"id"`
	UserID    string    `json:"user_id" doc:"id of the session"`
	Chat      string    `json:"chat_jid" from:"/chat"`
	Sender    string    `json:"sender_jid" from:"/sender"`
	MessageID string    `json:"message_id" from:"/message_id"`
	Timestamp time.Time `json:"timestamp" from:"/timestamp"`
	Type      string    `json:"message_type" from:"/type"`
	Text      string    `json:"text_content" from:"/text"`
	MediaLink string    `json:"media_link" from:"/media/media_id" doc:"id for GET /v1/media/{id}; empty without a file"`
	Quoted    string    `json:"quoted_message_id" from:"/quoted/message_id"`
}

// chatHistory returns the newest messages first.
func chatHistory(x *rest.Exchange, _ *historyQuery) ([]historyMessage, error) {
	params, err := x.Params()
	if err != nil {
		return nil, err
	}
	var page historyPage
	err = x.Read("message.list", params, &page)
	slices.Reverse(page.Messages)
	for i := range page.Messages {
		page.Messages[i].ID, page.Messages[i].UserID = i+1, x.Session
	}
	return page.Messages, err
}

type callRequest struct {
	From string `rest:"call_from,required,param=/from" bad:"Could not parse call_from" doc:"JID of the caller"`
	ID   string `rest:"call_id,required,param=/call_id"`
}

type callRejected struct {
	Details string `from:"=Call rejected"`
	CallID  string `from:"/call_id"`
}

type aboutRequest struct {
	Body string `rest:",required,param=/about" doc:"the about text of the account"`
}
