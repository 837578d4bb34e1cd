package wwebjs

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func clientChatRoutes() []rest.Route {
	return []rest.Route{
		rest.Pass[sessionRequest, chatsShown]("GET", "/client/getChats/{sessionId}", "chat.list", own),
		rest.Pass[chatRequest, chatShown]("POST", "/client/getChatById/{sessionId}", "chat.get", own),
		rest.Pass[chatRequest, succeeded]("POST", "/client/sendSeen/{sessionId}", "chat.markRead"),
		rest.Pass[chatRequest, done]("POST", "/client/markChatUnread/{sessionId}", "chat.markUnread"),
		rest.Pass[muteRequest, done]("POST", "/client/muteChat/{sessionId}", "chat.setMuted", rest.With(rest.Params{"muted": true})),
		rest.Pass[chatRequest, done]("POST", "/client/unmuteChat/{sessionId}", "chat.setMuted", rest.With(rest.Params{"muted": false})),
		rest.Pass[chatRequest, pinned]("POST", "/client/pinChat/{sessionId}", "chat.setPinned", rest.With(rest.Params{"pinned": true}), rest.OnError(notPinned)),
		rest.Pass[chatRequest, pinned]("POST", "/client/unpinChat/{sessionId}", "chat.setPinned", rest.With(rest.Params{"pinned": false})),
		rest.Pass[chatRequest, archived]("POST", "/client/archiveChat/{sessionId}", "chat.setArchived", rest.With(rest.Params{"archived": true})),
		rest.Pass[chatRequest, archived]("POST", "/client/unarchiveChat/{sessionId}", "chat.setArchived", rest.With(rest.Params{"archived": false})),
	}
}

type chatRequest struct {
	sessionRequest
	Chat chatID `rest:"chatId,required,param=/chat" doc:"id of the chat"`
}

type chatShown struct {
	Success bool `json:"success" from:"=true"`
	Chat    chat `json:"chat" from:"/chat"`
}

type chatsShown struct {
	Success bool   `json:"success" from:"=true"`
	Chats   []chat `json:"chats" from:"/chats"`
}

// pinned has the new state, which is false after unpinning.
type pinned struct {
	Success bool `json:"success" from:"=true"`
	Result  bool `json:"result" from:"/pinned"`
}

// notPinned makes an empty answer of a conflict: WhatsApp pins three chats at most.
func notPinned(err error) error {
	var problem *rpc.Error
	if errors.As(err, &problem) && problem.Code == rpc.CodeConflict {
		return nil
	}
	return err
}

// archived has the new state.
type archived struct {
	Success bool `json:"success" from:"=true"`
	Result  bool `json:"result" from:"/archived"`
}

type muteRequest struct {
	chatRequest
	Until unmuteDate `rest:"unmuteDate,param=/until" doc:"time as text, Unix milliseconds or Unix seconds; empty = without end"`
}

// unmuteDate is the end of a mute. The two families disagree about numbers: those from firstMillis are milliseconds.
type unmuteDate json.RawMessage

const firstMillis = 100_000_000_000 // seconds of the year 5138, milliseconds of 1973

var dateForms = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"}

// ToParam implements rest.Converter.
func (d unmuteDate) ToParam(field string) (any, error) {
	text := string(d)
	if json.Unmarshal(d, &text) == nil && text == "" {
		return nil, nil
	}
	at := time.Time{}
	if number, err := strconv.ParseInt(text, 10, 64); err == nil {
		if at = time.Unix(number, 0); number >= firstMillis {
			at = time.UnixMilli(number)
		}
	}
	for _, form := range dateForms {
		if parsed, err := time.Parse(form, text); err == nil {
			at = parsed
		}
	}
	if at = at.UTC(); at.Before(time.Now()) || at.Year() > 9999 {
		return nil, rest.Bad(field, "", "must be a time to come, as text, Unix milliseconds or Unix seconds")
	}
	return at, nil
}
