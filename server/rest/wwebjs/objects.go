package wwebjs

import (
	"cmp"
	"strings"
	"time"

	"github.com/waystation/waystation/server/rest"
)

// account is the own account of a session, which messages need: it is their receiver or sender. A route whose answer has messages
// gets it with the option own.
type account struct {
	Address string `from:"/jid"`
}

// own reads the account before the call of a route.
var own = rest.First[account]("session.getStatus", nil, nil)

// chat is an object of the classes Chat and GroupChat of whatsapp-web.js. GroupMetadata is that of a group in the result of chat.get.
type chat struct {
	Archived       bool             `json:"archived" from:"/archived"`
	ID             wid              `json:"id" from:"/chat"`
	IsGroup        bool             `json:"isGroup"`
	IsMuted        bool             `json:"isMuted" from:"/muted"`
	IsReadOnly     bool             `json:"isReadOnly" from:"/read_only"`
	LastMessage    *message         `json:"lastMessage,omitempty" from:"/last_message"`
	MuteExpiration int64            `json:"muteExpiration" doc:"Unix seconds; -1 = without end, 0 = not muted"`
	Name           string           `json:"name" from:"/name" doc:"the number of a person without a name"`
	Pinned         bool             `json:"pinned" from:"/pinned"`
	Timestamp      rest.UnixSeconds `json:"timestamp" from:"/last_message_at" doc:"of the last message; 0 = none"`
	UnreadCount    int              `json:"unreadCount" from:"/unread_count" doc:"-1 = marked as unread"`
	GroupMetadata  *groupMetadata   `json:"groupMetadata,omitempty" from:"/group"`
	MutedUntil     *time.Time       `json:"-" from:"/muted_until"`
	Kind           string           `json:"-" from:"/kind"`
}

// FinishAnswer implements rest.Finisher.
func (c *chat) FinishAnswer() error {
	c.IsGroup = c.Kind == "group"
	if c.Name == "" {
		c.Name = c.ID.User
		if c.ID.Server == personOutside[1:] {
			c.Name = "+" + c.ID.User
		}
	}
	switch {
	case c.IsMuted && c.MutedUntil != nil:
		c.MuteExpiration = c.MutedUntil.Unix()
	case c.IsMuted:
		c.MuteExpiration = -1
	}
	return nil
}

// groupMetadata is the part of a GroupChat that Chat lacks, made of a group of our results.
type groupMetadata struct {
	ID           wid              `json:"id" from:"/group"`
	Owner        *wid             `json:"owner,omitempty" from:"/owner"`
	Creation     rest.UnixSeconds `json:"creation" from:"/created_at"`
	Subject      string           `json:"subject" from:"/name"`
	Description  *string          `json:"desc,omitempty" from:"/description"`
	DescID       *string          `json:"descId,omitempty" from:"/description_id"`
	Restrict     bool             `json:"restrict" from:"/locked" doc:"only admins edit the group info"`
	Announce     bool             `json:"announce" from:"/announce" doc:"only admins write"`
	Participants []participant    `json:"participants" from:"/participants"`
}

type participant struct {
	ID           wid  `json:"id" from:"/contact"`
	IsAdmin      bool `json:"isAdmin" from:"/is_admin"`
	IsSuperAdmin bool `json:"isSuperAdmin" from:"/is_super_admin"`
}

// contact is an object of the class Contact. The server does not know sectionHeader, verifiedLevel and statusMute, which are left out.
type contact struct {
	ID           wid      `json:"id" from:"/contact"`
	Number       *string  `json:"number" from:"/phone_number"`
	Name         *string  `json:"name,omitempty" from:"/full_name" doc:"from the address book"`
	ShortName    *string  `json:"shortName,omitempty" from:"/first_name"`
	Pushname     *string  `json:"pushname,omitempty" from:"/push_name"`
	VerifiedName *string  `json:"verifiedName,omitempty" from:"/verified_name"`
	Labels       []string `json:"labels" from:"/label_ids"`
	Type         string   `json:"type" doc:"in = in the address book, else out"`
	IsMe         bool     `json:"isMe" from:"/is_self"`
	IsUser       bool     `json:"isUser"`
	IsGroup      bool     `json:"isGroup"`
	IsWAContact  bool     `json:"isWAContact" from:"/is_registered" doc:"as far as known"`
	IsMyContact  bool     `json:"isMyContact" from:"/is_saved"`
	IsBlocked    bool     `json:"isBlocked" from:"/is_blocked"`
	IsBusiness   bool     `json:"isBusiness" from:"/is_business"`
	IsEnterprise bool     `json:"isEnterprise" from:"/is_enterprise"`
}

// FinishAnswer implements rest.Finisher.
func (c *contact) FinishAnswer() error {
	c.IsUser, c.IsGroup = c.ID.Server == personOutside[1:] || c.ID.Server == "lid", c.ID.Server == groupServer
	if c.Type = "out"; c.IsMyContact {
		c.Type = "in"
	}
	return nil
}

const groupServer = "g.us"

// clientInfo is an object of the class ClientInfo, made of a session.
type clientInfo struct {
	Pushname string `json:"pushname" from:"/push_name"`
	WID      *wid   `json:"wid" from:"/jid"`
	Me       *wid   `json:"me" from:"/jid"`
	Platform string `json:"platform" from:"/platform" doc:"of the phone"`
}

// label is an object of the class Label.
type label struct {
	ID    string `json:"id" from:"/label_id"`
	Name  string `json:"name" from:"/name"`
	Color string `json:"hexColor" from:"/color_hex"`
}

// message is an object of the class Message. Routes that answer messages have the option own.
type message struct {
	Data struct {
		NotifyName *string `json:"notifyName,omitempty" from:"/sender_name"`
		MimeType   *string `json:"mimetype,omitempty" from:"/media/mime_type"`
		Filename   *string `json:"filename,omitempty" from:"/media/filename"`
		Size       *int    `json:"size,omitempty" from:"/media/size"`
		Quoted     *string `json:"quotedStanzaID,omitempty" from:"/quoted/message_id"`
	} `json:"_data" doc:"some of the fields of WhatsApp Web beside the others"`
	ID              messageKey       `json:"id"`
	MediaKey        *string          `json:"mediaKey,omitempty" from:"/media/keys/media_key"`
	Ack             rest.Word[acks]  `json:"-" from:"/status"`
	AckNumber       int              `json:"ack" doc:"-1 = failed, 0 = pending, 1 = sent, 2 = delivered, 3 = read, 4 = played"`
	HasMedia        bool             `json:"hasMedia"`
	Body            string           `json:"body" from:"/text|/poll/question|/event/name"`
	Type            rest.Word[types] `json:"type" from:"/type"`
	Timestamp       rest.UnixSeconds `json:"timestamp" from:"/timestamp"`
	From            string           `json:"from"`
	To              string           `json:"to"`
	Author          string           `json:"author,omitempty" doc:"in chats of several people"`
	DeviceType      string           `json:"deviceType" from:"/sender_device"`
	IsForwarded     bool             `json:"isForwarded" from:"/forwarded"`
	ForwardingScore int              `json:"forwardingScore" from:"/forwarding_score"`
	IsStatus        bool             `json:"isStatus" from:"/is_status"`
	IsStarred       bool             `json:"isStarred" from:"/starred"`
	Broadcast       bool             `json:"broadcast" from:"/is_broadcast"`
	FromMe          bool             `json:"fromMe" from:"/from_me"`
	HasQuotedMsg    bool             `json:"hasQuotedMsg"`
	HasReaction     bool             `json:"hasReaction"`
	Duration        string           `json:"duration,omitempty" doc:"in seconds"`
	Location        *location        `json:"location,omitempty" from:"/location"`
	VCards          []string         `json:"vCards"`
	InviteV4        *groupInvite     `json:"inviteV4,omitempty" from:"/group_invite"`
	MentionedIDs    []plainID        `json:"mentionedIds" from:"/mentions"`
	GroupMentions   []wid            `json:"groupMentions" doc:"always empty"`
	OrderID         *string          `json:"orderId,omitempty" from:"/order/order_id"`
	Token           *string          `json:"token,omitempty" from:"/order/token"`
	IsGif           bool             `json:"isGif" from:"/media/gif"`
	IsEphemeral     bool             `json:"isEphemeral"`
	Links           []link           `json:"links"`
	PollName        *string          `json:"pollName,omitempty" from:"/poll/question"`
	PollOptions     []pollOption     `json:"pollOptions,omitempty" from:"/poll/options"`
	ManyAnswers     *bool            `json:"allowMultipleAnswers,omitempty"`
	SelectedButton  *string          `json:"selectedButtonId,omitempty"`
	SelectedRow     *string          `json:"selectedRowId,omitempty"`
	Native          nativeMessage    `json:"-"`
}

// nativeMessage has the parts of a message of our results from which other fields of message are made.
type nativeMessage struct {
	ID        string  `from:"/message_id"`
	Chat      string  `from:"/chat_pn|/chat"`
	Sender    string  `from:"/pn|/sender"`
	Voice     bool    `from:"/media/voice_note"`
	Quoted    *string `from:"/quoted/message_id"`
	MediaType *string `from:"/media/mime_type"`
	Reactions int     `from:"#/reactions"`
	Seconds   int     `from:"/media/keys/duration_seconds"`
	Lifetime  int     `from:"/disappearing_seconds"`
	Answers   *int    `from:"/poll/selectable_count"`
	Deleted   *string `from:"/deleted_at"`
	Selection string  `from:"/selection/kind"`
	Selected  *string `from:"/selection/id"`
	Contacts  []struct {
		VCard string `from:"/vcard"`
	} `from:"/contacts"`
}

type location struct {
	Latitude    float64 `json:"latitude" from:"/latitude"`
	Longitude   float64 `json:"longitude" from:"/longitude"`
	Description string  `json:"description" doc:"name and address, a line each"`
	Name        *string `json:"-" from:"/name"`
	Address     *string `json:"-" from:"/address"`
}

// FinishAnswer implements rest.Finisher.
func (l *location) FinishAnswer() error {
	l.Description = strings.Trim(rest.Deref(l.Name)+"\n"+rest.Deref(l.Address), "\n")
	return nil
}

type groupInvite struct {
	Code      string           `json:"inviteCode" from:"/code"`
	ExpiresAt rest.UnixSeconds `json:"inviteCodeExp" from:"/expires_at"`
	Group     plainID          `json:"groupId" from:"/group"`
	GroupName string           `json:"groupName" from:"/group_name"`
	From      string           `json:"fromId"`
	To        string           `json:"toId"`
}

type pollOption struct {
	Name    string `json:"name" from:"/text"`
	LocalID int    `json:"localId"`
}

type link struct {
	Link       string `json:"link"`
	Suspicious bool   `json:"isSuspicious" doc:"always false: links are not examined"`
}

// acks are the states of sent messages.
type acks struct{}

// WordPairs implements rest.Vocabulary.
func (acks) WordPairs() map[string]string {
	return map[string]string{"failed": "-1", "pending": "0", "sent": "1", "delivered": "2", "read": "3", "played": "4"}
}

// types are the types of messages.
type types struct{}

var messageTypes = map[string]string{
	"text": "chat", "audio": "audio", "contact": "vcard", "poll": "poll_creation", "event": "event_creation", "buttons": "interactive", "carousel": "interactive",
	"group_invite": "groups_v4_invite", "system": "protocol", "unavailable": "ciphertext", "call": "call_log",
}

// WordPairs implements rest.Vocabulary.
func (types) WordPairs() map[string]string { return messageTypes }

// FinishAnswerOf implements rest.ExchangeFinisher.
func (m *message) FinishAnswerOf(x *rest.Exchange) error {
	self, _ := x.Kept().(account)
	n := &m.Native
	chat, sender, author := outside(n.Chat), outside(n.Sender), ""
	if server := chat[strings.LastIndexByte(chat, '@')+1:]; server == groupServer || server == "broadcast" {
		author = sender
	}
	m.ID, m.Author = keyOf(m.FromMe, chat, n.ID, author), author
	m.From, m.To = chat, outside(self.Address)
	if m.FromMe {
		m.From, m.To = sender, chat
	}
	if m.InviteV4 != nil {
		m.InviteV4.From, m.InviteV4.To = cmp.Or(author, m.From), m.To
	}
	m.finishContent()
	return nil
}
