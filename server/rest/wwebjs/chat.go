package wwebjs

import "github.com/waystation/waystation/server/rest"

func chatRoutes() []rest.Route {
	of := rest.Family(familyChat)
	state := func(word string) rest.Option { return rest.With(rest.Params{"state": word}) }
	return []rest.Route{
		rest.Pass[chatRequest, chatShown]("POST", "/chat/getClassInfo/{sessionId}", "chat.get", of, own),
		rest.Pass[chatRequest, cleared]("POST", "/chat/clearMessages/{sessionId}", "chat.clearMessages", of),
		rest.Pass[chatRequest, stateCleared]("POST", "/chat/clearState/{sessionId}", "presence.setChatState", of, state("paused")),
		rest.Pass[chatRequest, deleted]("POST", "/chat/delete/{sessionId}", "chat.delete", of),
		rest.Pass[fetchRequest, fetched]("POST", "/chat/fetchMessages/{sessionId}", "message.list", of, own),
		rest.Row("POST", "/chat/getContact/{sessionId}", "contact.get chat.get", contactOfChat, of, rest.Reads[contactShown]("contact.get"), rest.Reads[chatName]("chat.get")),
		rest.Pass[chatRequest, recordingSent]("POST", "/chat/sendStateRecording/{sessionId}", "presence.setChatState", of, state("recording")),
		rest.Pass[chatRequest, typingSent]("POST", "/chat/sendStateTyping/{sessionId}", "presence.setChatState", of, state("composing")),
	}
}

type chatContact struct {
	sessionRequest
	Chat chatID `rest:"chatId,required,param=/contact" doc:"id of the chat"`
}

type chatName struct {
	Name *string `from:"/chat/name"`
}

// contactOfChat returns the person of a chat, or the group, whose name is that of the chat.
func contactOfChat(x *rest.Exchange, in *chatContact) (*contactShown, error) {
	id, answer := native(string(in.Chat)), &contactShown{}
	if err := x.Read("contact.get", rest.Params{"contact": id}, answer); err != nil || !answer.Contact.IsGroup {
		return answer, err
	}
	var group chatName
	err := x.Read("chat.get", rest.Params{"chat": id}, &group)
	answer.Contact.Name = group.Name
	return answer, err
}

type fetchRequest struct {
	chatRequest
	Search *searchOptions `rest:"searchOptions" doc:"which messages; default the last 100"`
}

type searchOptions struct {
	Limit  messageCount `rest:"limit,param=/limit" doc:"the last so many messages, 1000 at most; default 100"`
	FromMe *bool        `rest:"fromMe,param=/from_me" doc:"only own messages, or only those of others"`
}

// messageCount is a number of messages; larger ones mean all that a call returns.
type messageCount int

// ToParam implements rest.Converter.
func (n messageCount) ToParam(string) (any, error) { return min(int(n), 1000), nil }

type fetched struct {
	done
	Messages []message `json:"messages" from:"/messages"`
}

type cleared struct {
	succeeded
	Cleared bool `json:"clearMessages" from:"=true"`
}

type stateCleared struct {
	succeeded
	Cleared bool `json:"clearState" from:"=true"`
}

type deleted struct {
	succeeded
	Deleted bool `json:"deleteChat" from:"=true"`
}

type recordingSent struct {
	succeeded
	Sent bool `json:"sendStateRecording" from:"=true"`
}

type typingSent struct {
	succeeded
	Sent bool `json:"sendStateTyping" from:"=true"`
}
