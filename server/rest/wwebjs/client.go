package wwebjs

import (
	"strings"

	"github.com/waystation/waystation/server/rest"
)

func clientRoutes() []rest.Route {
	return []rest.Route{
		rest.Pass[chatRequest, pinned]("POST", "/client/pinChat/{sessionId}", "chat.setPinned", rest.With(rest.Params{"pinned": true}), rest.TakesForms()),
		rest.Pass[chatRequest, pinned]("POST", "/client/unpinChat/{sessionId}", "chat.setPinned", rest.With(rest.Params{"pinned": false}), rest.TakesForms()),
		rest.Pass[chatRequest, archived]("POST", "/client/archiveChat/{sessionId}", "chat.setArchived", rest.With(rest.Params{"archived": true}), rest.TakesForms()),
		rest.Pass[chatRequest, archived]("POST", "/client/unarchiveChat/{sessionId}", "chat.setArchived", rest.With(rest.Params{"archived": false}), rest.TakesForms()),
		rest.Pass[aboutRequest, done]("POST", "/client/setStatus/{sessionId}", "profile.setAbout", rest.TakesForms()),
	}
}

// chatID is the id of a chat; those of people end in @c.us.
type chatID string

// ToParam implements rest.Converter.
func (id chatID) ToParam(string) (any, error) {
	if number, ok := strings.CutSuffix(string(id), "@c.us"); ok {
		return number + "@s.whatsapp.net", nil
	}
	return string(id), nil
}

type chatRequest struct {
	sessionRequest
	Chat chatID `rest:"chatId,required,param=/chat" doc:"id of the chat"`
}

// pinned has the new state, which is false after unpinning.
type pinned struct {
	Success bool `json:"success" from:"=true"`
	Result  bool `json:"result" from:"/pinned"`
}

// archived has the new state.
type archived struct {
	Success bool `json:"success" from:"=true"`
	Result  bool `json:"result" from:"/archived"`
}

type aboutRequest struct {
	sessionRequest
	Status *string `rest:"status,required,param=/about" doc:"text of the profile; empty removes it"`
}

type done struct {
	Success bool `json:"success" from:"=true"`
}
