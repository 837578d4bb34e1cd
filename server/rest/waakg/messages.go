package waakg

import (
	"fmt"
	"net/http"
	"path"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func messageRoutes() []rest.Route {
	of := func(fails string, more ...rest.Option) []rest.Option {
		return append([]rest.Option{rest.Family(familyMessage), rest.FailText(fails)}, more...)
	}
	return []rest.Route{
		rest.Pass[searchRequest, searched]("GET", "/messages/{sessionId}/search", "message.search", rest.Says("Messages successfully retrieved"), rest.FailText("Failed to search messages")),
		rest.Pass[downloadRequest, downloaded]("GET", "/messages/{sessionId}/download/{messageId}/media", "message.downloadMedia", of("Failed to download media")...),
		rest.Pass[forwardRequest, forwarded]("POST", "/messages/{sessionId}/forward", "message.forward", of("Failed to forward message")...),
		rest.Pass[messageRequest, outcome]("DELETE", "/messages/{sessionId}/{jid}/{messageId}", "message.delete",
			of("Failed to delete message", rest.IgnoresBody(), rest.With(rest.Params{"for_everyone": true}), rest.Says("Message deleted for everyone"))...),
		rest.Pass[editRequest, outcome]("PATCH", "/messages/{sessionId}/{jid}/{messageId}", "message.edit",
			of("Failed to edit message", rest.Family(familyEdit), rest.Says("Message edited successfully"))...),
		rest.Pass[reactRequest, reacted]("POST", "/messages/{sessionId}/{jid}/{messageId}/react", "message.react", of("Failed to send reaction")...),
		rest.Pass[starRequest, starred]("POST", "/messages/{sessionId}/{jid}/{messageId}/star", "message.setStarred", of("Failed to star/unstar message", rest.With(rest.Params{"starred": true}))...),
	}
}

type searchRequest struct {
	sessionRequest
	Query  string   `rest:"q,param=/query" doc:"text to search for"`
	Chat   string   `rest:"jid,param=/chat" doc:"only this chat"`
	Type   kindWord `rest:"type,param=/type" enum:"TEXT|IMAGE|VIDEO|AUDIO|DOCUMENT|STICKER|LOCATION|CONTACT"`
	FromMe *bool    `rest:"fromMe,param=/from_me" doc:"only own messages, or only those of others"`
	Page   *int     `rest:"page" doc:"from 1; default 1"`
	Limit  *int     `rest:"limit,param=/limit" doc:"1 to 100; default 20"`
}

// maxOffset bounds the messages that a search skips.
const maxOffset = 1 << 31

// CompleteParams implements rest.Completer.
func (in *searchRequest) CompleteParams(p rest.Params) error {
	if in.Query == "" && in.Chat == "" {
		return rest.Missing("q", "At least one of 'q' (search query) or 'jid' is required")
	}
	if in.Page != nil && (*in.Page < 1 || *in.Page > maxOffset/maxSearch) {
		return rest.Bad("page", "", "must be at least 1")
	}
	page, limit := in.window()
	p["offset"] = (page - 1) * limit
	return nil
}

// Numbers of messages that a search returns.
const (
	defaultSearch = 20
	maxSearch     = 100
)

func (in *searchRequest) window() (page, limit int) {
	page, limit = 1, defaultSearch
	if in.Page != nil {
		page = *in.Page
	}
	if in.Limit != nil {
		limit = *in.Limit
	}
	return page, limit
}

// kindWord is a type of messages in a request.
type kindWord string

// ToParam implements rest.Converter.
func (k kindWord) ToParam(field string) (any, error) {
	for native, word := range kinds {
		if word == kind(k) {
			return native, nil
		}
	}
	return nil, rest.Bad(field, "", "is no type of messages")
}

type searched struct {
	outcome
	Data  []messageRow `json:"data" from:"/messages"`
	Pages struct {
		Total int `json:"total" from:"/total"`
		Page  int `json:"page"`
		Limit int `json:"limit"`
		Pages int `json:"pages"`
	} `json:"pagination" from:"/"`
	Page  *int `json:"-" from:"<page"`
	Limit *int `json:"-" from:"<limit"`
}

// FinishAnswer implements rest.Finisher.
func (s *searched) FinishAnswer() error {
	s.Pages.Page, s.Pages.Limit = (&searchRequest{Page: s.Page, Limit: s.Limit}).window()
	s.Pages.Pages = (s.Pages.Total + s.Pages.Limit - 1) / s.Pages.Limit
	return nil
}

type downloadRequest struct {
	sessionRequest
	Message string `rest:"messageId,path,param=/message_id" doc:"id of the message"`
}

type downloaded struct {
	Name    string       `from:"/media/filename|/media/media_id"`
	Type    string       `from:"/media/mime_type"`
	Content rest.Content `from:"/media/base64"`
}

// ToReply implements rest.Replier.
func (d *downloaded) ToReply() (*rest.Reply, error) {
	if d.Content == nil {
		return nil, &rest.Failure{Err: rpc.NotFound("the message has no file"), Text: "Message has no media"}
	}
	return &rest.Reply{ContentType: d.Type, Body: []byte(d.Content), Header: http.Header{
		"Content-Disposition": {fmt.Sprintf("attachment; filename=%q", path.Base(d.Name))}, "X-Content-Type-Options": {"nosniff"},
	}}, nil
}

type forwardRequest struct {
	sessionRequest
	From    string      `rest:"fromJid,required,param=/chat" bad:"fromJid, messageId, and toJids (array) are required" doc:"chat of the message"`
	Message string      `rest:"messageId,required,param=/message_id" bad:"fromJid, messageId, and toJids (array) are required" doc:"id of the message"`
	To      *recipients `rest:"toJids,required,param=/recipients" bad:"fromJid, messageId, and toJids (array) are required" doc:"chats to forward it to"`
}

// recipients are chats that get a message.
type recipients []string

// ToParam implements rest.Converter.
func (list recipients) ToParam(field string) (any, error) {
	return []string(list), nonEmpty(field, len(list), "At least one recipient is required")
}

// forwarded has the recipients without the message.
type forwarded struct {
	outcome
	All []struct {
		To    string  `from:"/to"`
		Error *string `from:"/error"`
	} `json:"-" from:"/messages"`
	Failed []string `json:"failed,omitempty" doc:"chats that did not get it"`
}

// FinishAnswer implements rest.Finisher.
func (f *forwarded) FinishAnswer() error {
	var reason string
	for _, one := range f.All {
		if one.Error != nil {
			f.Failed, reason = append(f.Failed, one.To), *one.Error
		}
	}
	if len(f.All) > 0 && len(f.Failed) == len(f.All) {
		return &rpc.Error{Code: rpc.CodeWhatsApp, Message: reason}
	}
	f.Message = fmt.Sprintf("Message forwarded to %d recipient(s)", len(f.All)-len(f.Failed))
	return nil
}

type editRequest struct {
	messageRequest
	Text string `rest:"text,required,param=/text" missing:"Text is required to edit message"`
}

type reactRequest struct {
	messageRequest
	Emoji *string `rest:"emoji,required,param=/emoji" doc:"empty removes the reaction"`
}

type reacted struct {
	outcome
	Emoji string `json:"-" from:"<emoji"`
}

// FinishAnswer implements rest.Finisher.
func (r *reacted) FinishAnswer() error {
	return r.says(r.Emoji != "", "Reaction sent", "Reaction removed")
}

type starRequest struct {
	messageRequest
	Star   *bool `rest:"star,param=/starred" doc:"default true"`
	FromMe *bool `rest:"fromMe,param=/from_me" doc:"the message is one's own, when the store does not know it"`
}

type starred struct {
	outcome
	Is bool `json:"-" from:"/starred"`
}

// FinishAnswer implements rest.Finisher.
func (s *starred) FinishAnswer() error { return s.says(s.Is, "Message starred", "Message unstarred") }
