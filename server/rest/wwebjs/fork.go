package wwebjs

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// forkRoutes are the operations that the fork wwebjs-api has beyond the document.
func forkRoutes() []rest.Route {
	ofChat := rest.Family(familyChat)
	return []rest.Route{
		rest.Row("GET", "/session/getSessions", "session.list", listSessions),
		rest.Pass[sessionRequest, said]("GET", "/session/stop/{sessionId}", "session.disconnect", rest.Family(familyState), rest.Says("Session stopped successfully")),
		rest.Pass[pairingRequest, pairingCode]("POST", "/session/requestPairingCode/{sessionId}", "session.requestPairingCode", rest.Family(familySession)),
		rest.Pass[sessionRequest, succeeded]("DELETE", "/client/deleteProfilePicture/{sessionId}", "profile.removePicture"),
		rest.Pass[sessionRequest, done]("POST", "/client/resetState/{sessionId}", "session.restart"),
		rest.Pass[chatSearch, chatsShown]("POST", "/client/getChats/{sessionId}", "chat.list", own),
		rest.Pass[chatRequest, succeeded]("POST", "/client/syncHistory/{sessionId}", "sync.requestChatHistory"),
		rest.Pass[phoneRequest, countryCode]("POST", "/client/getCountryCode/{sessionId}", "contact.formatNumber"),
		rest.Pass[phoneRequest, formattedNumber]("POST", "/client/getFormattedNumber/{sessionId}", "contact.formatNumber"),
		rest.Pass[userRequest, deviceCount]("POST", "/client/getContactDeviceCount/{sessionId}", "contact.getUserInfo"),
		rest.Row("POST", "/client/getContactLidAndPhone/{sessionId}", "contact.resolveLid", resolvePeople, rest.Reads[lidAndPhone]("contact.resolveLid")),
		rest.Pass[chatRequest, succeeded]("POST", "/chat/sendSeen/{sessionId}", "chat.markRead", ofChat),
		rest.Pass[chatRequest, done]("POST", "/chat/markUnread/{sessionId}", "chat.markUnread", ofChat),
		rest.Pass[chatRequest, succeeded]("POST", "/chat/syncHistory/{sessionId}", "sync.requestChatHistory", ofChat),
		rest.Pass[chatRequest, labelsShown]("POST", "/chat/getLabels/{sessionId}", "label.listForChat", ofChat),
		rest.Pass[chatLabelsChange, done]("POST", "/chat/changeLabels/{sessionId}", "label.updateChats", ofChat, rest.With(rest.Params{"action": "replace"})),
		rest.Pass[personRequest, groupsOfContact]("POST", "/contact/getCommonGroups/{sessionId}", "group.listCommon"),
		rest.Pass[groupRequest, joinRequests]("POST", "/groupChat/getGroupMembershipRequests/{sessionId}", "group.listJoinRequests"),
		decision("/groupChat/approveGroupMembershipRequests/{sessionId}", "approve", "Approved successfully"),
		decision("/groupChat/rejectGroupMembershipRequests/{sessionId}", "reject", "Rejected successfully"),
	}
}

type sessionNames struct {
	Success bool     `json:"success"`
	Result  []string `json:"result" doc:"ids of all sessions"`
}

// listSessions returns the ids of all sessions, a page after the other.
func listSessions(x *rest.Exchange, _ *rest.None) (*sessionNames, error) {
	answer := &sessionNames{Success: true, Result: []string{}}
	for offset := 0; ; {
		var page struct {
			Sessions []struct {
				ID string `json:"session_id"`
			} `json:"sessions"`
			Next *int `json:"next_offset"`
		}
		if err := x.Call("session.list", rest.Params{"limit": 1000, "offset": offset}, &page); err != nil {
			return nil, err
		}
		for _, session := range page.Sessions {
			answer.Result = append(answer.Result, session.ID)
		}
		if page.Next == nil || *page.Next <= offset {
			return answer, nil
		}
		offset = *page.Next
	}
}

type pairingRequest struct {
	sessionRequest
	Phone  string `rest:"phoneNumber,required,param=/phone" doc:"international number of the account"`
	Notify *bool  `rest:"showNotification,param=/notify" doc:"show the prompt on the phone; default true"`
}

// pairingCode has the code as whatsapp-web.js returns it: without the hyphen.
type pairingCode struct {
	Success bool   `json:"success" from:"=true"`
	Result  string `json:"result" from:"/code"`
}

// FinishAnswer implements rest.Finisher.
func (c *pairingCode) FinishAnswer() error {
	c.Result = strings.ReplaceAll(c.Result, "-", "")
	return nil
}

type chatSearch struct {
	sessionRequest
	Search *chatFilter `rest:"searchOptions" doc:"filter; default all chats"`
}

type chatFilter struct {
	Since  unixTime `rest:"since,param=/since" doc:"only with activity from this time on, in Unix seconds"`
	Unread *bool    `rest:"unread,param=/unread" doc:"only with or without unread messages"`
}

// unixTime is a time in Unix seconds.
type unixTime int64

// ToParam implements rest.Converter.
func (seconds unixTime) ToParam(field string) (any, error) {
	if seconds < 0 || seconds >= firstMillis {
		return nil, rest.Bad(field, "", "must be a time in Unix seconds")
	}
	return time.Unix(int64(seconds), 0).UTC(), nil
}

type phoneRequest struct {
	sessionRequest
	Number chatID `rest:"number,required,param=/contact" doc:"phone number, or its id"`
}

type userRequest struct {
	sessionRequest
	User contactList `rest:"userId,required,param=/contacts" doc:"id of a person"`
}

type deviceCount struct {
	Success bool `json:"success" from:"=true"`
	Result  int  `json:"result" from:"#/users/0/devices"`
}

type peopleToResolve struct {
	sessionRequest
	Users chatIDs `rest:"userIds,required" doc:"ids of people: phone numbers or LIDs, 100 at most"`
}

type lidAndPhone struct {
	LID   *plainID `json:"lid,omitempty" from:"/lid"`
	Phone *plainID `json:"pn,omitempty" from:"/contact"`
}

type peopleResolved struct {
	Success bool          `json:"success"`
	Data    []lidAndPhone `json:"data"`
}

const maxResolved = 100

// resolvePeople returns the LID and the number of each person, as far as known.
func resolvePeople(x *rest.Exchange, in *peopleToResolve) (*peopleResolved, error) {
	if len(in.Users) > maxResolved {
		return nil, rest.Bad("userIds", "", "must have 100 items at most")
	}
	answer := &peopleResolved{Success: true, Data: make([]lidAndPhone, len(in.Users))}
	for i, user := range in.Users {
		if err := x.Read("contact.resolveLid", rest.Params{"contact": native(user)}, &answer.Data[i]); err != nil {
			var problem *rpc.Error
			if errors.As(err, &problem) && problem.Code == rpc.CodeInvalidParams {
				err = rest.Bad("userIds", "", "must be ids of people")
			}
			return nil, err
		}
	}
	return answer, nil
}

type chatLabelsChange struct {
	sessionRequest
	Chat   recipient `rest:"chatId,required,param=/chats" doc:"id of the chat"`
	Labels *[]string `rest:"labelIds,required,param=/label_ids" doc:"labels that the chat has afterwards; none removes all"`
}

type groupsOfContact struct {
	Success bool  `json:"success" from:"=true"`
	Result  []wid `json:"result" from:"/groups"`
}

// joinRequests lacks addedBy and requestMethod: WhatsApp does not send them.
type joinRequests struct {
	Success bool          `json:"success" from:"=true"`
	Result  []joinRequest `json:"result" from:"/requests"`
}

type joinRequest struct {
	ID wid              `json:"id" from:"/contact"`
	At rest.UnixSeconds `json:"t" from:"/requested_at"`
}

type decisionRequest struct {
	groupRequest
	Options *decisionOptions `rest:"options" doc:"selection; default all requests"`
}

type decisionOptions struct {
	Requesters chatIDs `rest:"requesterIds,param=/participants" doc:"ids of people; default all"`
}

type decisionsShown struct {
	Success bool            `json:"success"`
	Result  []decisionShown `json:"result"`
}

// decisionShown is the outcome for a person; Error is WhatsApp's code where it refused.
type decisionShown struct {
	Requester plainID `json:"requesterId"`
	Error     int     `json:"error,omitempty"`
	Message   string  `json:"message"`
}

// decision returns the route that approves or rejects requests to join a group; text is the message for each person.
func decision(path, action, text string) rest.Route {
	decide := func(x *rest.Exchange, _ *decisionRequest) (*decisionsShown, error) {
		params, err := x.Params()
		if err != nil {
			return nil, err
		}
		answer := &decisionsShown{Success: true, Result: []decisionShown{}}
		if params["participants"] == nil {
			var asked struct {
				Requests []struct {
					Contact string `json:"contact"`
				} `json:"requests"`
			}
			if err := x.Call("group.listJoinRequests", rest.Params{"group": params["group"]}, &asked); err != nil || len(asked.Requests) == 0 {
				return answer, err
			}
			people := make([]string, len(asked.Requests))
			for i, request := range asked.Requests {
				people[i] = request.Contact
			}
			params["participants"] = people
		}
		var outcomes memberOutcomes
		if err := x.Read("group.updateJoinRequests", params, &outcomes); err != nil {
			return nil, err
		}
		for _, o := range outcomes.Members {
			shown := decisionShown{Requester: o.ID, Message: text}
			if o.Code != http.StatusOK {
				shown.Error, shown.Message = o.Code, o.Error
			}
			answer.Result = append(answer.Result, shown)
		}
		return answer, nil
	}
	return rest.Row("POST", path, "group.updateJoinRequests group.listJoinRequests", decide, rest.With(rest.Params{"action": action}), rest.Reads[memberOutcomes]("group.updateJoinRequests"))
}
