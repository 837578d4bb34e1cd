package wwebjs

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/waystation/waystation/transports/webhook/payload"
)

type chatData struct {
	ID struct {
		Server     string `json:"server"`
		User       string `json:"user"`
		Serialized string `json:"_serialized"`
	} `json:"id"`
	Name           string `json:"name"`
	IsGroup        bool   `json:"isGroup"`
	IsReadOnly     bool   `json:"isReadOnly"`
	UnreadCount    int    `json:"unreadCount"`
	Timestamp      int64  `json:"timestamp"`
	Archived       bool   `json:"archived"`
	Pinned         bool   `json:"pinned"`
	IsMuted        bool   `json:"isMuted"`
	MuteExpiration int64  `json:"muteExpiration"`
}

// markedUnread is the count of unread messages in a chat that was marked as unread.
const markedUnread = -1

func chatChange(e *payload.Event) (string, any, error) {
	var data struct {
		origin
		Timestamp      time.Time
		Archived, Read bool
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return "", nil, err
	}
	chat := chatData{Timestamp: data.Timestamp.Unix(), Archived: data.Archived}
	chat.ID.Serialized = data.chatID()
	chat.ID.User, chat.ID.Server, _ = strings.Cut(chat.ID.Serialized, "@")
	chat.IsGroup = chat.ID.Server == "g.us"
	switch e.Type {
	case "DeleteChat":
		return "chat_removed", object{"chat": chat}, nil
	case "Archive":
		return "chat_archived", object{"chat": chat, "currState": data.Archived, "prevState": !data.Archived}, nil
	}
	if !data.Read {
		chat.UnreadCount = markedUnread
	}
	return "unread_count", object{"chat": chat}, nil
}

type notification struct {
	ID           key      `json:"id"`
	Body         string   `json:"body"`
	Type         string   `json:"type"`
	Timestamp    int64    `json:"timestamp"`
	ChatID       string   `json:"chatId"`
	Author       string   `json:"author"`
	RecipientIDs []string `json:"recipientIds"`
}

func notificationData(e *payload.Event, name, group, kind, body, author string, at time.Time, who []string) (string, any, error) {
	return name, object{"notification": notification{
		ID: newKey(false, group, e.ID, ""), Body: body, Type: kind, Timestamp: at.Unix(), ChatID: group, Author: author, RecipientIDs: who,
	}}, nil
}

type member struct {
	Contact string
	PN      *string
}

func memberIDs(list []member) []string {
	out := make([]string, len(list))
	for i, m := range list {
		out[i] = outerAddress(payload.First(m.PN, &m.Contact))
	}
	return out
}

// groupInfo reports people who ask to join, and members that joined, left, or changed their role; else the change of the group. WhatsApp sends one of these at a time.
func groupInfo(e *payload.Event) (string, any, error) {
	var data struct {
		Group                           string
		Sender, PN                      *string
		Timestamp                       time.Time
		JoinReason                      *string `json:"join_reason"`
		Name                            *string
		Description                     json.RawMessage // null = taken away
		Announce, Locked                *bool
		Joined, Left, Promoted, Demoted []member
		Requests                        []member `json:"join_requests"`
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return "", nil, err
	}
	author := outerAddress(payload.First(data.PN, data.Sender))
	tell := func(name, kind, body string, who []member) (string, any, error) {
		return notificationData(e, name, data.Group, kind, body, author, data.Timestamp, memberIDs(who))
	}
	switch {
	case len(data.Requests) > 0:
		author = memberIDs(data.Requests)[0]
		return tell("group_membership_request", "created_membership_requests", "", nil)
	case len(data.Joined) > 0 && payload.First(data.JoinReason) == "invite":
		return tell("group_join", "invite", "", data.Joined)
	case len(data.Joined) > 0:
		return tell("group_join", "add", "", data.Joined)
	case len(data.Left) == 1 && memberIDs(data.Left)[0] == author:
		return tell("group_leave", "leave", "", data.Left)
	case len(data.Left) > 0:
		return tell("group_leave", "remove", "", data.Left)
	case len(data.Promoted) > 0:
		return tell("group_admin_changed", "promote", "", data.Promoted)
	case len(data.Demoted) > 0:
		return tell("group_admin_changed", "demote", "", data.Demoted)
	case data.Name != nil:
		return tell("group_update", "subject", *data.Name, nil)
	case len(data.Description) > 0:
		var text string
		err := json.Unmarshal(data.Description, &text) // null leaves it empty
		if err != nil {
			return "", nil, err
		}
		return tell("group_update", "description", text, nil)
	case data.Announce != nil:
		return tell("group_update", "announce", onOff[*data.Announce], nil)
	case data.Locked != nil:
		return tell("group_update", "restrict", onOff[*data.Locked], nil)
	}
	return "", nil, nil
}

// onOff are the body texts of a setting.
var onOff = map[bool]string{true: "on", false: "off"}

// joinedGroup does not name the member that joined: it is the account.
func joinedGroup(e *payload.Event) (string, any, error) {
	var data struct {
		Group              string
		Sender, PN, Reason *string
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return "", nil, err
	}
	kind := "add"
	if payload.First(data.Reason) == "invite" {
		kind = "invite"
	}
	return notificationData(e, "group_join", data.Group, kind, "", outerAddress(payload.First(data.PN, data.Sender)), e.Time, []string{})
}

// pictureShape is an event of groups alone.
func pictureShape(e *payload.Event) (string, any, error) {
	var data struct {
		JID        string
		Author, PN *string
		Timestamp  time.Time
	}
	if err := json.Unmarshal(e.Data, &data); err != nil || !strings.HasSuffix(data.JID, "@g.us") {
		return "", nil, err
	}
	return notificationData(e, "group_update", data.JID, "picture", "", outerAddress(payload.First(data.PN, data.Author)), data.Timestamp, []string{})
}
