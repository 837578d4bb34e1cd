package wwebjs

import (
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func clientRoutes() []rest.Route {
	available := func(path string, value bool) rest.Route {
		return rest.Pass[sessionRequest, done]("POST", path, "presence.setAvailability", rest.With(rest.Params{"available": value}))
	}
	return []rest.Route{
		rest.Pass[sessionRequest, clientShown]("GET", "/client/getClassInfo/{sessionId}", "session.get"),
		rest.Pass[sessionRequest, clientState]("GET", "/client/getState/{sessionId}", "session.getStatus"),
		rest.Pass[sessionRequest, clientVersion]("GET", "/client/getWWebVersion/{sessionId}", "session.getClientVersion"),
		rest.Pass[aboutRequest, done]("POST", "/client/setStatus/{sessionId}", "profile.setAbout"),
		rest.Pass[nameRequest, succeeded]("POST", "/client/setDisplayName/{sessionId}", "profile.setName"),
		rest.Pass[pictureRequest, succeeded]("POST", "/client/setProfilePicture/{sessionId}", "profile.setPicture", rest.TakesFiles()),
		available("/client/sendPresenceAvailable/{sessionId}", true),
		available("/client/sendPresenceUnavailable/{sessionId}", false),
		rest.Pass[searchRequest, messagesFound]("POST", "/client/searchMessages/{sessionId}", "message.search", own),
	}
}

// done is the answer of operations whose result is undefined in the library, which JSON leaves out.
type done struct {
	Success bool `json:"success" from:"=true"`
}

// succeeded is the answer of operations that return true for success.
type succeeded struct {
	Success bool `json:"success" from:"=true"`
	Result  bool `json:"result" from:"=true"`
}

type clientShown struct {
	Success bool       `json:"success" from:"=true"`
	Info    clientInfo `json:"sessionInfo" from:"/session"`
}

// FinishAnswer implements rest.Finisher.
func (c *clientShown) FinishAnswer() error {
	if c.Info.WID == nil {
		return rpc.SessionNotConnected("the session is not paired")
	}
	return nil
}

type clientState struct {
	Success bool             `json:"success" from:"=true"`
	State   rest.Word[state] `json:"state" from:"/state"`
}

type clientVersion struct {
	Success bool   `json:"success" from:"=true"`
	Result  string `json:"result" from:"/version"`
}

type aboutRequest struct {
	sessionRequest
	Status *string `rest:"status,required,param=/about" doc:"text of the profile; empty removes it"`
}

type nameRequest struct {
	sessionRequest
	Name string `rest:"displayName,required,param=/name" doc:"name that others see"`
}

// pictureFields are the two fields of a picture.
type pictureFields struct {
	MimeType string `rest:"pictureMimetype,param=/media/mime_type" doc:"media type"`
	Data     string `rest:"pictureData,required,param=/media/base64" doc:"base64"`
}

type pictureRequest struct {
	sessionRequest
	pictureFields
}

type searchRequest struct {
	sessionRequest
	Query   *string `rest:"query,required,param=/query" doc:"part of the text"`
	Options struct {
		Page  int    `rest:"page" doc:"from 1, which is the default"`
		Limit int    `rest:"limit,param=/limit" doc:"messages of a page; default 50"`
		Chat  chatID `rest:"chatId,param=/chat" doc:"only in this chat"`
	} `rest:"options"`
}

const pageSize = 50

// CompleteParams implements rest.Completer.
func (in *searchRequest) CompleteParams(p rest.Params) error {
	const lastPage = 1_000_000
	o := &in.Options
	switch {
	case o.Page < 0 || o.Page > lastPage:
		return rest.Bad("options.page", "", "must be 1 to 1000000")
	case o.Limit == 0:
		o.Limit = pageSize
	}
	if p["limit"] = o.Limit; o.Page > 1 && o.Limit > 0 {
		p["offset"] = (o.Page - 1) * o.Limit
	}
	return nil
}

type messagesFound struct {
	Success  bool      `json:"success" from:"=true"`
	Messages []message `json:"messages" from:"/messages"`
}
