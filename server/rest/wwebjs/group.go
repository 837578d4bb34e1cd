package wwebjs

import (
	"net/http"
	"strings"

	"github.com/waystation/waystation/server/rest"
)

func groupRoutes() []rest.Route {
	members := func(path, action string, result func(people []memberOutcome) any) rest.Route {
		return rest.Row("POST", "/groupChat/"+path+"/{sessionId}", "group.updateParticipants group.get", changeMembers(result),
			rest.With(rest.Params{"action": action}), rest.Reads[memberOutcomes]("group.updateParticipants"), rest.Reads[groupMembers]("group.get"))
	}
	return []rest.Route{
		rest.Row("POST", "/groupChat/getClassInfo/{sessionId}", "group.get chat.get session.getStatus", describeGroup, readsGroupChat()...),
		members("addParticipants", "add", additionsOf), members("removeParticipants", "remove", statusOf),
		members("promoteParticipants", "promote", statusOf), members("demoteParticipants", "demote", statusOf),
		rest.Pass[groupRequest, inviteCode]("POST", "/groupChat/getInviteCode/{sessionId}", "group.getInviteLink"),
		rest.Pass[groupRequest, newInviteCode]("POST", "/groupChat/revokeInvite/{sessionId}", "group.resetInviteLink"),
		rest.Pass[groupRequest, done]("POST", "/groupChat/leave/{sessionId}", "group.leave"),
		rest.Row("POST", "/groupChat/setSubject/{sessionId}", "group.setName group.get chat.get session.getStatus", changeGroup[subjectRequest], readsGroupChat()...),
		rest.Row("POST", "/groupChat/setDescription/{sessionId}", "group.setDescription group.get chat.get session.getStatus", changeGroup[descriptionRequest], readsGroupChat()...),
		rest.Pass[infoAdminsRequest, succeeded]("POST", "/groupChat/setInfoAdminsOnly/{sessionId}", "group.updateSettings", rest.With(rest.Params{"locked": true})),
		rest.Pass[messageAdminsRequest, succeeded]("POST", "/groupChat/setMessagesAdminsOnly/{sessionId}", "group.updateSettings", rest.With(rest.Params{"announce": true})),
		rest.Pass[groupPictureRequest, succeeded]("POST", "/groupChat/setPicture/{sessionId}", "group.setPicture", rest.TakesFiles()),
		rest.Pass[groupRequest, succeeded]("POST", "/groupChat/deletePicture/{sessionId}", "group.removePicture"),
	}
}

// groupID is the id of a group in a request.
type groupID string

// ToParam implements rest.Converter.
func (id groupID) ToParam(string) (any, error) {
	if _, server, isAddress := strings.Cut(string(id), "@"); isAddress && server != groupServer {
		return nil, rest.State("The chat is not a group")
	}
	return string(id), nil
}

type groupRequest struct {
	sessionRequest
	Group groupID `rest:"chatId,required,param=/group" doc:"id of the group"`
}

type membersRequest struct {
	groupRequest
	Contacts chatIDs `rest:"contactIds,required,param=/participants" also:"participantIds" doc:"ids of people"`
}

type memberOutcomes struct {
	Members []memberOutcome `from:"/participants"`
}

type memberOutcome struct {
	ID    plainID `from:"/contact"`
	Code  int     `from:"/status_code"`
	Error string  `from:"/error"`
}

type groupMembers struct {
	Members []participant `from:"/group/participants"`
}

// membersChanged has the members after the change, as the original answers, and the outcome for each person, as the fork does.
type membersChanged struct {
	Success      bool          `json:"success"`
	Participants []participant `json:"participants"`
	Result       any           `json:"result" doc:"of added people by their ids: code, message and isInviteV4Sent; else the status"`
}

func changeMembers(result func([]memberOutcome) any) func(x *rest.Exchange, in *membersRequest) (*membersChanged, error) {
	return func(x *rest.Exchange, in *membersRequest) (*membersChanged, error) {
		var outcomes memberOutcomes
		var after groupMembers
		params, err := x.Params()
		if err == nil {
			err = x.Read("group.updateParticipants", params, &outcomes)
		}
		if err == nil {
			err = x.Read("group.get", rest.Params{"group": string(in.Group)}, &after)
		}
		return &membersChanged{true, after.Members, result(outcomes.Members)}, err
	}
}

// addition is the outcome for a person who should be added.
type addition struct {
	Code           int    `json:"code"`
	Message        string `json:"message"`
	IsInviteV4Sent bool   `json:"isInviteV4Sent"` // always false: the server sends no invitation by itself
}

func additionsOf(people []memberOutcome) any {
	outcome := map[string]addition{}
	for _, o := range people {
		text := additions[o.Code]
		if text == "" {
			text = o.Error
		}
		outcome[string(o.ID)] = addition{Code: o.Code, Message: text}
	}
	return outcome
}

// statusOf is that of the first person whom WhatsApp refused, or 200.
func statusOf(people []memberOutcome) any {
	for _, o := range people {
		if o.Code != http.StatusOK {
			return map[string]int{"status": o.Code}
		}
	}
	return map[string]int{"status": http.StatusOK}
}

type inviteCode struct {
	Success bool   `json:"success" from:"=true"`
	Code    string `json:"inviteCode" from:"/code"`
}

type newInviteCode struct {
	Success bool   `json:"success" from:"=true"`
	Code    string `json:"newInviteCode" from:"/code"`
	Result  string `json:"result" from:"/code"`
}

type subjectRequest struct {
	groupRequest
	Subject string `rest:"subject,required,param=/name"`
}

type descriptionRequest struct {
	groupRequest
	Description *string `rest:"description,required,param=/description" doc:"empty removes it"`
}

type infoAdminsRequest struct {
	groupRequest
	AdminsOnly *bool `rest:"adminsOnly,param=/locked" doc:"only admins edit the group info; default true"`
}

type messageAdminsRequest struct {
	groupRequest
	AdminsOnly *bool `rest:"adminsOnly,param=/announce" doc:"only admins write; default true"`
}

type groupPictureRequest struct {
	groupRequest
	pictureFields
}

// describedGroup is a GroupChat.
type describedGroup struct {
	Success bool  `json:"success"`
	Chat    *chat `json:"chat"`
}

func describeGroup(x *rest.Exchange, in *groupRequest) (*describedGroup, error) {
	if _, err := x.Params(); err != nil { // of an id that is not that of a group
		return nil, err
	}
	chat, err := readGroupChat(x, string(in.Group))
	return &describedGroup{true, chat}, err
}

// changedGroup has the group after a change, as the original answers, and result, as the fork does.
type changedGroup struct {
	describedGroup
	Result bool `json:"result"`
}

// changeGroup calls the first method of the route.
func changeGroup[In any](x *rest.Exchange, _ *In) (*changedGroup, error) {
	params, err := x.Params()
	if err == nil {
		err = x.Call(x.Route.Calls[0], params, nil)
	}
	if err != nil {
		return nil, err
	}
	group, _ := params["group"].(string)
	chat, err := readGroupChat(x, group)
	return &changedGroup{describedGroup{true, chat}, true}, err
}

type readGroup struct {
	Metadata groupMetadata `from:"/group"`
}

type readChat struct {
	Chat chat `from:"/chat"`
}

func readsGroupChat() []rest.Option {
	return []rest.Option{rest.Reads[account]("session.getStatus"), rest.Reads[readGroup]("group.get"), rest.Reads[readChat]("chat.get")}
}

// readGroupChat returns the GroupChat of a group, whose metadata are those that WhatsApp has now.
func readGroupChat(x *rest.Exchange, group string) (*chat, error) {
	var self account
	var of readGroup
	var out readChat
	err := x.Read("session.getStatus", nil, &self)
	x.Keep(self) // for the last message
	if err == nil {
		err = x.Read("group.get", rest.Params{"group": group}, &of)
	}
	if err == nil {
		err = x.Read("chat.get", rest.Params{"chat": group}, &out)
	}
	out.Chat.GroupMetadata, out.Chat.Name = &of.Metadata, of.Metadata.Subject
	return &out.Chat, err
}
