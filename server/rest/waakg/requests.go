package waakg

import "github.com/waystation/waystation/server/rest"

type sessionRequest struct {
	Session string `rest:"sessionId,path" doc:"id of the session"`
}

type chatRequest struct {
	sessionRequest
	Chat string `rest:"jid,path,param=/chat" doc:"JID of the chat"`
}

type groupRequest struct {
	sessionRequest
	Group string `rest:"jid,path,param=/group" doc:"JID of the group"`
}

type messageRequest struct {
	chatRequest
	Message string `rest:"messageId,path,param=/message_id" doc:"id of the message"`
}

// chatList is a JID that becomes a list of one.
type chatList string

// ToParam implements rest.Converter.
func (jid chatList) ToParam(string) (any, error) { return []string{string(jid)}, nil }

// pictureFields has a picture under the names of the document and of its server.
type pictureFields struct {
	File rest.File `rest:"file,required,param=/media" also:"image" doc:"picture"`
}

// people are addresses in a request. A list without any is refused as such; texts are those of the document.
type people []string

// nonEmpty returns the error of an empty list.
func nonEmpty(field string, length int, text string) error {
	if length > 0 {
		return nil
	}
	return rest.Bad(field, text, "must not be empty")
}
